/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a request is for: the forms of a target and of a host. Follows RFC 9112 3.2, RFC 9110 4.2, 7.2. Pure; any thread. */
#include "proxy/http/target.h"

#include "proxy/http/grammar.h"

#include <arpa/inet.h>
#include <string.h>

#define PORT_DIGITS    5
#define NAME_MAX_BYTES 255 /* RFC 1035 2.3.4 */

static struct slice from(struct slice s, size_t at)
{
    return (struct slice){s.at + at, s.length - at};
}

/** Where the first such byte stands, or the length. */
static size_t find(struct slice s, char byte)
{
    size_t at = 0;

    while (at < s.length && s.at[at] != byte) /* not memchr(): under ASan gcc 12 warns of a length that can't be */
        at++;
    return at;
}

/** The length of "[...]" with an IPv6 address in it at the beginning of `s`, or 0. No zone, no future version (RFC 3986 3.2.2).
 */
static size_t bracketed_length(struct slice s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t end = find(s, ']');

    if (end == s.length || end < 2 || end - 1 >= sizeof(text))
        return 0;
    memcpy(text, s.at + 1, end - 1);
    text[end - 1] = '\0';
    /* inet_pton() would stop at a zero. */
    return strlen(text) == end - 1 && inet_pton(AF_INET6, text, &address) == 1 ? end + 1 : 0;
}

/** 1 to 65535 in at most five digits. */
static bool read_port(struct slice s, unsigned *ret)
{
    uint64_t port;

    if (s.length > PORT_DIGITS || !slice_number(s, &port) || port == 0 || port > UINT16_MAX)
        return false;
    *ret = (unsigned)port;
    return true;
}

bool http_split_host(struct slice host, struct slice *ret_name, unsigned *ret_port)
{
    bool is_bracketed = host.length > 0 && host.at[0] == '[';
    size_t length = is_bracketed ? bracketed_length(host) : http_span(host, HTTP_HOST);
    unsigned port = 0;

    if (length == 0 || length > NAME_MAX_BYTES)
        return false;
    if (length < host.length && (host.at[length] != ':' || !read_port(from(host, length + 1), &port)))
        return false;
    *ret_name = (struct slice){host.at, length};
    *ret_port = port;
    return true;
}

/** RFC 9110 7.2, RFC 9112 3.2: exactly one Host in HTTP/1.1, none or one in HTTP/1.0. */
static enum http_fault read_host(const struct http_head *head, struct http_target *ret)
{
    const struct http_field *field = http_find(head, HTTP_NAME_HOST, 0);

    if (field == NULL)
        return head->minor == 0 ? HTTP_FAULT_NONE : HTTP_FAULT_HOST_MISSING;
    if (http_find(head, HTTP_NAME_HOST, 1) != NULL)
        return HTTP_FAULT_HOST_TWICE;
    ret->host = field->value;
    return http_split_host(ret->host, &ret->name, &ret->port) ? HTTP_FAULT_NONE : HTTP_FAULT_BAD_HOST;
}

/** A request for a proxy, or to check one; and the ways that other programs write them. Case plays no part: it does for no
 * server. */
static bool is_served(struct slice method)
{
    return !slice_is_nocase(method, "CONNECT") && !slice_is_nocase(method, "TRACE") && !slice_is_nocase(method, "TRACK") &&
           !slice_is_nocase(method, "PRI");
}

/** `path` is what follows the authority, perhaps nothing. RFC 9112 3.2.4: nothing is "*" for OPTIONS, else "/" (3.2.1). */
static enum http_fault set_origin(const struct http_head *head, struct slice path, struct http_target *ret)
{
    if (path.length == 0)
        path = slice_of(slice_is(head->method, "OPTIONS") ? "*" : "/");
    else if (path.at[0] != '/')
        return HTTP_FAULT_BAD_TARGET;
    ret->origin = path;
    return HTTP_FAULT_NONE;
}

/** RFC 9112 3.2.2: Host must be the same as the authority. Which of two a server believes differs, so the same it must be. */
static enum http_fault read_absolute(const struct http_head *head, struct slice target, struct http_target *ret)
{
    struct slice rest = from(target, find(target, ':') + 3);
    struct slice authority = {rest.at, find((struct slice){rest.at, find(rest, '/')}, '?')};
    struct slice name;
    unsigned port;

    if (!http_split_host(authority, &name, &port)) /* also user information: RFC 9110 4.2.4 */
        return HTTP_FAULT_BAD_TARGET;
    if (ret->host.length == 0) {
        ret->host = authority;
        ret->name = name;
        ret->port = port;
    }
    if (!slice_equals_nocase(ret->host, authority))
        return HTTP_FAULT_HOST_MISMATCH;
    return set_origin(head, from(rest, authority.length), ret);
}

/** RFC 9112 3.2: origin-form, absolute-form, asterisk-form. Authority-form is for CONNECT only. */
static enum http_fault read_form(const struct http_head *head, struct http_target *ret)
{
    struct slice target = head->target;

    if (find(target, '#') < target.length)
        return HTTP_FAULT_BAD_TARGET;
    if (slice_starts(target, "/"))
        return set_origin(head, target, ret);
    if (slice_is(target, "*") && slice_is(head->method, "OPTIONS")) {
        ret->origin = target;
        return HTTP_FAULT_NONE;
    }
    if (slice_starts_nocase(target, "http://") || slice_starts_nocase(target, "https://"))
        return read_absolute(head, target, ret);
    return HTTP_FAULT_BAD_TARGET;
}

enum http_fault http_target(const struct http_head *head, struct http_target *ret)
{
    enum http_fault fault;
    size_t length;

    *ret = (struct http_target){.port = 0};
    if (!is_served(head->method))
        return HTTP_FAULT_METHOD_NOT_SERVED;
    fault = read_host(head, ret);
    if (fault == HTTP_FAULT_NONE)
        fault = read_form(head, ret);
    if (fault != HTTP_FAULT_NONE)
        return fault;
    length = find(ret->origin, '?');
    ret->path = (struct slice){ret->origin.at, length};
    if (length < ret->origin.length)
        ret->query = from(ret->origin, length + 1);
    return HTTP_FAULT_NONE;
}

/** The first byte of a path as a server that decodes it would see it, and how many bytes it took; -1: a "%" that is no escape. */
static int decoded(struct slice s, size_t *ret_length)
{
    int high;
    int low;

    *ret_length = s.at[0] == '%' ? 3 : 1;
    if (s.at[0] != '%')
        return (unsigned char)s.at[0];
    if (s.length < 3)
        return -1;
    high = http_hex(s.at[1]);
    low = http_hex(s.at[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/** A "/" in a segment was encoded. A ";" ends the name for servers that know parameters of segments. */
static bool is_devious_segment(struct slice s)
{
    size_t dots = 0;
    bool is_dots = true; /* nothing else so far */

    while (s.length > 0) {
        size_t length;
        int byte = decoded(s, &length);

        if (byte < 0 || byte == '/' || byte == '\\' || http_is((char)byte, HTTP_CONTROL))
            return true;
        if (byte == ';' && is_dots && dots > 0 && dots <= 2)
            return true;
        is_dots = is_dots && byte == '.';
        dots += byte == '.';
        s = from(s, length);
    }
    return is_dots && dots > 0 && dots <= 2;
}

bool http_path_is_devious(struct slice path)
{
    while (path.length > 0) {
        size_t length = find(path, '/');

        if (is_devious_segment((struct slice){path.at, length}))
            return true;
        path = from(path, length < path.length ? length + 1 : length);
    }
    return false;
}
