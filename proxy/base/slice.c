/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how slices are compared and cut. Pure; any thread. */
#include "proxy/base/slice.h"

/** Not tolower(): the locale plays no part. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool slice_bytes_equal_nocase(const char *a, const char *b, size_t length)
{
    /* Most bytes are the same, case and all. */
    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.length > 0 && is_blank(s.at[0])) {
        s.at++;
        s.length--;
    }
    while (s.length > 0 && is_blank(s.at[s.length - 1]))
        s.length--;
    return s;
}

/** Where the first element ends: at a comma outside of quoted strings, or at the end. */
static size_t element_length(struct slice s)
{
    bool is_quoted = false;
    size_t at = 0;

    for (; at < s.length; at++) {
        if (s.at[at] == '"')
            is_quoted = !is_quoted;
        else if (s.at[at] == '\\' && is_quoted && at + 1 < s.length)
            at++;
        else if (s.at[at] == ',' && !is_quoted)
            break;
    }
    return at;
}

bool slice_next_element(struct slice *rest, struct slice *ret_element)
{
    while (rest->length > 0) {
        size_t length = element_length(*rest);
        struct slice element = slice_trim((struct slice){rest->at, length});
        size_t passed = length < rest->length ? length + 1 : length;

        rest->at += passed;
        rest->length -= passed;
        if (element.length > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

bool slice_number(struct slice s, uint64_t *ret)
{
    uint64_t number = 0;

    if (s.length == 0)
        return false;
    for (size_t i = 0; i < s.length; i++) {
        uint64_t digit = (uint64_t)(s.at[i] - '0');

        if (s.at[i] < '0' || s.at[i] > '9' || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret = number;
    return true;
}
