/* SPDX-License-Identifier: Apache-2.0 */
/* config/values.h: servers as they are written, bytes written as text, ports in lists; each text ends at a guard page. */
#include "test/unit/unit.h"

#include "config/model.h"
#include "config/values.h"
#include "test/unit/guard.h"

#include <stdbool.h>
#include <string.h>

#define TEN     "aaaaaaaaaa"
#define SIXTY   TEN TEN TEN TEN TEN TEN
#define FIFTY   TEN TEN TEN TEN TEN
#define LABEL   SIXTY "aaa."
#define LONGEST LABEL LABEL LABEL SIXTY "a" /* 253 characters: RFC 1035 2.3.4 */

/** Bytes of a literal, which may hold zeros. */
#define B(literal) literal, sizeof(literal) - 1

static struct guard guard;

static int setup(void **state)
{
    (void)state;
    guard_init(&guard, 512);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard_fini(&guard);
    return 0;
}

static bool parse(const struct cfg_setting *row, const char *text, void *member)
{
    struct cfg_value_place place = {.folder = "/", .line = 7};

    return cfg_value_parse(row, (const char *)guard_copy(&guard, text, strlen(text) + 1), &place, member);
}

/* What an endpoint is. "TEXT" for an address is as it is formatted. */
struct endpoint_row {
    const char *text;
    const char *host; /* NULL: it is refused */
    const char *agent;
    uint16_t port;
    bool has_any_port;
    const char *address;
};

/* In the setting `server` of a relay's link everything may stand. */
static const struct endpoint_row servers[] = {
    {"10.0.0.5:5481", "10.0.0.5", NULL, 5481, false, "10.0.0.5:5481"},
    {"[2001:db8::5]:1", "2001:db8::5", NULL, 1, false, "[2001:db8::5]:1"},
    {"scada.example:65535", "scada.example", NULL, 65535, false, NULL},
    {"node-a@plant", "node-a", "plant", 0, false, NULL},
    {"a@b", "a", "b", 0, false, NULL},
    {"0.1_-@9", "0.1_-", "9", 0, false, NULL},
    {SIXTY "aaa@" SIXTY "bbb", SIXTY "aaa", SIXTY "bbb", 0, false, NULL},
    {"x:*", "x", NULL, 0, true, NULL},
    {"10.0.0.5:*", "10.0.0.5", NULL, 0, true, "10.0.0.5:0"},
    {"[::1]:*", "::1", NULL, 0, true, "[::1]:0"},
    {LONGEST ":1", LONGEST, NULL, 1, false, NULL},
    {LONGEST ":*", LONGEST, NULL, 0, true, NULL},
    {"", NULL, NULL, 0, false, NULL},
    {"@", NULL, NULL, 0, false, NULL},
    {"@b", NULL, NULL, 0, false, NULL},
    {"a@", NULL, NULL, 0, false, NULL},
    {"a@b:1", NULL, NULL, 0, false, NULL},
    {"a@b:*", NULL, NULL, 0, false, NULL},
    {"a:1@b", NULL, NULL, 0, false, NULL},
    {"a@b@c", NULL, NULL, 0, false, NULL},
    {"a @b", NULL, NULL, 0, false, NULL},
    {"-a@b", NULL, NULL, 0, false, NULL},
    {"a@.b", NULL, NULL, 0, false, NULL},
    {SIXTY "aaaa@b", NULL, NULL, 0, false, NULL},
    {"a@" SIXTY "bbbb", NULL, NULL, 0, false, NULL},
    {":*", NULL, NULL, 0, false, NULL},
    {"*", NULL, NULL, 0, false, NULL},
    {"*:1", NULL, NULL, 0, false, NULL},
    {"x:**", NULL, NULL, 0, false, NULL},
    {"x:1*", NULL, NULL, 0, false, NULL},
    {"x:*1", NULL, NULL, 0, false, NULL},
    {"x:1:*", NULL, NULL, 0, false, NULL},
    {"::1:*", NULL, NULL, 0, false, NULL},
    {"[::1:*", NULL, NULL, 0, false, NULL},
    {"[x]:*", NULL, NULL, 0, false, NULL},
    {"0.0.0.0:*", NULL, NULL, 0, false, NULL},
    {"[::]:*", NULL, NULL, 0, false, NULL},
    {"x", NULL, NULL, 0, false, NULL},
    {"x:0", NULL, NULL, 0, false, NULL},
    {"x:65536", NULL, NULL, 0, false, NULL},
    {LONGEST "a:1", NULL, NULL, 0, false, NULL},
    {LONGEST "a:*", NULL, NULL, 0, false, NULL},
    {LONGEST FIFTY ":*", NULL, NULL, 0, false, NULL},
};

static void expect_endpoint(const struct cfg_endpoint *endpoint, const struct endpoint_row *row)
{
    char text[ADDRESS_TEXT];

    EXPECT(strcmp(endpoint->text, row->text) == 0 && strcmp(endpoint->host, row->host) == 0, row->text);
    EXPECT(row->agent ? endpoint->agent && strcmp(endpoint->agent, row->agent) == 0 : !endpoint->agent, row->text);
    EXPECT(endpoint->port == row->port && endpoint->has_any_port == row->has_any_port, row->text);
    EXPECT(endpoint->is_name == (!row->agent && !row->address), row->text);
    EXPECT(strcmp(address_format(&endpoint->address, text), row->address ? row->address : "-") == 0, row->text);
}

static void servers_are_told_apart(void **state)
{
    const struct cfg_setting *row = cfg_setting_find(CFG_IN_LINK, "server", CFG_FOR_RELAY);

    (void)state;
    for (size_t i = 0; i < ROWS(servers); i++) {
        struct cfg_endpoint endpoint = {.line = 5}, before = endpoint;
        bool is_good = parse(row, servers[i].text, &endpoint);

        EXPECT(is_good == (servers[i].host != NULL), servers[i].text);
        if (is_good)
            expect_endpoint(&endpoint, &servers[i]);
        else
            EXPECT(memcmp(&endpoint, &before, sizeof(before)) == 0, servers[i].text);
        assert_int_equal(endpoint.line, 5);
        cfg_value_fini(row, &endpoint);
        EXPECT(!endpoint.text && !endpoint.host && !endpoint.agent, servers[i].text);
    }
}

/* A list of servers has no "*", and an agent knows no agents. */
static void not_every_server_may_stand_everywhere(void **state)
{
    static const struct {
        enum cfg_group group;
        const char *name;
        unsigned role;
        bool may_name_agent;
        bool may_have_any_port;
    } table[] = {
        {CFG_IN_LINK, "server", CFG_FOR_RELAY, true, true},  {CFG_IN_SERVER, "server", CFG_FOR_AGENT, false, true},
        {CFG_IN_WEB, "servers", CFG_FOR_RELAY, true, false}, {CFG_IN_UPSTREAM, "servers", CFG_FOR_RELAY, true, false},
        {CFG_IN_TOP, "relays", CFG_FOR_AGENT, false, false},
    };
    char title[CFG_TITLE_BYTES];

    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        const struct cfg_setting *row = cfg_setting_find(table[i].group, table[i].name, table[i].role);
        struct cfg_endpoint agents = {0}, any = {0}, plain = {0};

        EXPECT(parse(row, "web@plant", &agents) == table[i].may_name_agent, table[i].name);
        EXPECT(parse(row, "10.0.0.5:*", &any) == table[i].may_have_any_port, table[i].name);
        EXPECT(parse(row, "10.0.0.5:80", &plain), table[i].name);
        EXPECT(plain.line == (row->is_list ? 7 : 0), table[i].name);
        cfg_value_title(row, title);
        EXPECT((strstr(title, "NAME@AGENT") != NULL) == table[i].may_name_agent, title);
        EXPECT((strstr(title, "\"*\"") != NULL) == table[i].may_have_any_port, title);
        cfg_value_fini(row, &agents);
        cfg_value_fini(row, &any);
        cfg_value_fini(row, &plain);
    }
}

static const struct {
    const char *text;
    const char *bytes; /* NULL: it is refused */
    size_t count;
} patterns[] = {
    {"PORT=", B("PORT=")},
    {" ", B(" ")},
    {"\\x00", B("\0")},
    {"\\x00\\xff\\xFf\\xa0", B("\0\xff\xff\xa0")},
    {"a\\x62c", B("abc")},
    {"\\\\", B("\\")},
    {"\\\\x41", B("\\x41")},
    {"\\x5cx41", B("\\x41")},
    {"\\x411", B("A1")},
    {"\xc3\xa4", B("\xc3\xa4")},
    {SIXTY "aaaa", B(SIXTY "aaaa")},
    {SIXTY "aaa\\x61", B(SIXTY "aaaa")},
    {SIXTY "\\\\\\\\\\\\\\\\", B(SIXTY "\\\\\\\\")},
    {"\\", NULL, 0},
    {"a\\", NULL, 0},
    {"\\x", NULL, 0},
    {"\\x4", NULL, 0},
    {"\\xg0", NULL, 0},
    {"\\x0g", NULL, 0},
    {"\\x 1", NULL, 0},
    {"\\X41", NULL, 0},
    {"\\n", NULL, 0},
    {"\\0", NULL, 0},
    {"a\nb", NULL, 0},
    {"a\tb", NULL, 0},
    {"\x7f", NULL, 0},
    {SIXTY "aaaaa", NULL, 0},
    {SIXTY "aaaa\\x61", NULL, 0},
};

static void bytes_are_read(void **state)
{
    const struct cfg_setting *row = cfg_setting_find(CFG_IN_PORT_RULE, "after", CFG_FOR_BOTH);

    (void)state;
    for (size_t i = 0; i < ROWS(patterns); i++) {
        struct cfg_bytes bytes = {0};
        bool is_good = parse(row, patterns[i].text, &bytes);

        EXPECT(is_good == (patterns[i].bytes != NULL), patterns[i].text);
        EXPECT(bytes.count == patterns[i].count && (is_good || (!bytes.text && !bytes.bytes)), patterns[i].text);
        if (is_good)
            EXPECT(memcmp(bytes.bytes, patterns[i].bytes, bytes.count) == 0 && strcmp(bytes.text, patterns[i].text) == 0,
                   patterns[i].text);
        cfg_value_fini(row, &bytes);
        EXPECT(!bytes.text && !bytes.bytes && bytes.count == 0, patterns[i].text);
    }
}

/* No text is the same as no setting. */
static void empty_bytes_are_none(void **state)
{
    const struct cfg_setting *row = cfg_setting_find(CFG_IN_PORT_RULE, "after", CFG_FOR_BOTH);
    struct cfg_bytes bytes = {0};

    (void)state;
    assert_true(parse(row, "", &bytes));
    assert_null(bytes.text);
    assert_int_equal(bytes.count, 0);
}

/* A list of ranges has no bound for each of them, one range has. */
static void ports_are_read(void **state)
{
    const struct cfg_setting *list = cfg_setting_find(CFG_IN_LINK, "ports", CFG_FOR_RELAY);
    const struct cfg_setting *one = cfg_setting_find(CFG_IN_PORT_CLIENT, "ports", CFG_FOR_BOTH);
    static const struct {
        const char *text;
        bool is_good; /* in a list */
        bool is_short;
    } table[] = {
        {"1-65535", true, false},  {"65535", true, true},      {"1", true, true},
        {"5500-5599", true, true}, {"5500-5600", true, false}, {"0", false, false},
        {"0-5", false, false},     {"5-4", false, false},      {"65536", false, false},
        {"5500-", false, false},   {"-5500", false, false},    {"*", false, false},
        {"", false, false},        {"5500 ", false, false},    {"5500-5501-5502", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        struct cfg_ports element = {0};
        struct port_range range = {0};

        EXPECT(parse(list, table[i].text, &element) == table[i].is_good, table[i].text);
        EXPECT(element.line == (table[i].is_good ? 7 : 0), table[i].text);
        EXPECT(parse(one, table[i].text, &range) == table[i].is_short, table[i].text);
        EXPECT(!table[i].is_short || (range.first == element.range.first && range.last == element.range.last), table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_told_apart), cmocka_unit_test(not_every_server_may_stand_everywhere),
        cmocka_unit_test(bytes_are_read),         cmocka_unit_test(empty_bytes_are_none),
        cmocka_unit_test(ports_are_read),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
