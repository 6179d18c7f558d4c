/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A point in time as HTTP writes it. Pure: the caller has the clock; locale and time zone play no part.
 */
#pragma once

#include <stdint.h>

/** Room for a date and the final zero. */
#define HTTP_DATE 30

/** The first second of the year 10000, which has no date of four digits. */
#define HTTP_DATE_END INT64_C(253402300800)

/** "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC 9110 5.6.7) of seconds since 1970, below HTTP_DATE_END. Returns `text`. */
const char *http_format_date(int64_t unix_s, char text[HTTP_DATE]);
