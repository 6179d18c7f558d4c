/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks into heads that came whole. It trusts their grammar: the peer is a program under test, not an attacker.
 */
#include "test/bench/load/head.h"

#include <string.h>
#include <strings.h>

#define DIGITS_LIMIT 15

size_t head_length(const char *bytes, size_t size)
{
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);

    return end == NULL ? 0 : (size_t)(end - bytes) + 4;
}

bool head_field(const char *head, size_t length, const char *name, struct head_value *value)
{
    size_t name_length = strlen(name);
    const char *end = head + length;
    const char *line = memchr(head, '\n', length);

    while (line != NULL && (size_t)(end - ++line) > name_length + 1) {
        const char *stop = memchr(line, '\r', (size_t)(end - line));

        if (stop != NULL && line[name_length] == ':' && strncasecmp(line, name, name_length) == 0) {
            const char *at = line + name_length + 1;

            while (at < stop && *at == ' ')
                at++;
            *value = (struct head_value){at, (size_t)(stop - at)};
            return true;
        }
        line = stop == NULL ? NULL : memchr(stop, '\n', (size_t)(end - stop));
    }
    return false;
}

bool head_field_is(const char *head, size_t length, const char *name, const char *value)
{
    struct head_value v;

    return head_field(head, length, name, &v) && v.length == strlen(value) && strncasecmp(v.at, value, v.length) == 0;
}

int head_number(const char *text, size_t length, uint64_t *number)
{
    uint64_t n = 0;

    if (length == 0 || length > DIGITS_LIMIT)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    *number = n;
    return 0;
}

int head_content_length(const char *head, size_t length, uint64_t *number)
{
    struct head_value v;

    if (!head_field(head, length, "Content-Length", &v))
        return -1;
    return head_number(v.at, v.length, number);
}
