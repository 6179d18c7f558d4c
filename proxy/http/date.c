/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of dates in fields. strftime() would write the names in the user's language. Pure; any thread. */
#include "proxy/http/date.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

const char *http_format_date(int64_t unix_s, char text[HTTP_DATE])
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)unix_s;
    struct tm utc;
    int length;

    assert(unix_s >= 0 && unix_s < HTTP_DATE_END);
    gmtime_r(&seconds, &utc);
    length = snprintf(text, HTTP_DATE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
                      utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    assert(length == HTTP_DATE - 1); /* and so nothing was cut */
    return text;
}
