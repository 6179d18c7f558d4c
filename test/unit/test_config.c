/* SPDX-License-Identifier: Apache-2.0 */
/* config/: what lands in the model, defaults, odd files, the list of problems, the table's own promises. Files:
 * test_config_files.c. */
#include "test/unit/unit.h"

#include "config/check.h"
#include "config/load.h"
#include "config/print.h"
#include "config/settings.h"
#include "config/source.h"
#include "test/unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* libconfig 1.5 loses a text that stands where none may be: 64 bytes for a file that is refused. Only this is overlooked. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\n";
}

static struct scratch scratch;
static struct cfg_problems problems;

static int set_up(void **state)
{
    (void)state;
    scratch_init(&scratch);
    problems = (struct cfg_problems){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cfg_problems_fini(&problems);
    scratch_fini(&scratch);
    return 0;
}

static const char *write_bytes(const char *bytes, size_t count)
{
    const char *path = scratch_path(&scratch, "georelay.conf");
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    return path;
}

static struct cfg *load_text(const char *text)
{
    return cfg_load(write_bytes(text, strlen(text)), &problems);
}

/* A file of test/config, which the source folder holds. The caller frees the path. */
static char *source_path(const char *name)
{
    const char *root = getenv("GEORELAY_SOURCE");
    char *path = NULL;

    assert_true(asprintf(&path, "%s/test/config/%s", root ? root : ".", name) > 0);
    return path;
}

/* All problems as they are printed; the caller frees. */
static char *printed(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    cfg_problems_print(&problems, out);
    fclose(out);
    return text;
}

static void expect_address(const struct address *address, const char *text)
{
    char formatted[ADDRESS_TEXT];

    assert_string_equal(address_format(address, formatted), text);
}

static void expect_network(const struct cfg_network *network, const char *ip, unsigned prefix)
{
    char formatted[ADDRESS_TEXT];

    assert_string_equal(address_format_ip(&network->network.base, formatted), ip);
    assert_int_equal(network->network.prefix, prefix);
}

static void a_relay_gets_its_defaults(void **state)
{
    struct cfg *cfg = load_text("role = \"relay\"; web = { }; links = { };");

    (void)state;
    assert_non_null(cfg);
    assert_int_equal(cfg->role, CFG_ROLE_RELAY);
    assert_int_equal(cfg->workers, 0);
    assert_null(cfg->user);
    assert_string_equal(cfg->state, "/var/lib/georelay");
    assert_int_equal(cfg->web[0].mode, CFG_WEB_HTTP);
    assert_int_equal(cfg->web[0].tls, CFG_TLS_INTERMEDIATE);
    assert_int_equal(cfg->links[0].advise.addressing, CFG_ADDRESSING_OFF);
    assert_int_equal(cfg->links[0].advise.delivery, CFG_DELIVERY_AGENT);
    assert_int_equal(cfg->links[0].advise.ports.first, 5500);
    assert_int_equal(cfg->links[0].advise.ports.last, 5509);
    assert_int_equal(cfg->links[0].advise.grace_s, 30);
    assert_int_equal(cfg->links[0].advise.line, 0);
    assert_int_equal(cfg->tunnel.line, 0);
    assert_int_equal(cfg->tunnel.heartbeat_ms, 5000);
    assert_int_equal(cfg->tunnel.spares, 8);
    assert_int_equal(cfg->clients_count, 0);
    cfg_free(cfg);
}

static void both_roles_get_the_same_defaults(void **state)
{
    struct cfg *cfg = load_text("role = \"agent\";");

    (void)state;
    assert_non_null(cfg);
    assert_int_equal(cfg->log.level, CFG_LOG_INFO);
    assert_int_equal(cfg->log.format, CFG_LOG_LOGFMT);
    assert_null(cfg->log.file);
    assert_int_equal(cfg->limits.connections, 20000);
    assert_int_equal(cfg->limits.per_client, 256);
    assert_int_equal(cfg->limits.greeting, 5000);
    assert_int_equal(cfg->timeouts.handshake_s, 10);
    assert_int_equal(cfg->timeouts.dial_ms, 3000);
    assert_int_equal(cfg->timeouts.dead_peer_s, 30);
    assert_int_equal(cfg->timeouts.idle_s, 0);
    assert_int_equal(cfg->timeouts.half_closed_s, 3600);
    assert_int_equal(cfg->timeouts.drain_s, 5);
    assert_int_equal(cfg->timeouts.resolve_s, 30);
    cfg_free(cfg);
}

static void an_agent_gets_its_defaults(void **state)
{
    struct cfg *cfg = load_text("role = \"agent\";");

    (void)state;
    assert_non_null(cfg);
    assert_int_equal(cfg->clients_count, 2);
    expect_network(&cfg->clients[0], "127.0.0.1", 32);
    expect_network(&cfg->clients[1], "::1", 128);
    assert_int_equal(cfg->advise_ports.first, 5500);
    assert_int_equal(cfg->advise_ports.last, 5509);
    assert_false(address_is_set(&cfg->client_address));
    cfg_free(cfg);
}

static struct cfg *load_valid(const char *name)
{
    char *path = source_path(name);
    struct cfg *cfg = cfg_load(path, &problems);

    free(path);
    assert_non_null(cfg);
    assert_int_equal(problems.count, 0);
    assert_false(cfg->is_partial);
    return cfg;
}

static void a_web_door_is_read(void **state)
{
    struct cfg *cfg = load_valid("valid/every-setting-of-a-relay.conf");
    const struct cfg_web *web = &cfg->web[0];

    (void)state;
    assert_int_equal(cfg->web_count, 1);
    assert_string_equal(web->name, "main");
    assert_int_equal(web->listen_count, 1);
    expect_address(&web->listen[0].address, "192.0.2.1:443");
    assert_int_equal(web->listen[0].line, 7);
    assert_int_equal(web->certificates_count, 2);
    assert_non_null(strstr(web->certificates[1].chain, "/test/config/valid/relay.crt"));
    assert_non_null(strstr(web->certificates[1].key, "/test/config/valid/relay.key"));
    assert_int_equal(web->certificates[0].chain[0], '/');
    assert_int_equal(web->tls, CFG_TLS_MODERN);
    assert_int_equal(web->mode, CFG_WEB_TCP);
    assert_int_equal(web->upstream.servers_count, 2);
    assert_string_equal(web->upstream.servers[1].text, "[2001:db8::5]:8080");
    assert_string_equal(web->upstream.servers[1].host, "2001:db8::5");
    expect_address(&web->upstream.servers[1].address, "[2001:db8::5]:8080");
    assert_int_equal(web->line, 6);
    assert_int_equal(web->servers_line, 9);
    cfg_free(cfg);
}

static void links_are_read(void **state)
{
    struct cfg *cfg = load_valid("valid/every-setting-of-a-relay.conf");
    const struct cfg_advise *advise = &cfg->links[0].advise;

    (void)state;
    assert_int_equal(cfg->links_count, 2);
    expect_address(&cfg->links[0].server.address, "10.10.0.5:5481");
    assert_false(cfg->links[0].server.is_name);
    assert_true(cfg->links[1].server.is_name);
    assert_string_equal(cfg->links[1].server.host, "node-b.example");
    assert_int_equal(cfg->links[1].server.port, 5482);
    assert_int_equal(advise->addressing, CFG_ADDRESSING_ALIAS);
    assert_int_equal(advise->delivery, CFG_DELIVERY_DIRECT);
    assert_int_equal(advise->ports.last, 5519);
    assert_int_equal(advise->pool_count, 2);
    assert_int_equal(address_range_count(&advise->pool[0].range, 100), 32);
    assert_int_equal(advise->pins_count, 2);
    assert_string_equal(advise->pins[0].agent, "site-a");
    assert_string_equal(advise->pins[1].agent, "direct");
    expect_address(&advise->pins[0].client, "192.168.1.20:0");
    expect_address(&advise->pins[1].address, "10.20.0.70:0");
    assert_int_equal(advise->from_count, 2);
    expect_network(&advise->from[1], "10.11.0.0", 16);
    assert_int_equal(advise->grace_s, 45);
    assert_int_equal(advise->line, 13);
    cfg_free(cfg);
}

static void the_tunnel_is_read(void **state)
{
    struct cfg *cfg = load_valid("valid/every-setting-of-a-relay.conf");
    const struct cfg_agent *agent = &cfg->tunnel.agents[0];

    (void)state;
    assert_int_equal(cfg->tunnel.listen_count, 2);
    expect_address(&cfg->tunnel.listen[1].address, "192.0.2.1:8443");
    assert_non_null(strstr(cfg->tunnel.identity.chain, "/relay.crt"));
    assert_non_null(strstr(cfg->tunnel.identity.key, "/relay.key"));
    assert_non_null(strstr(cfg->tunnel.ca, "/ca.crt"));
    assert_int_equal(cfg->tunnel.heartbeat_ms, 2000);
    assert_int_equal(cfg->tunnel.spares, 16);
    assert_int_equal(cfg->tunnel.agents_count, 1);
    assert_string_equal(agent->name, "site-a");
    assert_int_equal(agent->links_count, 2);
    assert_string_equal(agent->links[1].text, "node-b");
    expect_network(&agent->clients[1], "fd00::", 8);
    assert_true(cfg->tunnel.line > 0);
    assert_int_equal(cfg->tunnel.identity.line, cfg->tunnel.line + 1);
    cfg_free(cfg);
}

static void what_stands_at_the_top_is_read(void **state)
{
    struct cfg *cfg = load_valid("valid/every-setting-of-a-relay.conf");

    (void)state;
    assert_int_equal(cfg->workers, 4);
    assert_string_equal(cfg->user, "georelay");
    assert_non_null(strstr(cfg->state, "/test/config/valid/state"));
    assert_int_equal(cfg->log.level, CFG_LOG_DEBUG);
    assert_int_equal(cfg->log.format, CFG_LOG_JSON);
    assert_non_null(strstr(cfg->log.file, "/georelay.log"));
    assert_int_equal(cfg->limits.connections, 100);
    assert_int_equal(cfg->limits.per_client, 50);
    assert_int_equal(cfg->limits.greeting, 20);
    assert_int_equal(cfg->timeouts.handshake_s, 11);
    assert_int_equal(cfg->timeouts.dial_ms, 12000);
    assert_int_equal(cfg->timeouts.dead_peer_s, 13);
    assert_int_equal(cfg->timeouts.idle_s, 14);
    assert_int_equal(cfg->timeouts.half_closed_s, 15);
    assert_int_equal(cfg->timeouts.drain_s, 16);
    assert_int_equal(cfg->timeouts.resolve_s, 17);
    cfg_free(cfg);
}

static void an_agent_is_read(void **state)
{
    struct cfg *cfg = load_valid("valid/every-setting-of-an-agent.conf");

    (void)state;
    assert_int_equal(cfg->role, CFG_ROLE_AGENT);
    assert_string_equal(cfg->name, "site-a");
    assert_int_equal(cfg->relays_count, 2);
    assert_true(cfg->relays[0].is_name);
    assert_false(cfg->relays[1].is_name);
    assert_non_null(strstr(cfg->identity.chain, "/site-a.crt"));
    assert_non_null(strstr(cfg->identity.key, "/site-a.key"));
    assert_non_null(strstr(cfg->ca, "/ca.crt"));
    assert_int_equal(cfg->links[0].listen_count, 2);
    expect_network(&cfg->clients[0], "127.0.0.1", 32);
    expect_network(&cfg->clients[1], "192.168.1.0", 24);
    assert_int_equal(cfg->advise_ports.first, 5510);
    assert_int_equal(cfg->advise_ports.last, 5510);
    expect_address(&cfg->client_address, "192.168.1.2:0");
    cfg_free(cfg);
}

static void who_may_come_is_read(void **state)
{
    struct cfg *cfg = load_valid("valid/who-may-come.conf");
    const struct cfg_schedule *link = &cfg->links[0].schedule, *agent = &cfg->tunnel.agents[0].schedule;

    (void)state;
    assert_int_equal(cfg->web[0].admission.allow_count, 2);
    expect_network(&cfg->web[0].admission.allow[1], "2001:db8::", 32);
    assert_int_equal(cfg->web[0].admission.deny_count, 1);
    expect_network(&cfg->web[0].admission.deny[0], "192.0.2.66", 32);
    assert_int_equal(cfg->web[0].routes[0].admission.allow_count, 1);
    assert_int_equal(cfg->web[0].routes[1].admission.allow_count, 0);
    assert_int_equal(cfg->web[0].routes[1].admission.deny_count, 1);
    assert_int_equal(cfg->links[0].admission.allow_count, 1);
    assert_int_equal(cfg->tunnel.admission.allow_count, 1);
    assert_int_equal(cfg->tunnel.admission.deny_count, 0);
    assert_int_equal(link->hours_count, 2);
    assert_int_equal(link->hours[0].days, 0x3e);
    assert_int_equal(link->hours[1].first, 8 * 60);
    assert_int_equal(link->hours[1].end, 12 * 60);
    assert_int_equal(link->end, CFG_HOURS_END_CLOSE);
    assert_int_equal(agent->hours[0].days, 0x7f);
    assert_string_equal(agent->hours[0].text, "22:00-06:00");
    assert_int_equal(agent->end, CFG_HOURS_END_KEEP);
    assert_int_equal(cfg->limits.rate_per_client, 1000000);
    assert_int_equal(cfg->limits.handshakes, 1);
    assert_int_equal(cfg->limits.handshakes_per_client, 0);
    assert_int_equal(cfg->limits.burst_s, 60);
    cfg_free(cfg);
    cfg = load_valid("valid/every-setting-of-a-relay.conf");
    assert_int_equal(cfg->limits.rate, 0);
    assert_int_equal(cfg->limits.rate_per_client, 0);
    assert_int_equal(cfg->limits.handshakes_per_client, 0);
    assert_int_equal(cfg->limits.burst_s, 5);
    assert_int_equal(cfg->links[0].schedule.hours_count, 0);
    cfg_free(cfg);
}

static void places_name_included_files(void **state)
{
    struct cfg *cfg = load_valid("valid/../files/../valid/web.conf");

    (void)state;
    assert_int_equal(cfg->files_count, 1);
    cfg_free(cfg);
    cfg = load_text("role = \"relay\";\n@include \"more.inc\"\n");
    assert_null(cfg);
    cfg_problems_fini(&problems);
    write_bytes("links = {\n name = \"a\"; };\n", 25);
    assert_int_equal(rename(scratch_path(&scratch, "georelay.conf"), scratch_path(&scratch, "more.inc")), 0);
    cfg = load_text("role = \"relay\";\n@include \"more.inc\"\n");
    assert_non_null(cfg);
    assert_int_equal(cfg->files_count, 2);
    assert_string_equal(cfg->files[1].text, scratch_path(&scratch, "more.inc"));
    assert_int_equal(cfg->links[0].line, 1u << CFG_LINE_BITS | 1u);
    cfg_free(cfg);
}

/* Notepad: a byte-order mark, and lines that end in CR LF. */
static void windows_text_is_read(void **state)
{
    struct cfg *cfg = load_text("\xef\xbb\xbfrole = \"relay\";\r\n# a comment\r\nworkers = 3;\r\n");

    (void)state;
    assert_non_null(cfg);
    assert_int_equal(problems.count, 0);
    assert_int_equal(cfg->workers, 3);
    cfg_free(cfg);
}

static void expect_no_text(const char *path, const char *part)
{
    char *text;

    assert_null(cfg_load(path, &problems));
    text = printed();
    EXPECT(problems.count == 1 && strstr(text, part) && strstr(text, path) == text, text);
    free(text);
    cfg_problems_fini(&problems);
}

static void odd_files_are_refused(void **state)
{
    char *large = calloc(CFG_SOURCE_BYTES + 1, 1);

    (void)state;
    assert_non_null(large);
    memset(large, '\n', CFG_SOURCE_BYTES + 1);
    expect_no_text(scratch_path(&scratch, "nowhere"), "can't be opened: No such file or directory");
    expect_no_text(scratch.folder, "is a folder, not a file");
    expect_no_text(write_bytes("role = \"relay\";\0", 16), "holds a zero byte");
    expect_no_text(write_bytes(large, CFG_SOURCE_BYTES + 1), "is larger than 1 MiB");
    assert_int_equal(mkfifo(scratch_path(&scratch, "fifo"), 0600), 0);
    expect_no_text(scratch_path(&scratch, "fifo"), "is not a regular file");
    free(large);
}

/* Root may read everything, so root becomes somebody else for a moment. */
static void an_unreadable_file_is_refused(void **state)
{
    const char *path = write_bytes("role = \"relay\";", 15);
    bool is_root = geteuid() == 0;

    (void)state;
    assert_int_equal(chmod(path, 0), 0);
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    expect_no_text(path, "can't be opened: Permission denied");
    if (is_root)
        assert_int_equal(seteuid(0), 0);
}

/* The largest text that is read has more lines than 16 bits can count. */
static void a_late_line_is_named(void **state)
{
    char *text = malloc(100100);
    char *shown;
    struct cfg *cfg;

    (void)state;
    assert_non_null(text);
    memset(text, '\n', 100000);
    snprintf(text + 100000, 100, "role = \"relay\"; workers = 70;");
    cfg = load_text(text);
    shown = printed();
    assert_non_null(strstr(shown, ":100001: \"workers\" is 70"));
    free(shown);
    free(text);
    cfg_free(cfg);
}

static void problems_are_sorted_and_escaped(void **state)
{
    char *text;

    (void)state;
    cfg_problems_add(&problems, "b.conf", 2, "Third", "Say \"%s\"", "a\033[2J\n\xc3\xa4");
    cfg_problems_add(&problems, "b.conf", 1, NULL, "One; second");
    cfg_problems_add(&problems, "b.conf", 2, "x = 1;", "Same line");
    cfg_problems_add(&problems, "a\n.conf", 0, "First", "Whole file");
    text = printed();
    assert_string_equal(text, "a\\x0a.conf: Whole file. First.\n"
                              "b.conf:1: One; second.\n"
                              "b.conf:2: Say \"a\\x1b[2J\\x0a\\xc3\\xa4\". Third.\n"
                              "b.conf:2: Same line. x = 1;\n");
    free(text);
}

static void problems_are_bounded(void **state)
{
    char *text;

    (void)state;
    for (int i = 0; i < CFG_PROBLEMS_KEPT + 5; i++)
        cfg_problems_add(&problems, "a.conf", 1, "Remedy", "Sentence");
    assert_int_equal(problems.count, CFG_PROBLEMS_KEPT + 5);
    assert_int_equal(problems.kept, CFG_PROBLEMS_KEPT);
    text = printed();
    assert_non_null(strstr(text, "and 5 more\n"));
    free(text);
}

static void near_names_are_found(void **state)
{
    static const struct {
        enum cfg_group group;
        const char *name;
        const char *expected;
    } table[] = {
        {CFG_IN_TOP, "worker", "workers"},
        {CFG_IN_TOP, "weeb", "web"},
        {CFG_IN_TOP, "xyz", NULL},
        {CFG_IN_LINK, "servers", "server"},
        {CFG_IN_LINK, "pool", "pool"},
        {CFG_IN_WEB, "server", "servers"},
        {CFG_IN_LOG, "", NULL},
        {CFG_IN_LIMITS, "perclient", "per_client"},
        {CFG_IN_TOP, "a_name_that_is_longer_than_any_other_name_in_the_table", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        const struct cfg_setting *near = cfg_setting_nearest(table[i].group, table[i].name, CFG_FOR_RELAY);

        EXPECT(table[i].expected ? near && strcmp(near->name, table[i].expected) == 0 : !near, table[i].name);
    }
}

/* A remedy shows a row's example: it had better be right. Groups whose example is cut short by "..." are left out. */
static void every_example_can_be_read(void **state)
{
    static const char *const around[CFG_GROUPS][2] = {
        [CFG_IN_TOP] = {"", ""},
        [CFG_IN_WEB] = {"web = { ", " };"},
        [CFG_IN_CERTIFICATE] = {"web = { certificates = { ", " }; };"},
        [CFG_IN_DEFAULT_UPSTREAM] = {"web = { upstream = { ", " }; };"},
        [CFG_IN_UPSTREAM] = {"web = { upstreams = { ", " }; };"},
        [CFG_IN_HEALTH] = {"web = { upstream = { health = { ", " }; }; };"},
        [CFG_IN_ROUTE] = {"web = { routes = { ", " }; };"},
        [CFG_IN_ALLOW] = {"web = { allow = { ", " }; };"},
        [CFG_IN_FIELD] = {"web = { request_set = { ", " }; };"},
        [CFG_IN_LINK] = {"links = { ", " };"},
        [CFG_IN_SERVER] = {"servers = { ", " };"},
        [CFG_IN_ADVISE] = {"links = { advise = { ", " }; };"},
        [CFG_IN_PIN] = {"links = { advise = { pins = { ", " }; }; };"},
        [CFG_IN_PORT_CLIENT] = {"links = { advise = { clients = { ", " }; }; };"},
        [CFG_IN_PORT_RULE] = {"links = { advise = { rule = { ", " }; }; };"},
        [CFG_IN_TUNNEL] = {"tunnel = { ", " };"},
        [CFG_IN_AGENT] = {"tunnel = { agents = { ", " }; };"},
        [CFG_IN_TLS] = {"tls = { ", " };"},
        [CFG_IN_ADMIN] = {"admin = { ", " };"},
        [CFG_IN_LOG] = {"log = { ", " };"},
        [CFG_IN_ACCESS] = {"access = { ", " };"},
        [CFG_IN_AUDIT] = {"audit = { ", " };"},
        [CFG_IN_LIMITS] = {"limits = { ", " };"},
        [CFG_IN_TIMEOUTS] = {"timeouts = { ", " };"},
    };

    (void)state;
    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];
        bool is_role = strcmp(row->name, "role") == 0;
        char text[512];

        EXPECT(strncmp(row->example, row->name, strlen(row->name)) == 0, row->example);
        if (strstr(row->example, "..."))
            continue;
        snprintf(text, sizeof(text), "%s%s%s%s",
                 is_role                       ? ""
                 : row->roles == CFG_FOR_AGENT ? "role = \"agent\";"
                                               : "role = \"relay\";",
                 around[row->group][0], row->example, around[row->group][1]);
        cfg_free(load_text(text));
        for (size_t j = 0; j < problems.kept; j++)
            EXPECT(strstr(problems.list[j].sentence, " is missing in "), text);
        cfg_problems_fini(&problems);
    }
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];

        EXPECT(row->roles != 0 && row->about && row->about[strlen(row->about) - 1] == '.', row->name);
        EXPECT(!row->is_required || !row->preset, row->name);
        EXPECT(row->type != CFG_NUMBER || (row->unit && row->preset && row->scale > 0 && row->min < row->max), row->name);
        EXPECT(row->type != CFG_CHOICE || row->choices, row->name);
        EXPECT(!row->may_be_empty || (!row->is_list && !row->is_required && !row->preset), row->name);
        EXPECT(!row->is_http || row->group == CFG_IN_WEB, row->name);
        EXPECT(!row->is_list || (row->count_offset > 0 && row->max > 0 && row->min == (row->is_required || row->preset)),
               row->name);
        for (unsigned role = CFG_FOR_RELAY; role <= CFG_FOR_AGENT; role++)
            EXPECT(!(row->roles & role) || cfg_setting_find(row->group, row->name, role) == row, row->name);
    }
}

static void the_plan_names_what_would_be_opened(void **state)
{
    static const char *const parts[] = {
        "role relay\n",
        "listen 192.0.2.1:443 for the web door \"main\" and for agents\n",
        "  TLS 1.3, then every byte to 10.10.0.5:8080, then [2001:db8::5]:8080\n",
        "listen 192.0.2.1:5481 for the link \"node-a\"\n",
        "  to 10.10.0.5:5481\n",
        "  pool 10.20.0.32-10.20.0.63, 10.20.0.70: room for 33 clients\n",
        "listen there on ports 5500-5519 for advises from the server and 10.10.0.6/32, 10.11.0.0/16, and for 45 s",
        "  advises for clients without an agent are delivered by the relay itself\n",
        "  the client 192.168.1.20 of \"site-a\" always has 10.20.0.40\n",
        "no listener for the link \"node-b\": for clients of agents only\n",
        "listen 192.0.2.1:8443 for agents\n",
        "  heartbeat each 2 s, 16 spare channels of each agent\n",
        "  agent \"site-a\" may open \"node-a\", \"node-b\" and deliver advises, for clients of 192.168.1.0/24, fd00::/8\n",
        "level debug, as json\n",
        "run as georelay\n",
    };
    struct cfg *cfg = load_valid("valid/every-setting-of-a-relay.conf");
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    cfg_print_plan(cfg, out);
    fclose(out);
    for (size_t i = 0; i < ROWS(parts); i++)
        EXPECT(strstr(text, parts[i]), parts[i]);
    assert_null(strstr(text, "listen 192.0.2.1:443 for agents"));
    free(text);
    cfg_free(cfg);
}

/* No text may do harm: each beginning of a long file, and the file with one byte changed, is loaded, checked and freed. */
static void damage(const char *name)
{
    static const char bytes[] = {'"', '}', '9', '@', '\\', '\xff'};
    char *path = source_path(name);
    FILE *file = fopen(path, "re");
    char text[8192];
    size_t count;

    assert_non_null(file);
    count = fread(text, 1, sizeof(text), file);
    fclose(file);
    free(path);
    assert_true(count > 500 && count < sizeof(text));
    for (size_t i = 0; i < count; i++) {
        char kept = text[i];
        struct cfg *whole, *cut = cfg_load(write_bytes(text, i), &problems);

        text[i] = bytes[i % sizeof(bytes)];
        whole = cfg_load(write_bytes(text, count), &problems);
        text[i] = kept;
        if (whole)
            cfg_check(whole, &problems);
        if (cut)
            cfg_check(cut, &problems);
        cfg_free(whole);
        cfg_free(cut);
        cfg_problems_fini(&problems);
    }
}

static void damaged_text_does_no_harm(void **state)
{
    (void)state;
    damage("valid/every-setting-of-a-relay.conf");
    damage("valid/every-addressing.conf");
    damage("valid/agent-beside-the-server.conf");
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_relay_gets_its_defaults),
        STORY(both_roles_get_the_same_defaults),
        STORY(an_agent_gets_its_defaults),
        STORY(a_web_door_is_read),
        STORY(links_are_read),
        STORY(the_tunnel_is_read),
        STORY(what_stands_at_the_top_is_read),
        STORY(an_agent_is_read),
        STORY(who_may_come_is_read),
        STORY(places_name_included_files),
        STORY(windows_text_is_read),
        STORY(odd_files_are_refused),
        STORY(an_unreadable_file_is_refused),
        STORY(a_late_line_is_named),
        STORY(problems_are_sorted_and_escaped),
        STORY(problems_are_bounded),
        STORY(near_names_are_found),
        STORY(every_example_can_be_read),
        STORY(the_table_is_sound),
        STORY(the_plan_names_what_would_be_opened),
        STORY(damaged_text_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
