/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how a time of the week is written. Pure, any thread. */
#include "config/hours.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { DAYS = 7, EVERY_DAY = 0x7f, DAY_MINUTES = 24 * 60 };

/* In the order of tm_wday. */
static const char *const days[DAYS] = {"Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"};

/* -1: it is none. */
static int take_day(const char **at)
{
    for (int i = 0; i < DAYS; i++)
        if (strncasecmp(*at, days[i], 2) == 0) {
            *at += 2;
            return i;
        }
    return -1;
}

/* "Mo-Fr" or "Mo"; "Fr-Mo" goes over the week's end. */
static bool take_days_of_range(const char **at, unsigned *mask)
{
    int first = take_day(at), last = first;

    if (first >= 0 && **at == '-') {
        (*at)++;
        last = take_day(at);
    }
    if (first < 0 || last < 0)
        return false;
    for (int day = first;; day = (day + 1) % DAYS) {
        *mask |= 1u << day;
        if (day == last)
            return true;
    }
}

/* Days and the blanks behind them; none if the text begins with a digit. */
static bool take_days(const char **at, unsigned *mask)
{
    *mask = isdigit((unsigned char)**at) ? EVERY_DAY : 0;
    if (*mask != 0)
        return true;
    while (take_days_of_range(at, mask)) {
        if (**at == ' ') {
            *at += strspn(*at, " ");
            return true;
        }
        if (*(*at)++ != ',')
            return false;
    }
    return false;
}

static bool take_number(const char **at, unsigned max, unsigned *ret)
{
    unsigned number = 0;
    int digits = 0;

    for (; isdigit((unsigned char)**at) && digits < 2; digits++)
        number = number * 10 + (unsigned)(*(*at)++ - '0');
    *ret = number;
    return digits > 0 && number <= max;
}

/* "7", "07" or "07:30", up to "24:00". */
static bool take_time(const char **at, unsigned *ret)
{
    unsigned hour, minute = 0;

    if (!take_number(at, 24, &hour))
        return false;
    if (**at == ':') {
        const char *digits = ++*at;

        if (!take_number(at, 59, &minute) || *at - digits != 2)
            return false;
    }
    *ret = hour * 60 + minute;
    return *ret <= DAY_MINUTES;
}

bool cfg_hours_parse(const char *text, struct cfg_hours *ret)
{
    struct cfg_hours hours = *ret;

    if (!take_days(&text, &hours.days) || !take_time(&text, &hours.first) || *text++ != '-' || !take_time(&text, &hours.end))
        return false;
    if (*text != '\0' || hours.first == DAY_MINUTES || hours.end == 0 || hours.first == hours.end)
        return false;
    *ret = hours;
    return true;
}
