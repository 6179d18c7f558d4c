/* SPDX-License-Identifier: Apache-2.0 */
/* config/: every kind of addressing, links over ranges, servers beside an agent: what lands in the model, defaults, the plan. */
#include "test/unit/unit.h"

#include "config/check.h"
#include "config/load.h"
#include "config/print.h"
#include "test/unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in test_config.c. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\n";
}

static struct cfg_problems problems;

static int tear_down(void **state)
{
    (void)state;
    cfg_problems_fini(&problems);
    problems = (struct cfg_problems){0};
    return 0;
}

static char *source_path(const char *name)
{
    const char *root = getenv("GEORELAY_SOURCE");
    char *path = NULL;

    assert_true(asprintf(&path, "%s/test/config/valid/%s", root ? root : ".", name) > 0);
    return path;
}

static struct cfg *load_valid(const char *name)
{
    char *path = source_path(name);
    struct cfg *cfg = cfg_load(path, &problems);

    free(path);
    assert_non_null(cfg);
    assert_int_equal(problems.count, 0);
    return cfg;
}

static struct cfg *load_text(const char *text)
{
    struct scratch scratch;
    struct cfg *cfg;
    const char *path;
    FILE *file;

    scratch_init(&scratch);
    path = scratch_path(&scratch, "georelay.conf");
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    cfg = cfg_load(path, &problems);
    scratch_fini(&scratch);
    assert_non_null(cfg);
    return cfg;
}

static const struct cfg_link *link_named(const struct cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->served_count; i++)
        if (strcmp(cfg->served[i].name, name) == 0)
            return &cfg->served[i];
    fail_msg("no link \"%s\"", name);
    return NULL;
}

static void expect_ip(const struct address *address, const char *text)
{
    char formatted[ADDRESS_TEXT];

    assert_string_equal(address_format_ip(address, formatted), text);
}

static void addressing_gets_its_defaults(void **state)
{
    struct cfg *cfg = load_text("role = \"relay\"; links = { advise = { clients = { }; rule = { }; }; };");
    const struct cfg_advise *advise = &cfg->links[0].advise;

    (void)state;
    assert_int_equal(cfg->intercept_port, 5480);
    assert_int_equal(cfg->intercept_port_line, 0);
    assert_int_equal(cfg->nat_count, 0);
    assert_null(cfg->admin.socket);
    assert_int_equal(cfg->timeouts.firewall_idle_s, 60);
    assert_ptr_equal(cfg->served, cfg->links);
    assert_int_equal(cfg->served_count, 1);
    assert_int_equal(advise->any_port, CFG_OFF);
    assert_int_equal(advise->any_port_line + advise->relay_ports_line + advise->on_mismatch_line + advise->grace_line, 0);
    assert_false(address_is_set(&advise->address));
    assert_string_equal(advise->clients[0].agent, "direct");
    assert_int_equal(advise->relay_ports.first, 15500);
    assert_int_equal(advise->relay_ports.last, 16499);
    assert_int_equal(advise->rule.offset, 0);
    assert_int_equal(advise->rule.after.count, 0);
    assert_int_equal(advise->rule.form, CFG_PORT_U16LE);
    assert_int_equal(advise->rule.within, 4096);
    assert_int_equal(advise->on_mismatch, CFG_MISMATCH_PASS);
    cfg_free(cfg);
}

static void a_rule_that_is_not_there_has_no_line(void **state)
{
    struct cfg *cfg = load_text("role = \"relay\"; links = { advise = { addressing = \"rewrite\"; }; };");

    (void)state;
    assert_int_equal(cfg->links[0].advise.rule.line, 0);
    assert_int_equal(cfg->links[0].advise.rule.within, 4096);
    cfg_free(cfg);
}

static void every_addressing_is_read(void **state)
{
    struct cfg *cfg = load_valid("every-addressing.conf");
    const struct cfg_advise *advise = &link_named(cfg, "ports")->advise;

    (void)state;
    assert_int_equal(cfg->intercept_port, 5490);
    assert_int_equal(cfg->nat_count, 2);
    assert_int_equal(cfg->nat[1].network.prefix, 24);
    assert_non_null(strstr(cfg->admin.socket, "/test/config/valid/control.sock"));
    assert_int_equal(cfg->timeouts.firewall_idle_s, 90);
    assert_int_equal(link_named(cfg, "alias")->advise.any_port, CFG_ON);
    assert_int_equal(link_named(cfg, "transparent")->advise.addressing, CFG_ADDRESSING_TRANSPARENT);
    assert_int_equal(link_named(cfg, "transparent")->advise.grace_s, 40);
    assert_int_equal(advise->addressing, CFG_ADDRESSING_PORTS);
    expect_ip(&advise->address, "10.20.0.10");
    assert_int_equal(advise->clients_count, 3);
    assert_string_equal(advise->clients[2].agent, "site-b");
    expect_ip(&advise->clients[1].client, "192.168.1.21");
    assert_int_equal(advise->clients[1].ports.first, 5520);
    assert_int_equal(advise->clients[1].ports.last, 5520);
    assert_int_equal(advise->clients[0].line + 1, advise->clients[1].line);
    advise = &link_named(cfg, "rewrite")->advise;
    assert_int_equal(advise->addressing, CFG_ADDRESSING_REWRITE);
    assert_memory_equal(advise->rule.after.bytes, "\0PORT=", 6);
    assert_int_equal(advise->rule.after.count, 6);
    assert_int_equal(advise->rule.offset, 1);
    assert_int_equal(advise->rule.form, CFG_PORT_DECIMAL);
    assert_int_equal(advise->rule.within, 12);
    assert_int_equal(advise->relay_ports.last, 6099);
    assert_int_equal(advise->on_mismatch, CFG_MISMATCH_REFUSE);
    cfg_free(cfg);
}

static void ranges_are_read(void **state)
{
    struct cfg *cfg = load_valid("every-addressing.conf");
    const struct cfg_link *link = link_named(cfg, "dyn");

    (void)state;
    assert_true(link->server.has_any_port);
    assert_string_equal(link->server.host, "10.10.0.5");
    assert_int_equal(link->ports_count, 2);
    assert_int_equal(link->ports[0].range.first, 1025);
    assert_int_equal(link->ports[1].range.last, 65535);
    link = link_named(cfg, "far");
    assert_string_equal(link->server.agent, "plant");
    assert_string_equal(link->server.host, "node-a");
    assert_string_equal(cfg->web[0].upstream.servers[0].agent, "plant");
    assert_null(cfg->web[0].upstream.servers[1].agent);
    cfg_free(cfg);
}

static void an_agent_beside_the_server_is_read(void **state)
{
    struct cfg *cfg = load_valid("agent-beside-the-server.conf");

    (void)state;
    assert_ptr_equal(cfg->served, cfg->servers);
    assert_int_equal(cfg->served_count, 5);
    assert_int_equal(cfg->links_count, 0);
    assert_int_equal(cfg->clients_line, 0);
    assert_int_equal(link_named(cfg, "node-a")->advise.any_port, CFG_ON);
    assert_int_equal(link_named(cfg, "node-a")->advise.pins_count, 2);
    assert_int_equal(link_named(cfg, "dyn")->ports[1].range.first, 6000);
    assert_int_equal(cfg->timeouts.firewall_idle_s, 3);
    cfg_free(cfg);
}

/* The plan of a file has each of these lines, in this order. */
static void expect_plan(const char *name, const char *const *lines)
{
    struct cfg *cfg = load_valid(name);
    char *text = NULL, *at;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    cfg_print_plan(cfg, out);
    fclose(out);
    at = text;
    for (size_t i = 0; lines[i]; i++) {
        char *found = strstr(at, lines[i]);

        EXPECT(found, lines[i]);
        at = found + strlen(lines[i]);
    }
    free(text);
    cfg_free(cfg);
}

static void the_plan_tells_each_addressing(void **state)
{
    static const char *const lines[] = {
        "listen 192.0.2.1:5481 for the link \"alias\"\n",
        "  pool 10.20.0.32-10.20.0.63: room for 32 clients\n",
        "  advises to other ports there come to port 5490, by rules of \"georelay firewall\" and with CAP_NET_RAW\n",
        "  advises for clients without an agent are delivered by an agent near them\n",
        "listen 192.0.2.1:5482 for the link \"transparent\"\n",
        "  the server is dialled from each client's own address, with CAP_NET_RAW\n",
        "  rules of \"georelay firewall\" lead advises to a client's address, at any port, to port 5490\n",
        "  while a client has a link, take up its advises from the server and 10.10.1.6/32, and for 40 s after its last link\n",
        "no listener for the link \"ports\": for clients of agents only\n  to 10.10.0.7:5481\n  the server is dialled from "
        "10.20.0.10\n"
        "  while a client has a link, listen at 10.20.0.10 on its own ports for advises from the server, and for 30 s",
        "  the client 192.168.1.21 of \"site-a\" has port 5520\n",
        "  the client 192.168.1.20 of \"site-b\" has ports 5530-5539\nlisten",
        "for the link \"rewrite\"\n",
        "  the server is dialled from 10.20.0.10\n",
        "  a client's port stands in the first 12 bytes of its link, as decimal digits, 1 byte behind the first \"\\x00PORT=\"\n",
        "  if it is one of 5500-5509, one of 6000-6099 takes its place; a link without it is refused\n",
        "  while a client has such a link, listen at 10.20.0.10 on that port for advises from the server, and for 30 s",
        "  advises for clients without an agent are delivered by the relay itself\n",
        "for the link \"rewrite-b\"\n",
        "  a client's port stands in the first 4096 bytes of its link, as two bytes, the lower first, at its start\n",
        "one of 15500-16499 takes its place; a link without it goes on as it is\n",
        "listen 10.20.0.99:15000 for the link \"dyn\"\n"
        "  over the ports 1025-5000, 49152-65535, which rules of \"georelay firewall\" lead to that listener\n"
        "  to 10.10.0.5, at the port that the client chose\n  no advises\n",
        "for the link \"far\"\n  to \"node-a\" of the agent \"plant\", which connects to the server\n"
        "  advises as that agent's configuration says\n  advises for clients without an agent are delivered by the relay "
        "itself\n",
        "no listener for the link \"far-dyn\": for clients of agents only\n  over the ports 1025-5000\n"
        "  to \"dyn\" of the agent \"plant\", which connects to the server\n  no advises\n",
        "several clients each stand behind 203.0.113.7/32, 198.51.100.0/24: from there links that need advises are refused\n",
        "  agent \"plant\" connects to servers beside it\n",
        "no connection is silent for longer than 30 s, so that firewalls which wait 90 s do not forget it\n",
        "control socket /",
        NULL,
    };

    (void)state;
    expect_plan("every-addressing.conf", lines);
}

static void the_plan_of_an_agent_tells_its_servers(void **state)
{
    static const char *const beside_server[] = {
        "role agent, name \"plant\"\nserver \"node-a\": relays ask for it as node-a@plant\n  to 10.10.0.5:5481\n  pool ",
        "  the client 192.0.2.77 of \"direct\" always has 10.20.0.41\nserver \"node-b\"",
        "server \"dyn\": relays ask for it as dyn@plant\n  over the ports 1025-5000, 6000\n  to 10.10.0.5, at the port",
        "server \"web\": relays ask for it as web@plant\n  to 10.10.0.5:8080\n  no advises\nconnect to the relay ",
        "/site-a.key, CA ",
        "/ca.crt\nno connection is silent for longer than 1 s",
        "state in ",
        NULL,
    };
    static const char *const beside_clients[] = {
        "listen 192.168.1.10:15000 for the link \"dyn\"\n  over the ports 1025-5000, 49152-65535, which rules",
        "deliver advises to ports 5500-5509 of 192.168.1.0/24\n",
        "as logfmt\nno control socket\n",
        NULL,
    };

    (void)state;
    expect_plan("agent-beside-the-server.conf", beside_server);
    expect_plan("agent-with-ranges.conf", beside_clients);
}

#define STORY(test) cmocka_unit_test_teardown(test, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(addressing_gets_its_defaults),
        STORY(a_rule_that_is_not_there_has_no_line),
        STORY(every_addressing_is_read),
        STORY(ranges_are_read),
        STORY(an_agent_beside_the_server_is_read),
        STORY(the_plan_tells_each_addressing),
        STORY(the_plan_of_an_agent_tells_its_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
