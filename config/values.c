/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the parsing and freeing of single values, one small function for each type of the table of settings. Any thread. */
#include "config/values.h"
#include "config/hours.h"
#include "config/memory.h"
#include "config/model.h"
#include "config/values_http.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 63, HOST_BYTES = 254, PATTERN_BYTES = 64, UNIX_PATH_BYTES = 107 };

static bool is_plain_text(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            return false;
    return true;
}

static bool is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t length = strlen(text);

    return length > 0 && length <= NAME_BYTES && strspn(text, letters) == length && text[0] != '-' && text[0] != '.';
}

static bool parse_name(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)row;
    (void)place;
    if (!is_name(text))
        return false;
    *(char **)member = cfg_copy(text);
    return true;
}

static bool parse_text(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)row;
    (void)place;
    if (!is_plain_text(text))
        return false;
    *(char **)member = cfg_copy(text);
    return true;
}

static bool parse_path(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)row;
    if (!is_plain_text(text))
        return false;
    *(char **)member = cfg_join(place->folder, text);
    return true;
}

static bool parse_choice(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    (void)place;
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], text) == 0) {
            *(int *)member = row->first_choice + i;
            return true;
        }
    }
    return false;
}

static bool parse_listen(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct cfg_listen *listen = member;

    (void)row;
    (void)place;
    return address_parse_port(text, &listen->address) == 0;
}

/* An agent connects to relays and servers by itself: NAME@AGENT is for relays. */
static bool may_name_agent(const struct cfg_setting *row)
{
    return (row->roles & CFG_FOR_AGENT) == 0;
}

/* Servers of a list stand for each other, each at a port of its own. */
static bool may_have_any_port(const struct cfg_setting *row)
{
    return !row->is_list;
}

/* NAME@AGENT, both names of ours. */
static bool parse_agent_endpoint(const char *text, const char *at, struct cfg_endpoint *endpoint)
{
    char *name = cfg_copy(text);

    name[at - text] = '\0';
    if (!is_name(name) || !is_name(at + 1)) {
        free(name);
        return false;
    }
    endpoint->text = cfg_copy(text);
    endpoint->host = name;
    endpoint->agent = cfg_copy(at + 1);
    return true;
}

/* The host before ":*", or before ":PORT". */
static bool split_endpoint(const char *text, char host[HOST_BYTES], struct cfg_endpoint *endpoint)
{
    size_t length = strlen(text);
    char digits[HOST_BYTES + 2];

    if (length < 2 || strcmp(text + length - 2, ":*") != 0)
        return address_split(text, host, HOST_BYTES, &endpoint->port) == 0 && endpoint->port != 0;
    if (length + 1 > sizeof(digits))
        return false;
    snprintf(digits, sizeof(digits), "%.*s:1", (int)(length - 2), text);
    endpoint->has_any_port = true;
    if (address_split(digits, host, HOST_BYTES, &endpoint->port) < 0)
        return false;
    endpoint->port = 0;
    return true;
}

static bool parse_endpoint(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct cfg_endpoint endpoint = {.line = ((struct cfg_endpoint *)member)->line};
    const char *at = strchr(text, '@');
    char host[HOST_BYTES];

    (void)place;
    if (at)
        return may_name_agent(row) && parse_agent_endpoint(text, at, member);
    if (!split_endpoint(text, host, &endpoint) || (endpoint.has_any_port && !may_have_any_port(row)))
        return false;
    endpoint.is_name = address_parse(host, &endpoint.address) < 0;
    if (endpoint.is_name ? text[0] == '[' || !cfg_is_host_name(host) : address_is_any(&endpoint.address))
        return false;
    endpoint.text = cfg_copy(text);
    endpoint.host = cfg_copy(host);
    if (!endpoint.is_name)
        address_set_port(&endpoint.address, endpoint.port);
    *(struct cfg_endpoint *)member = endpoint;
    return true;
}

static bool parse_network(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct cfg_network *network = member;

    (void)row;
    (void)place;
    return network_parse(text, &network->network) == 0;
}

static bool parse_pool(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct cfg_pool *pool = member;

    (void)row;
    (void)place;
    return address_range_parse(text, &pool->range) == 0;
}

static bool parse_ports(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct port_range ports;

    (void)place;
    if (port_range_parse(text, &ports) < 0)
        return false;
    if (row->is_list) {
        ((struct cfg_ports *)member)->range = ports;
        return true;
    }
    if (ports.last - ports.first >= row->max)
        return false;
    *(struct port_range *)member = ports;
    return true;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* One byte, plain or written as \xNN or \\; how many characters it took, 0 if they are none. */
static size_t take_byte(const char *text, uint8_t *ret)
{
    int high, low;

    if (text[0] != '\\') {
        *ret = (uint8_t)text[0];
        return !iscntrl((unsigned char)text[0]);
    }
    if (text[1] == '\\') {
        *ret = '\\';
        return 2;
    }
    high = text[1] == 'x' ? hex_digit(text[2]) : -1;
    low = high >= 0 ? hex_digit(text[3]) : -1;
    if (low < 0)
        return 0;
    *ret = (uint8_t)(high << 4 | low);
    return 4;
}

static bool parse_bytes(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct cfg_bytes *bytes = member;
    uint8_t list[PATTERN_BYTES];
    size_t count = 0, taken;

    (void)row;
    (void)place;
    for (const char *at = text; *at; at += taken) {
        if (count == sizeof(list))
            return false;
        taken = take_byte(at, &list[count++]);
        if (taken == 0)
            return false;
    }
    bytes->text = cfg_copy(text);
    bytes->bytes = cfg_alloc(count, 1);
    memcpy(bytes->bytes, list, count);
    bytes->count = count;
    return true;
}

static bool parse_address(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct address address;

    (void)row;
    (void)place;
    if (address_parse(text, &address) < 0 || address_is_any(&address))
        return false;
    *(struct address *)member = address;
    return true;
}

/* TRANSPORT:HOST:PORT. */
static bool parse_syslog_host(const char *text, struct cfg_syslog_target *target)
{
    char host[HOST_BYTES];
    struct address address;
    uint16_t port;

    if (address_split(text, host, HOST_BYTES, &port) < 0 || port == 0)
        return false;
    if (address_parse(host, &address) < 0 && (text[0] == '[' || !cfg_is_host_name(host)))
        return false;
    snprintf(target->port, sizeof(target->port), "%u", port);
    target->host = cfg_copy(host);
    return true;
}

static bool parse_syslog(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    static const struct {
        const char *name;
        int transport;
    } kinds[] = {{"udp:", CFG_SYSLOG_UDP}, {"tcp:", CFG_SYSLOG_TCP}, {"tls:", CFG_SYSLOG_TLS}, {"unix:", CFG_SYSLOG_UNIX}};
    struct cfg_syslog_target target = {0};

    (void)row;
    (void)place;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].name);

        if (strncmp(text, kinds[i].name, length) != 0)
            continue;
        target.transport = kinds[i].transport;
        if (target.transport != CFG_SYSLOG_UNIX && !parse_syslog_host(text + length, &target))
            return false;
        if (target.transport == CFG_SYSLOG_UNIX && (text[length] != '/' || strlen(text + length) > UNIX_PATH_BYTES))
            return false;
        if (target.transport == CFG_SYSLOG_UNIX)
            target.host = cfg_copy(text + length);
        target.text = cfg_copy(text);
        *(struct cfg_syslog_target *)member = target;
        return true;
    }
    return false;
}

static bool parse_hours(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    struct cfg_hours *hours = member;

    (void)row;
    (void)place;
    if (!cfg_hours_parse(text, hours))
        return false;
    hours->text = cfg_copy(text);
    return true;
}

static const struct {
    const char *title; /* NULL: it depends on the row */
    cfg_value_parse_fn *parse;
    size_t size;        /* of an element of a list */
    size_t line_offset; /* in that element; 0: none */
} types[CFG_TYPES] = {
    [CFG_NAME] = {"a name of 1 to 63 letters, digits, '-', '_' and '.' that starts with a letter, a digit or '_'", parse_name,
                  sizeof(struct cfg_string), offsetof(struct cfg_string, line)},
    [CFG_TEXT] = {"a text without control characters", parse_text, 0, 0},
    [CFG_PATH] = {"the path of a file or folder", parse_path, 0, 0},
    [CFG_NUMBER] = {"a whole number", NULL, 0, 0},
    [CFG_CHOICE] = {NULL, parse_choice, 0, 0},
    [CFG_LISTEN] = {"an IP address with port", parse_listen, sizeof(struct cfg_listen), offsetof(struct cfg_listen, line)},
    [CFG_ENDPOINT] = {NULL, parse_endpoint, sizeof(struct cfg_endpoint), offsetof(struct cfg_endpoint, line)},
    [CFG_NETWORK] = {"an IP address or a network without bits behind its prefix", parse_network, sizeof(struct cfg_network),
                     offsetof(struct cfg_network, line)},
    [CFG_POOL] = {"an IP address or a range from a lower to a higher one", parse_pool, sizeof(struct cfg_pool),
                  offsetof(struct cfg_pool, line)},
    [CFG_PORTS] = {NULL, parse_ports, sizeof(struct cfg_ports), offsetof(struct cfg_ports, line)},
    [CFG_BYTES] = {"a text of at most 64 bytes, in which \\xNN stands for any byte and \\\\ for \\", parse_bytes, 0, 0},
    [CFG_ADDRESS] = {"an IP address without port", parse_address, 0, 0},
    [CFG_HOST] = {"a host name, or an IP address without brackets", cfg_parse_host, 0, 0},
    [CFG_HOST_FIELD] = {"a host name or IP address, with or without port", cfg_parse_host_field, 0, 0},
    [CFG_HOST_PATTERN] = {"a host name or IP address without port, or \"*.\" and a name", cfg_parse_host_pattern, 0, 0},
    [CFG_URL_PATH] =
        {"a path that begins with \"/\", without blanks, \"?\", \"#\", \"\\\", encoded \"/\" or \"\\\", and without the "
         "segments \".\" and \"..\"",
         cfg_parse_url_path, 0, 0},
    [CFG_URL_TARGET] = {"a path that begins with \"/\", with or without a query, without blanks and \"#\"", cfg_parse_url_target,
                        0, 0},
    [CFG_METHOD] = {"a method in capital letters", cfg_parse_method, sizeof(struct cfg_string),
                    offsetof(struct cfg_string, line)},
    [CFG_FIELD_NAME] = {"the name of a header field", cfg_parse_field_name, sizeof(struct cfg_string),
                        offsetof(struct cfg_string, line)},
    [CFG_FIELD_VALUE] = {"the value of a header field: at most 4096 bytes, no control characters, no blanks at its ends",
                         cfg_parse_field_value, 0, 0},
    [CFG_STATUSES] = {"a list of statuses from 100 to 599 and of ranges, parted by commas", cfg_parse_statuses, 0, 0},
    [CFG_SYSLOG] = {"\"udp:\", \"tcp:\" or \"tls:\" with host and port, or \"unix:\" with the path of a socket", parse_syslog, 0,
                    0},
    [CFG_HOURS] = {"a time of the week such as \"Mo-Fr 07:00-18:00\", \"Sa,Su 8-12\" or \"22:00-06:00\"", parse_hours,
                   sizeof(struct cfg_hours), offsetof(struct cfg_hours, line)},
    [CFG_GROUP] = {"a group in braces", NULL, 0, 0},
};

const char *cfg_value_title(const struct cfg_setting *row, char text[CFG_TITLE_BYTES])
{
    size_t used = 0;

    if (row->type == CFG_PORTS && (row->is_list || row->max == UINT16_MAX)) {
        snprintf(text, CFG_TITLE_BYTES, "a port or a range from a lower to a higher one");
    } else if (row->type == CFG_PORTS) {
        snprintf(text, CFG_TITLE_BYTES, "a port or a range from a lower to a higher one, of at most %ld ports", row->max);
    } else if (row->type == CFG_ENDPOINT) {
        snprintf(text, CFG_TITLE_BYTES, "an IP address or host name with port%s%s", may_have_any_port(row) ? " or \"*\"" : "",
                 may_name_agent(row) ? ", or NAME@AGENT" : "");
    } else if (row->type == CFG_CHOICE) {
        for (int i = 0; row->choices[i] && used < CFG_TITLE_BYTES; i++)
            used += (size_t)snprintf(text + used, CFG_TITLE_BYTES - used, "%s\"%s\"", i > 0 ? " or " : "", row->choices[i]);
    } else {
        snprintf(text, CFG_TITLE_BYTES, "%s", types[row->type].title);
    }
    return text;
}

size_t cfg_value_size(const struct cfg_setting *row)
{
    size_t size = row->type == CFG_GROUP ? cfg_groups[row->child].size : types[row->type].size;

    assert(size > 0);
    return size;
}

bool cfg_value_parse(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member)
{
    assert(types[row->type].parse);
    if (row->may_be_empty && *text == '\0')
        return true;
    if (!types[row->type].parse(row, text, place, member))
        return false;
    if (row->is_list && types[row->type].line_offset > 0)
        memcpy((char *)member + types[row->type].line_offset, &place->line, sizeof(place->line));
    return true;
}

void cfg_value_fini(const struct cfg_setting *row, void *member)
{
    struct cfg_endpoint *endpoint = member;
    struct cfg_statuses *statuses = member;
    struct cfg_syslog_target *syslog = member;
    struct cfg_bytes *bytes = member;
    struct cfg_hours *hours = member;

    switch (row->type) {
    case CFG_NAME:
    case CFG_TEXT:
    case CFG_PATH:
    case CFG_HOST:
    case CFG_HOST_FIELD:
    case CFG_HOST_PATTERN:
    case CFG_URL_PATH:
    case CFG_URL_TARGET:
    case CFG_METHOD:
    case CFG_FIELD_NAME:
    case CFG_FIELD_VALUE:
        free(*(char **)member);
        *(char **)member = NULL;
        break;
    case CFG_ENDPOINT:
        free(endpoint->text);
        free(endpoint->host);
        free(endpoint->agent);
        endpoint->text = endpoint->host = endpoint->agent = NULL;
        break;
    case CFG_BYTES:
        free(bytes->text);
        free(bytes->bytes);
        *bytes = (struct cfg_bytes){0};
        break;
    case CFG_SYSLOG:
        free(syslog->text);
        free(syslog->host);
        *syslog = (struct cfg_syslog_target){0};
        break;
    case CFG_HOURS:
        free(hours->text);
        hours->text = NULL;
        break;
    case CFG_STATUSES:
        free(statuses->text);
        free(statuses->list);
        *statuses = (struct cfg_statuses){0};
        break;
    default:
        break;
    }
}
