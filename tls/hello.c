/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of what a client hello asks for (RFC 6066, RFC 7301) before any certificate is chosen. Pure, any thread. */
#include "tls/hello.h"

#include <string.h>
#include <strings.h>

/** What is left to read of an extension. */
struct cursor {
    const uint8_t *at;
    size_t left;
};

/** A number of `width` bytes in network order; -1 if it is cut short. */
static long take_number(struct cursor *c, size_t width)
{
    long value = 0;
    if (c->left < width)
        return -1;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | c->at[i];
    c->at += width;
    c->left -= width;
    return value;
}

/** A byte string with a length of `width` bytes before it, at least one byte long. NULL if it is cut short or empty. */
static const uint8_t *take_string(struct cursor *c, size_t width, size_t *ret_length)
{
    long length = take_number(c, width);
    if (length <= 0 || (size_t)length > c->left)
        return NULL;
    const uint8_t *bytes = c->at;
    c->at += length;
    c->left -= (size_t)length;
    *ret_length = (size_t)length;
    return bytes;
}

/** Both extensions are one list with its length in two bytes before it, and nothing after. */
static int open_list(struct cursor *c, const uint8_t *bytes, size_t length)
{
    *c = (struct cursor){bytes, length};
    long list = take_number(c, 2);
    return list > 0 && (size_t)list == c->left ? 0 : -1;
}

int hello_server_name(const uint8_t *bytes, size_t length, char name[HELLO_NAME_MAX + 1])
{
    enum { HOST_NAME = 0 };
    struct cursor c;
    uint8_t seen[256] = {0};
    name[0] = '\0';
    if (open_list(&c, bytes, length) != 0)
        return -1;
    while (c.left > 0) {
        size_t n = 0;
        long type = take_number(&c, 1);
        const uint8_t *host = take_string(&c, 2, &n);
        if (host == NULL || seen[type]++ != 0)
            return -1;
        if (type != HOST_NAME)
            continue;
        if (n > HELLO_NAME_MAX || memchr(host, 0, n) != NULL)
            return -1;
        memcpy(name, host, n);
        name[n] = '\0';
    }
    return 0;
}

int hello_offers(const uint8_t *bytes, size_t length, const char *protocol, bool *ret)
{
    struct cursor c;
    bool is_offered = false;
    if (open_list(&c, bytes, length) != 0)
        return -1;
    while (c.left > 0) {
        size_t n = 0;
        const uint8_t *offer = take_string(&c, 1, &n);
        if (offer == NULL)
            return -1;
        if (n == strlen(protocol) && memcmp(offer, protocol, n) == 0)
            is_offered = true;
    }
    *ret = is_offered;
    return 0;
}

enum hello_match hello_match(const char *pattern, const char *name)
{
    if (name[0] == '\0')
        return HELLO_MATCH_NONE;
    if (strchr(pattern, '*') == NULL)
        return strcasecmp(pattern, name) == 0 ? HELLO_MATCH_EXACT : HELLO_MATCH_NONE;
    if (pattern[0] != '*' || pattern[1] != '.' || strchr(pattern + 1, '*') != NULL)
        return HELLO_MATCH_NONE;
    const char *dot = strchr(name, '.');
    if (dot == NULL || dot == name)
        return HELLO_MATCH_NONE;
    return strcasecmp(pattern + 1, dot) == 0 ? HELLO_MATCH_WILDCARD : HELLO_MATCH_NONE;
}
