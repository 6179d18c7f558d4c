/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: text to sockaddr and back. Pure functions, one thread. IPv6 literals in brackets as in RFC 3986, 3.2.2. */
#include "test/sim/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int address_parse_ip(struct address *a, const char *text)
{
    struct address made = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&made.storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&made.storage;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        made.len = sizeof(*v4);
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        made.len = sizeof(*v6);
    } else {
        return -1;
    }
    *a = made;
    return 0;
}

int address_parse_endpoint(struct address *a, const char *text)
{
    char host[ADDRESS_TEXT];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
        return -1;
    char *rest = NULL;
    unsigned long port = strtoul(colon + 1, &rest, 10);
    if (*rest != '\0' || port > 65535)
        return -1;
    size_t len = (size_t)(colon - text);
    bool has_brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (!has_brackets && memchr(text, ':', len) != NULL)
        return -1;
    memcpy(host, has_brackets ? text + 1 : text, len);
    host[has_brackets ? len - 2 : len] = '\0';
    struct address made;
    if (address_parse_ip(&made, host) != 0)
        return -1;
    address_set_port(&made, (uint16_t)port);
    *a = made;
    return 0;
}

const char *address_format_ip(const struct address *a, char text[ADDRESS_TEXT])
{
    const void *raw = &((const struct sockaddr_in *)&a->storage)->sin_addr;
    if (a->storage.ss_family == AF_INET6)
        raw = &((const struct sockaddr_in6 *)&a->storage)->sin6_addr;
    if (a->len == 0 || inet_ntop(a->storage.ss_family, raw, text, ADDRESS_TEXT) == NULL)
        snprintf(text, ADDRESS_TEXT, "-");
    return text;
}

const char *address_format(const struct address *a, char text[ADDRESS_TEXT])
{
    char ip[ADDRESS_TEXT];
    if (a->len == 0)
        return address_format_ip(a, text);
    address_format_ip(a, ip);
    bool is_v6 = a->storage.ss_family == AF_INET6;
    snprintf(text, ADDRESS_TEXT, "%s%.46s%s:%u", is_v6 ? "[" : "", ip, is_v6 ? "]" : "", (unsigned)address_port(a));
    return text;
}

uint16_t address_port(const struct address *a)
{
    if (a->storage.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->storage)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&a->storage)->sin_port);
}

void address_set_port(struct address *a, uint16_t port)
{
    assert(a->len != 0);
    if (a->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->storage)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&a->storage)->sin_port = htons(port);
}

void address_add(struct address *a, uint32_t n)
{
    assert(a->len != 0);
    uint8_t *low = (uint8_t *)&((struct sockaddr_in *)&a->storage)->sin_addr;
    if (a->storage.ss_family == AF_INET6)
        low = ((struct sockaddr_in6 *)&a->storage)->sin6_addr.s6_addr + 12;
    uint32_t word;
    memcpy(&word, low, 4);
    word = htonl(ntohl(word) + n);
    memcpy(low, &word, 4);
}

struct address address_any(const struct address *like)
{
    struct address any = {.len = like->len};
    any.storage.ss_family = like->storage.ss_family; /* all zero is the wildcard in both families */
    return any;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
}
