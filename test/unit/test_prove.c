/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/app/prove_judge.h: nothing is proved that is not so, and nothing is held against who did nothing. */
#include "test/unit/unit.h"

#include "proxy/app/prove_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- a relay and an agent as they stand in the manual ---------------------------------------------------------------------------
 */

static struct cfg_network client_networks[] = {{.line = 1}};
static struct cfg_agent agents[] = {{.name = (char[]){"site-a"}, .clients = client_networks, .clients_count = 1}};
static struct cfg_listen listens[1];
static struct cfg_ports ranges[] = {{.range = {49152, 65535}}};
static struct cfg_link links[] = {{.name = (char[]){"node-a"}}};
static struct cfg_endpoint relays[] = {{.text = (char[]){"198.51.100.1:443"}, .port = 443}};

static struct address address(const char *text)
{
    struct address a = {0};

    if (address_parse_port(text, &a) != 0)
        assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static struct cfg cfg_new(int role)
{
    struct cfg cfg = {.role = role, .name = role == CFG_ROLE_AGENT ? (char[]){"site-a"} : NULL};

    assert_int_equal(network_parse("192.168.1.0/24", &client_networks[0].network), 0);
    relays[0].address = address("198.51.100.1:443");
    links[0] = (struct cfg_link){.name = links[0].name, .server = {.text = (char[]){"10.10.0.5:5481"}, .port = 5481}};
    links[0].server.address = address("10.10.0.5:5481");
    links[0].advise.addressing = CFG_ADDRESSING_ALIAS;
    cfg.links = links;
    cfg.links_count = 1;
    if (role == CFG_ROLE_RELAY) {
        cfg.tunnel.agents = agents;
        cfg.tunnel.agents_count = 1;
        cfg.served = links;
        cfg.served_count = 1;
    } else {
        cfg.clients = client_networks;
        cfg.clients_count = 1;
        cfg.relays = relays;
        cfg.relays_count = 1;
        cfg.advise_ports = (struct port_range){5500, 5509};
    }
    return cfg;
}

/* -- a view, and what is found in it -------------------------------------------------------------------------------------------
 */

static struct account_row rows[8];
static struct kernel_tcp sockets[8];
static struct prove_findings findings;

static struct prove_view view_new(const struct cfg *cfg)
{
    struct prove_view v = {.cfg = cfg, .has_accounts = true, .has_sockets = true};

    strcpy(v.accounts.role, cfg->role == CFG_ROLE_RELAY ? "relay" : "agent");
    v.accounts.rows = rows;
    v.sockets.list = sockets;
    assert_int_equal(prove_peers_init(&v.peers, cfg), 0);
    return v;
}

static void account(struct prove_view *v, enum account_way way, enum account_purpose purpose, const char *peer, uint64_t count)
{
    struct account_row row = {.way = way, .purpose = purpose, .count = count};

    if (peer != NULL)
        row.peer = address(peer);
    rows[v->accounts.count++] = row;
}

static void sees(struct prove_view *v, const char *local, const char *remote, enum kernel_tcp_state state)
{
    sockets[v->sockets.count++] =
        (struct kernel_tcp){.local = address(local), .remote = address(remote), .state = state, .inode = 1};
}

/* The codes of all findings, in one text. */
static const char *judged(struct prove_view *v)
{
    static char codes[512];
    struct prove_groups groups;

    codes[0] = '\0';
    findings = (struct prove_findings){0};
    assert_int_equal(prove_group(v, &groups), 0);
    prove_judge(v, &groups, &findings);
    for (size_t i = 0; i < findings.count; i++) {
        strcat(codes, i > 0 ? " " : "");
        strcat(codes, findings.list[i].code);
    }
    free(groups.list);
    prove_peers_fini(&v->peers);
    return codes;
}

/* -- a relay -------------------------------------------------------------------------------------------------------------------
 */

static void good_relay(struct prove_view *v)
{
    account(v, ACCOUNT_ACCEPTED, ACCOUNT_TUNNEL, "192.168.1.2", 3);
    account(v, ACCOUNT_OPENED, ACCOUNT_SERVER, "10.10.0.5", 2);
    sees(v, "0.0.0.0:443", "0.0.0.0:0", KERNEL_TCP_LISTEN);
    sees(v, "10.20.0.1:443", "192.168.1.2:40000", KERNEL_TCP_ESTABLISHED);
    sees(v, "10.20.0.1:443", "192.168.1.2:40001", KERNEL_TCP_OTHER);
    sees(v, "10.20.0.32:33000", "10.10.0.5:5481", KERNEL_TCP_ESTABLISHED);
}

static void test_relay_is_proved(void **state)
{
    struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
    struct prove_view v = view_new(&cfg);
    (void)state;
    good_relay(&v);
    assert_string_equal(judged(&v), "");
}

static void test_relay_opened_towards_clients(void **state)
{
    static const struct {
        enum account_purpose purpose;
        const char *peer, *codes, *comment;
    } table[] = {
        {ACCOUNT_CLIENT, "192.168.1.20", "opened_towards_clients", "an advise into the network"},
        {ACCOUNT_CLIENT, "172.16.0.1", "opened_towards_clients", "an advise to a client whose network is not named"},
        {ACCOUNT_SERVER, "192.168.1.20", "opened_towards_clients", "whatever it was for"},
        {ACCOUNT_OTHER, "192.168.1.20", "opened_towards_clients", "a purpose of a newer version"},
        {ACCOUNT_UPSTREAM, NULL, "too_many_peers", "with whom is not known"},
        {ACCOUNT_UPSTREAM, "192.168.2.20", "", "the neighbouring network"},
    };
    struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        struct prove_view v = view_new(&cfg);

        good_relay(&v);
        account(&v, ACCOUNT_OPENED, table[i].purpose, table[i].peer, 1);
        EXPECT(strcmp(judged(&v), table[i].codes) == 0, table[i].comment);
    }
}

/* The kernel sees what the process has not told, or told under another direction. */
static void test_relay_against_the_kernel(void **state)
{
    static const struct {
        const char *local, *remote;
        enum kernel_tcp_state state;
        const char *codes, *comment;
    } table[] = {
        {"10.20.0.1:33001", "192.168.1.20:5500", KERNEL_TCP_ESTABLISHED, "opened_towards_clients not_accounted", "an advise"},
        {"10.20.0.1:33001", "192.168.1.20:5500", KERNEL_TCP_SYN_SENT, "opened_towards_clients not_accounted", "on its way"},
        {"10.20.0.1:443", "192.168.1.20:5500", KERNEL_TCP_SYN_SENT, "opened_towards_clients not_accounted",
         "from a listener's port"},
        {"10.20.0.1:443", "192.168.1.20:40000", KERNEL_TCP_ESTABLISHED, "not_accounted", "accepted, but not counted"},
        {"10.20.0.1:33001", "203.0.113.1:80", KERNEL_TCP_ESTABLISHED, "not_accounted", "opened to nobody's"},
        {"10.20.0.32:33001", "10.10.0.5:5481", KERNEL_TCP_ESTABLISHED, "", "as many as counted"},
    };
    struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        struct prove_view v = view_new(&cfg);

        good_relay(&v);
        sees(&v, table[i].local, table[i].remote, table[i].state);
        EXPECT(strcmp(judged(&v), table[i].codes) == 0, table[i].comment);
    }
}

/* What connection tracking says goes before what the port says. */
static void test_relay_by_connection_tracking(void **state)
{
    struct conntrack_end end = {address("10.20.0.1:443"), address("192.168.1.2:40000"), CONNTRACK_OPENED};
    struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
    struct prove_view v = view_new(&cfg);
    (void)state;
    good_relay(&v);
    v.has_conntrack = true;
    v.conntrack = (struct conntrack){.list = &end, .count = 1};
    assert_string_equal(judged(&v), "opened_towards_clients not_accounted");
    end.way = CONNTRACK_ACCEPTED;
    v = view_new(&cfg);
    good_relay(&v);
    v.has_conntrack = true;
    v.conntrack = (struct conntrack){.list = &end, .count = 1};
    assert_string_equal(judged(&v), "");
}

/* Advises that a TPROXY rule leads to us have the client's address, or any port, as their local end. */
static void test_relay_intercepts(void **state)
{
    struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
    struct prove_view v = view_new(&cfg);
    (void)state;
    good_relay(&v);
    account(&v, ACCOUNT_ACCEPTED, ACCOUNT_ADVISE, "10.10.0.5", 1);
    sees(&v, "192.168.1.20:5500", "10.10.0.5:50001", KERNEL_TCP_ESTABLISHED);
    links[0].advise.addressing = CFG_ADDRESSING_TRANSPARENT;
    assert_string_equal(judged(&v), "");
    v = view_new(&cfg);
    good_relay(&v);
    account(&v, ACCOUNT_ACCEPTED, ACCOUNT_LINK, "172.16.0.9", 1);
    sees(&v, "10.20.0.1:50000", "172.16.0.9:40000", KERNEL_TCP_ESTABLISHED); /* at a port of a link over ranges */
    links[0].ports = ranges;
    links[0].ports_count = 1;
    assert_string_equal(judged(&v), "");
}

static void test_relay_that_delivers_itself(void **state)
{
    static const struct {
        int addressing, delivery;
        size_t listens;
        const char *server_agent, *codes, *comment;
    } table[] = {
        {CFG_ADDRESSING_ALIAS, CFG_DELIVERY_DIRECT, 1, NULL, "direct_delivery", "alias"},
        {CFG_ADDRESSING_TRANSPARENT, CFG_DELIVERY_DIRECT, 1, NULL, "direct_delivery", "transparent"},
        {CFG_ADDRESSING_OFF, CFG_DELIVERY_DIRECT, 1, "plant", "direct_delivery", "the addressing is set at the server's agent"},
        {CFG_ADDRESSING_OFF, CFG_DELIVERY_DIRECT, 1, NULL, "", "there are no advises"},
        {CFG_ADDRESSING_ALIAS, CFG_DELIVERY_DIRECT, 0, NULL, "", "there are no clients without an agent"},
        {CFG_ADDRESSING_ALIAS, CFG_DELIVERY_AGENT, 1, NULL, "", "an agent delivers"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
        struct prove_view v;

        links[0].advise.addressing = table[i].addressing;
        links[0].advise.delivery = table[i].delivery;
        links[0].listen = listens;
        links[0].listen_count = table[i].listens;
        links[0].server.agent = (char *)(uintptr_t)table[i].server_agent;
        v = view_new(&cfg);
        EXPECT(strcmp(judged(&v), table[i].codes) == 0, table[i].comment);
    }
}

static void test_sources(void **state)
{
    struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
    struct prove_view v = view_new(&cfg);
    (void)state;
    good_relay(&v);
    v.has_sockets = false;
    v.other_config = "/etc/georelay/other.conf";
    v.files = PROVE_FILES_CHANGED;
    strcpy(v.accounts.role, "agent");
    v.has_counters = true;
    v.counters.list[0] = (struct nft_counter){"inet", "georelay", "opened_towards_server", 7};
    v.counters.list[1] = (struct nft_counter){"inet", "georelay", "opened_towards_clients", 0};
    v.counters.list[2] = (struct nft_counter){"inet", "georelay2", "opened_towards_clients", 1};
    v.counters.list[3] = (struct nft_counter){"inet", "georelay", "unexpected_towards_clients", 2};
    v.counters.count = 4;
    assert_string_equal(judged(&v),
                        "other_configuration configuration_changed other_configuration kernel_unread counter counter");
    v = view_new(&cfg);
    good_relay(&v);
    v.files = PROVE_FILES_UNKNOWN;
    assert_string_equal(judged(&v), "configuration_changed");
    v = view_new(&cfg);
    good_relay(&v);
    v.files = PROVE_FILES_SAME;
    assert_string_equal(judged(&v), "");
    cfg.tunnel.agents_count = 0;
    v = view_new(&cfg);
    assert_string_equal(judged(&v), "no_networks");
}

/* -- an agent ------------------------------------------------------------------------------------------------------------------
 */

static void good_agent(struct prove_view *v)
{
    account(v, ACCOUNT_ACCEPTED, ACCOUNT_LINK, "192.168.1.20", 1);
    account(v, ACCOUNT_OPENED, ACCOUNT_RELAY, "198.51.100.1", 6);
    account(v, ACCOUNT_OPENED, ACCOUNT_CLIENT, "192.168.1.20", 1);
    sees(v, "127.0.0.1:5481", "0.0.0.0:0", KERNEL_TCP_LISTEN);
    sees(v, "192.168.1.2:40000", "198.51.100.1:443", KERNEL_TCP_ESTABLISHED);
    sees(v, "192.168.1.2:40001", "192.168.1.20:5500", KERNEL_TCP_ESTABLISHED);
    sees(v, "127.0.0.1:5481", "192.168.1.20:40000", KERNEL_TCP_ESTABLISHED);
}

static void test_agent(void **state)
{
    static const struct {
        enum account_way way;
        enum account_purpose purpose;
        const char *peer, *codes, *comment;
    } table[] = {
        {ACCOUNT_ACCEPTED, ACCOUNT_LINK, "192.168.1.99", "", "another client"},
        {ACCOUNT_ACCEPTED, ACCOUNT_LINK, "172.16.0.1", "accepted_from_stranger", "a stranger"},
        {ACCOUNT_ACCEPTED, ACCOUNT_ADVISE, "192.168.1.20", "accepted_from_stranger", "a client is no server"},
        {ACCOUNT_ACCEPTED, ACCOUNT_ADMIN, "172.16.0.1", "", "who reads the metrics"},
        {ACCOUNT_ACCEPTED, ACCOUNT_LINK, NULL, "too_many_peers", "with whom is not known"},
        {ACCOUNT_OPENED, ACCOUNT_RELAY, "192.168.1.20", "opened_to_stranger", "a client is no relay"},
        {ACCOUNT_OPENED, ACCOUNT_CLIENT, "198.51.100.1", "opened_to_stranger", "a relay is no client"},
        {ACCOUNT_OPENED, ACCOUNT_SERVER, "10.10.0.5", "opened_to_stranger", "it has no servers"},
        {ACCOUNT_OPENED, ACCOUNT_SYSLOG, "192.0.2.14", "", "the syslog receiver"},
        {ACCOUNT_OPENED, ACCOUNT_SYSLOG, "192.168.1.20", "opened_to_stranger", "a client is no syslog receiver"},
        {ACCOUNT_OPENED, ACCOUNT_RELAY, "192.0.2.14", "opened_to_stranger", "a syslog receiver is no relay"},
        {ACCOUNT_OPENED, ACCOUNT_OTHER, "192.168.1.20", "opened_to_stranger", "for what is not known"},
    };
    struct cfg cfg = cfg_new(CFG_ROLE_AGENT);
    struct prove_view good = view_new(&cfg);
    (void)state;
    cfg.audit.syslog =
        (struct cfg_syslog_target){(char[]){"tls:192.0.2.14:6514"}, CFG_SYSLOG_TLS, (char[]){"192.0.2.14"}, "6514"};
    good_agent(&good);
    good.has_counters = true; /* an agent's machine counts its deliveries */
    good.counters.list[0] = (struct nft_counter){"inet", "georelay", "opened_towards_clients", 1};
    good.counters.count = 1;
    assert_string_equal(judged(&good), "");
    for (size_t i = 0; i < ROWS(table); i++) {
        struct prove_view v = view_new(&cfg);

        good_agent(&v);
        account(&v, table[i].way, table[i].purpose, table[i].peer, 1);
        EXPECT(strcmp(judged(&v), table[i].codes) == 0, table[i].comment);
    }
}

/* After a reload a stranger may be a relay that was removed: that is said. */
static void test_agent_after_a_reload(void **state)
{
    struct cfg cfg = cfg_new(CFG_ROLE_AGENT);
    (void)state;
    for (unsigned generation = 1; generation <= 2; generation++) {
        struct prove_view v = view_new(&cfg);

        good_agent(&v);
        v.accounts.generation = generation;
        account(&v, ACCOUNT_OPENED, ACCOUNT_RELAY, "198.51.100.9", 1);
        account(&v, ACCOUNT_ACCEPTED, ACCOUNT_LINK, "172.16.0.1", 1);
        sees(&v, "192.168.1.2:40002", "198.51.100.9:443", KERNEL_TCP_ESTABLISHED);
        assert_string_equal(judged(&v), "opened_to_stranger accepted_from_stranger opened_to_stranger");
        for (size_t i = 0; i < 3; i++)
            assert_true((strstr(findings.list[i].sentence, "a peer of a former configuration") != NULL) == (generation > 1));
    }
}

static void test_agent_against_the_kernel(void **state)
{
    static const struct {
        const char *local, *remote, *codes, *comment;
    } table[] = {
        {"192.168.1.2:40002", "192.168.1.20:22", "opened_to_stranger not_accounted", "a client, but no advise port"},
        {"192.168.1.2:40002", "198.51.100.1:22", "opened_to_stranger", "a relay, but not its port"},
        {"127.0.0.1:5481", "172.16.0.1:40000", "accepted_from_stranger not_accounted", "a stranger"},
        {"192.168.1.2:9481", "172.16.0.1:40000", "not_accounted", "a stranger at the admin port"},
    };
    struct cfg cfg = cfg_new(CFG_ROLE_AGENT);
    struct cfg_listen admin = {.address = address("192.168.1.2:9481")};
    (void)state;
    cfg.admin.listen = &admin;
    cfg.admin.listen_count = 1;
    for (size_t i = 0; i < ROWS(table); i++) {
        struct prove_view v = view_new(&cfg);

        good_agent(&v);
        sees(&v, "192.168.1.2:9481", "0.0.0.0:0", KERNEL_TCP_LISTEN);
        sees(&v, table[i].local, table[i].remote, KERNEL_TCP_ESTABLISHED);
        EXPECT(strcmp(judged(&v), table[i].codes) == 0, table[i].comment);
    }
}

/* An agent beside the server: its own server, no clients. */
static void test_agent_beside_the_server(void **state)
{
    struct cfg cfg = cfg_new(CFG_ROLE_AGENT);
    struct prove_view v;
    (void)state;
    cfg.clients_count = cfg.links_count = 0;
    cfg.servers = links;
    cfg.servers_count = 1;
    cfg.served = links;
    cfg.served_count = 1;
    v = view_new(&cfg);
    account(&v, ACCOUNT_OPENED, ACCOUNT_SERVER, "10.10.0.5", 1);
    account(&v, ACCOUNT_ACCEPTED, ACCOUNT_ADVISE, "10.10.0.5", 1);
    sees(&v, "10.20.0.32:5500", "0.0.0.0:0", KERNEL_TCP_LISTEN);
    sees(&v, "10.20.0.32:5500", "10.10.0.5:50000", KERNEL_TCP_ESTABLISHED);
    sees(&v, "10.20.0.32:40000", "10.10.0.5:5481", KERNEL_TCP_ESTABLISHED);
    assert_string_equal(judged(&v), "");
}

static void test_many_findings(void **state)
{
    static struct account_row many[PROVE_FINDINGS + 5];
    struct cfg cfg = cfg_new(CFG_ROLE_RELAY);
    struct prove_view v = view_new(&cfg);
    struct prove_groups none = {0};
    (void)state;
    for (size_t i = 0; i < ROWS(many); i++)
        many[i] =
            (struct account_row){.way = ACCOUNT_OPENED, .purpose = ACCOUNT_CLIENT, .peer = address("192.168.1.20"), .count = 1};
    v.accounts.rows = many;
    v.accounts.count = ROWS(many);
    findings = (struct prove_findings){0};
    prove_judge(&v, &none, &findings);
    assert_int_equal(findings.count, ROWS(many));
    prove_peers_fini(&v.peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay_is_proved),
        cmocka_unit_test(test_relay_opened_towards_clients),
        cmocka_unit_test(test_relay_against_the_kernel),
        cmocka_unit_test(test_relay_by_connection_tracking),
        cmocka_unit_test(test_relay_intercepts),
        cmocka_unit_test(test_relay_that_delivers_itself),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_agent),
        cmocka_unit_test(test_agent_after_a_reload),
        cmocka_unit_test(test_agent_against_the_kernel),
        cmocka_unit_test(test_agent_beside_the_server),
        cmocka_unit_test(test_many_findings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
