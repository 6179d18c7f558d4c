/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the parsing of values that are words of HTTP (RFC 9110, RFC 9112). What passes here may be sent as it is. Any thread. */
#include "config/values_http.h"
#include "config/memory.h"
#include "config/model.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_BYTES = 254, VALUE_BYTES = 4096, STATUS_FIRST = 100, STATUS_LAST = 599 };

bool cfg_is_host_name(const char *host)
{
    size_t length = strlen(host);
    size_t label = 0;

    if (length > HOST_BYTES - 1 || strspn(host, "0123456789.") == length)
        return false;
    for (; *host; host++) {
        if (*host == '.' ? label == 0 : !isalnum((unsigned char)*host) && *host != '_' && (*host != '-' || label == 0))
            return false;
        label = *host == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return true;
}

static bool keep(const char *text, void *member)
{
    *(char **)member = cfg_copy(text);
    return true;
}

/* An IP address as URLs have it: IPv6 in brackets. */
static bool is_url_address(const char *text)
{
    struct address address;

    return address_parse(text, &address) == 0 && (strchr(text, ':') == NULL || text[0] == '[');
}

static bool is_url_host(const char *text)
{
    return cfg_is_host_name(text) || is_url_address(text);
}

bool cfg_parse_host(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct address address;

    (void)row;
    (void)place;
    if (!cfg_is_host_name(text) && (text[0] == '[' || address_parse(text, &address) < 0))
        return false;
    return keep(text, member);
}

bool cfg_parse_host_field(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct address address;
    char host[HOST_BYTES];
    uint16_t port;

    (void)row;
    (void)place;
    if (is_url_host(text))
        return keep(text, member);
    if (address_split(text, host, sizeof(host), &port) < 0 || port == 0)
        return false;
    if (text[0] == '[' ? address_parse(host, &address) < 0 : !is_url_host(host))
        return false;
    return keep(text, member);
}

/* A name with a dot at its end is another text for the same host: browsers send it without. */
bool cfg_parse_host_pattern(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;

    (void)row;
    (void)place;
    if (*name == '\0' || name[strlen(name) - 1] == '.' || !(cfg_is_host_name(name) || (name == text && is_url_address(text))))
        return false;
    return keep(text, member);
}

/* A byte of a request's target as it may stand in a configuration: no blank, no control byte, no fragment (RFC 9112 3.2). */
static bool is_target_byte(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte > ' ' && byte != 0x7f && byte != '#';
}

/* Longer ones are nobody's path, and would not fit into a request head. */
#define TARGET_BYTES 4096

static bool is_target(const char *text)
{
    if (*text != '/' || strlen(text) > TARGET_BYTES)
        return false;
    while (is_target_byte(*text))
        text++;
    return *text == '\0';
}

/* The length of a dot at `text`, plain or percent-encoded; 0 if there is none. */
static size_t dot_length(const char *text)
{
    if (*text == '.')
        return 1;
    return strncasecmp(text, "%2e", 3) == 0 ? 3 : 0;
}

/* "." or ".." up to the next slash: the server would go elsewhere (RFC 3986 5.2.4). */
static bool is_dot_segment(const char *text)
{
    size_t length = dot_length(text);

    if (length > 0)
        length += dot_length(text + length);
    return length > 0 && (text[length] == '/' || text[length] == '\0');
}

bool cfg_parse_url_path(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)row;
    (void)place;
    if (!is_target(text) || strpbrk(text, "?\\") != NULL || strcasestr(text, "%2f") != NULL || strcasestr(text, "%5c") != NULL)
        return false;
    for (const char *slash = text; slash; slash = strchr(slash + 1, '/'))
        if (is_dot_segment(slash + 1))
            return false;
    return keep(text, member);
}

bool cfg_parse_url_target(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)row;
    (void)place;
    return is_target(text) && keep(text, member);
}

/* RFC 9110 5.6.2: tchar. */
#define TOKEN_MARKS "!#$%&'*+-.^_`|~0123456789"
#define UPPER_CASE  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER_CASE  "abcdefghijklmnopqrstuvwxyz"

static bool is_made_of(const char *text, const char *letters)
{
    size_t length = strlen(text);

    return length > 0 && length <= VALUE_BYTES && strspn(text, letters) == length;
}

/* Methods are case-sensitive and all that are registered have capitals: "get" would never match anything. */
bool cfg_parse_method(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)row;
    (void)place;
    return is_made_of(text, TOKEN_MARKS UPPER_CASE) && keep(text, member);
}

bool cfg_parse_field_name(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)row;
    (void)place;
    return is_made_of(text, TOKEN_MARKS UPPER_CASE LOWER_CASE) && keep(text, member);
}

/* RFC 9110 5.5: a value has no blanks at its ends; within, tabs are the only control bytes. */
bool cfg_parse_field_value(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    size_t length = strlen(text);

    (void)row;
    (void)place;
    if (length > VALUE_BYTES || (length > 0 && (strchr(" \t", text[0]) || strchr(" \t", text[length - 1]))))
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] != '\t' && ((unsigned char)text[i] < ' ' || text[i] == 0x7f))
            return false;
    return keep(text, member);
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " ");
}

/* Three digits. Returns what follows, or NULL. */
static const char *parse_status(const char *text, unsigned *ret)
{
    if (strspn(text, "0123456789") != 3)
        return NULL;
    *ret = (unsigned)strtoul(text, NULL, 10);
    return *ret >= STATUS_FIRST && *ret <= STATUS_LAST ? text + 3 : NULL;
}

/* "200" or "200-299". Returns what follows, or NULL. */
static const char *parse_status_range(const char *text, struct cfg_status_range *ret)
{
    text = parse_status(skip_blanks(text), &ret->first);
    ret->last = ret->first;
    if (text && *text == '-')
        text = parse_status(text + 1, &ret->last);
    return text && ret->first <= ret->last ? skip_blanks(text) : NULL;
}

bool cfg_parse_statuses(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct cfg_statuses statuses = {0};
    struct cfg_status_range range;
    const char *rest = text;

    (void)row;
    (void)place;
    do {
        rest = parse_status_range(rest, &range);
        if (!rest || (*rest != ',' && *rest != '\0')) {
            free(statuses.list);
            return false;
        }
        statuses.list = cfg_grow(statuses.list, statuses.count, sizeof(*statuses.list));
        statuses.list[statuses.count++] = range;
    } while (*rest++ == ',');
    statuses.text = cfg_copy(text);
    *(struct cfg_statuses *)member = statuses;
    return true;
}
