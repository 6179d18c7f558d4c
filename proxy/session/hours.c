/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a time of the week says. Pure, any thread. */
#include "proxy/session/hours.h"

enum { DAYS = 7 };

static bool contains(const struct cfg_hours *h, int weekday, unsigned minute)
{
    bool is_today = h->days >> weekday & 1, was_yesterday = h->days >> (weekday + DAYS - 1) % DAYS & 1;

    if (h->end > h->first)
        return is_today && minute >= h->first && minute < h->end;
    return (is_today && minute >= h->first) || (was_yesterday && minute < h->end);
}

bool hours_contain(const struct cfg_hours *list, size_t count, int weekday, int minute)
{
    for (size_t i = 0; i < count; i++)
        if (contains(&list[i], weekday, (unsigned)minute))
            return true;
    return count == 0;
}
