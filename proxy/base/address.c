/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns nothing: text to address values and back, and arithmetic on them. Any thread. Texts of IP addresses are those of
 * inet_pton(3), which takes no leading zeros, no short forms and no zones, and of inet_ntop(3). IPv4-mapped addresses are those
 * of RFC 4291 2.5.5.2.
 */
#include "proxy/base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

/** An IP address as a number: IPv4 in the lowest 32 bits. */
struct ip_number {
    uint64_t high;
    uint64_t low;
};

/** Reads decimal digits without sign, space or leading zero, up to the end of the text. */
static int parse_decimal(const char *text, unsigned max, unsigned *ret)
{
    unsigned value = 0;

    if (*text == '\0' || (text[0] == '0' && text[1] != '\0'))
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (unsigned)(*text - '0');
        if (value > max)
            return -1;
    }
    *ret = value;
    return 0;
}

/** Copies `length` characters and ends them with a zero; -1 if there are none or too many. */
static int copy_part(char *ret, size_t size, const char *text, size_t length)
{
    if (length == 0 || length >= size)
        return -1;
    memcpy(ret, text, length);
    ret[length] = '\0';
    return 0;
}

static bool is_ipv6_text(const char *text)
{
    struct in6_addr ignored;

    return inet_pton(AF_INET6, text, &ignored) == 1;
}

int address_parse(const char *text, struct address *ret)
{
    char inner[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    size_t length = strlen(text);

    if (text[0] == '[') {
        if (text[length - 1] != ']' || length < 2 || copy_part(inner, sizeof(inner), text + 1, length - 2) != 0)
            return -1;
        text = inner;
    } else if (inet_pton(AF_INET, text, bytes) == 1) {
        return address_from_bytes(ret, bytes, 4, 0);
    }
    if (inet_pton(AF_INET6, text, bytes) == 1)
        return address_from_bytes(ret, bytes, 16, 0);
    return -1;
}

int address_parse_port(const char *text, struct address *ret)
{
    char host[INET6_ADDRSTRLEN];
    struct address found;
    uint16_t port;

    if (address_split(text, host, sizeof(host), &port) != 0 || address_parse(host, &found) != 0)
        return -1;
    address_set_port(&found, port);
    *ret = found;
    return 0;
}

int address_split(const char *text, char *ret_host, size_t host_size, uint16_t *ret_port)
{
    char inner[INET6_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t length;
    unsigned port;

    if (colon == NULL || parse_decimal(colon + 1, UINT16_MAX, &port) != 0)
        return -1;
    length = (size_t)(colon - text);
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        host = text + 1;
        length -= 2;
        if (copy_part(inner, sizeof(inner), host, length) != 0 || !is_ipv6_text(inner))
            return -1;
    } else if (strcspn(text, ":[]") != length) {
        return -1; /* an IPv6 address without brackets could end anywhere */
    }
    if (copy_part(ret_host, host_size, host, length) != 0)
        return -1;
    *ret_port = (uint16_t)port;
    return 0;
}

void address_from_sockaddr(struct address *a, const struct sockaddr *sa, socklen_t len)
{
    struct address found = {0};

    memset(a, 0, sizeof(*a));
    if (sa == NULL)
        return;
    memcpy(&found.sa, sa, len < sizeof(found.sa) ? len : sizeof(found.sa));
    if (found.sa.any.sa_family == AF_INET && len >= sizeof(found.sa.v4)) {
        a->sa.v4.sin_family = AF_INET;
        a->sa.v4.sin_port = found.sa.v4.sin_port;
        a->sa.v4.sin_addr = found.sa.v4.sin_addr;
    } else if (found.sa.any.sa_family == AF_INET6 && len >= sizeof(found.sa.v6)) {
        (void)address_from_bytes(a, found.sa.v6.sin6_addr.s6_addr, 16, ntohs(found.sa.v6.sin6_port));
        if (a->sa.any.sa_family == AF_INET6)
            a->sa.v6.sin6_scope_id = found.sa.v6.sin6_scope_id; /* needed to answer a link-local peer */
    }
}

socklen_t address_len(const struct address *a)
{
    switch (a->sa.any.sa_family) {
    case AF_INET:
        return sizeof(a->sa.v4);
    case AF_INET6:
        return sizeof(a->sa.v6);
    default:
        return 0;
    }
}

uint16_t address_port(const struct address *a)
{
    switch (a->sa.any.sa_family) {
    case AF_INET:
        return ntohs(a->sa.v4.sin_port);
    case AF_INET6:
        return ntohs(a->sa.v6.sin6_port);
    default:
        return 0;
    }
}

void address_set_port(struct address *a, uint16_t port)
{
    assert(address_is_set(a));
    if (a->sa.any.sa_family == AF_INET)
        a->sa.v4.sin_port = htons(port);
    else
        a->sa.v6.sin6_port = htons(port);
}

bool address_is_set(const struct address *a)
{
    return a->sa.any.sa_family == AF_INET || a->sa.any.sa_family == AF_INET6;
}

bool address_is_any(const struct address *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return a->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

bool address_is_loopback(const struct address *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return ntohl(a->sa.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->sa.v6.sin6_addr);
}

bool address_same_ip(const struct address *a, const struct address *b)
{
    return address_compare_ip(a, b) == 0;
}

int address_compare_ip(const struct address *a, const struct address *b)
{
    uint8_t a_bytes[16];
    uint8_t b_bytes[16];
    size_t a_count = address_bytes(a, a_bytes);
    size_t b_count = address_bytes(b, b_bytes);

    if (a_count != b_count)
        return a_count < b_count ? -1 : 1;
    return memcmp(a_bytes, b_bytes, a_count);
}

uint32_t address_hash(const struct address *a)
{
    uint8_t bytes[16];
    size_t count = address_bytes(a, bytes);
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/** Writes a number's digits; returns where the next byte goes. Not sprintf(), which takes longer than all else of a text. */
static char *put_number(char *at, unsigned number)
{
    if (number >= 10)
        at = put_number(at, number / 10);
    *at = (char)('0' + number % 10);
    return at + 1;
}

static char *put_hex(char *at, unsigned number)
{
    if (number >= 16)
        at = put_hex(at, number / 16);
    *at = "0123456789abcdef"[number % 16];
    return at + 1;
}

static char *put_ip4(char *at, const uint8_t bytes[4])
{
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = put_number(at, bytes[i]);
    }
    return at;
}

/** The first of the longest runs of groups that are zero, if it has two at least; else none, at 8. */
static size_t find_zeros(const uint16_t groups[8], size_t *ret_count)
{
    size_t begin = 8;

    *ret_count = 1;
    for (size_t i = 0; i < 8; i++) {
        size_t end = i;

        while (end < 8 && groups[end] == 0)
            end++;
        if (end - i > *ret_count) {
            begin = i;
            *ret_count = end - i;
        }
    }
    return begin;
}

/** As RFC 5952 4 has it. */
static char *put_ip6(char *at, const uint8_t bytes[16])
{
    uint16_t groups[8];
    size_t zeros, count;

    for (size_t i = 0; i < 8; i++)
        groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    zeros = find_zeros(groups, &count);
    if (zeros == 0 && count == 6) { /* RFC 4291 2.5.5.1 */
        memcpy(at, "::", 2);
        return put_ip4(at + 2, bytes + 12);
    }
    for (size_t i = 0; i < 8; i++) {
        if (i > 0 || i == zeros)
            *at++ = ':';
        if (i == zeros) {
            i += count - 1;
            if (i == 7)
                *at++ = ':'; /* elsewhere the next group begins with it */
        } else {
            at = put_hex(at, groups[i]);
        }
    }
    return at;
}

static char *put_ip(char *at, const struct address *a)
{
    switch (a->sa.any.sa_family) {
    case AF_INET:
        return put_ip4(at, (const uint8_t *)&a->sa.v4.sin_addr);
    case AF_INET6:
        return put_ip6(at, a->sa.v6.sin6_addr.s6_addr);
    default:
        *at = '-';
        return at + 1;
    }
}

const char *address_format(const struct address *a, char text[ADDRESS_TEXT])
{
    bool is_bracketed = a->sa.any.sa_family == AF_INET6;
    char *at = text;

    if (is_bracketed)
        *at++ = '[';
    at = put_ip(at, a);
    if (is_bracketed)
        *at++ = ']';
    if (address_is_set(a)) {
        *at++ = ':';
        at = put_number(at, address_port(a));
    }
    *at = '\0';
    return text;
}

const char *address_format_ip(const struct address *a, char text[ADDRESS_TEXT])
{
    *put_ip(text, a) = '\0';
    return text;
}

size_t address_bytes(const struct address *a, uint8_t bytes[16])
{
    switch (a->sa.any.sa_family) {
    case AF_INET:
        memcpy(bytes, &a->sa.v4.sin_addr, 4);
        return 4;
    case AF_INET6:
        memcpy(bytes, &a->sa.v6.sin6_addr, 16);
        return 16;
    default:
        return 0;
    }
}

int address_from_bytes(struct address *ret, const uint8_t *bytes, size_t count, uint16_t port)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct address found = {0};

    if (count == 16 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        bytes += sizeof(mapped);
        count = 4;
    }
    if (count == 4) {
        found.sa.v4.sin_family = AF_INET;
        found.sa.v4.sin_port = htons(port);
        memcpy(&found.sa.v4.sin_addr, bytes, 4);
    } else if (count == 16) {
        found.sa.v6.sin6_family = AF_INET6;
        found.sa.v6.sin6_port = htons(port);
        memcpy(&found.sa.v6.sin6_addr, bytes, 16);
    } else {
        return -1;
    }
    *ret = found;
    return 0;
}

/** True if all bits after the first `prefix` are zero in `bytes`. */
static bool is_zero_below(const uint8_t *bytes, size_t count, unsigned prefix)
{
    for (size_t i = 0; i < count; i++) {
        unsigned kept = prefix <= 8 * i ? 0 : prefix - 8 * (unsigned)i;

        if (kept < 8 && (bytes[i] & (0xffU >> kept)) != 0)
            return false;
    }
    return true;
}

int network_parse(const char *text, struct network *ret)
{
    char part[ADDRESS_TEXT];
    uint8_t bytes[16];
    struct network found = {0};
    size_t length = strcspn(text, "/");
    size_t count;
    bool was_mapped;

    if (copy_part(part, sizeof(part), text, length) != 0 || address_parse(part, &found.base) != 0)
        return -1;
    count = address_bytes(&found.base, bytes);
    was_mapped = count == 4 && strchr(part, ':') != NULL;
    found.prefix = was_mapped ? 128 : 8 * (unsigned)count;
    if (text[length] == '/' && parse_decimal(text + length + 1, found.prefix, &found.prefix) != 0)
        return -1;
    if (was_mapped) {
        if (found.prefix < 96)
            return -1; /* would be IPv4 and IPv6 at once */
        found.prefix -= 96;
    }
    if (!is_zero_below(bytes, count, found.prefix))
        return -1;
    *ret = found;
    return 0;
}

bool network_contains(const struct network *n, const struct address *a)
{
    uint8_t base[16];
    uint8_t bytes[16];
    size_t count = address_bytes(&n->base, base);

    if (count == 0 || address_bytes(a, bytes) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        bytes[i] ^= base[i];
    for (size_t i = 0; i < n->prefix / 8; i++)
        if (bytes[i] != 0)
            return false;
    return n->prefix % 8 == 0 || bytes[n->prefix / 8] >> (8 - n->prefix % 8) == 0;
}

static struct ip_number number_of(const struct address *a)
{
    uint8_t bytes[16];
    size_t count = address_bytes(a, bytes);
    struct ip_number number = {0, 0};

    for (size_t i = 0; i < count; i++) {
        number.high = number.high << 8 | number.low >> 56;
        number.low = number.low << 8 | bytes[i];
    }
    return number;
}

int address_range_parse(const char *text, struct address_range *ret)
{
    char part[ADDRESS_TEXT];
    struct address_range found;
    size_t length = strcspn(text, "-");

    if (copy_part(part, sizeof(part), text, length) != 0 || address_parse(part, &found.first) != 0)
        return -1;
    found.last = found.first;
    if (text[length] == '-' && address_parse(text + length + 1, &found.last) != 0)
        return -1;
    if (found.first.sa.any.sa_family != found.last.sa.any.sa_family || address_compare_ip(&found.first, &found.last) > 0)
        return -1;
    *ret = found;
    return 0;
}

bool address_range_contains(const struct address_range *r, const struct address *a)
{
    return address_is_set(a) && a->sa.any.sa_family == r->first.sa.any.sa_family && address_compare_ip(&r->first, a) <= 0 &&
           address_compare_ip(a, &r->last) <= 0;
}

bool address_range_overlaps(const struct address_range *a, const struct address_range *b)
{
    return address_range_contains(a, &b->first) || address_range_contains(b, &a->first);
}

size_t address_range_count(const struct address_range *r, size_t cap)
{
    struct ip_number first = number_of(&r->first);
    struct ip_number last = number_of(&r->last);
    uint64_t low = last.low - first.low;
    uint64_t high = last.high - first.high - (last.low < first.low);

    if (!address_is_set(&r->first))
        return 0;
    if (high != 0 || low >= cap)
        return cap;
    return (size_t)low + 1;
}

struct address address_range_at(const struct address_range *r, size_t index)
{
    struct address found = r->first;
    uint8_t bytes[16];
    size_t count = address_bytes(&r->first, bytes);
    struct ip_number number = number_of(&r->first);

    number.low += index;
    number.high += number.low < index;
    for (size_t i = count; i > 0; i--) {
        bytes[i - 1] = (uint8_t)number.low;
        number.low = number.low >> 8 | number.high << 56;
        number.high >>= 8;
    }
    if (count == 4)
        memcpy(&found.sa.v4.sin_addr, bytes, 4);
    else if (count == 16)
        memcpy(&found.sa.v6.sin6_addr, bytes, 16);
    assert(address_range_contains(r, &found));
    return found;
}

int port_range_parse(const char *text, struct port_range *ret)
{
    char part[8];
    size_t length = strcspn(text, "-");
    unsigned first;
    unsigned last;

    if (copy_part(part, sizeof(part), text, length) != 0 || parse_decimal(part, UINT16_MAX, &first) != 0)
        return -1;
    last = first;
    if (text[length] == '-' && parse_decimal(text + length + 1, UINT16_MAX, &last) != 0)
        return -1;
    if (first == 0 || last < first)
        return -1;
    ret->first = (uint16_t)first;
    ret->last = (uint16_t)last;
    return 0;
}

bool port_range_contains(const struct port_range *r, uint16_t port)
{
    return port != 0 && r->first <= port && port <= r->last;
}
