/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/link/machine.h and ranges.h: by which address a loopback client is known, who is let in, which ports a link covers. */
#include "test/unit/unit.h"

#include "proxy/link/machine.h"
#include "proxy/link/ranges.h"

#include <string.h>

static struct address at(const char *text)
{
    struct address a = {0};

    assert_int_equal(address_parse_port(text, &a), 0);
    return a;
}

static struct address ip(const char *text)
{
    struct address a = {0};

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static struct cfg_network network(const char *text)
{
    struct cfg_network n = {0};

    assert_int_equal(network_parse(text, &n.network), 0);
    return n;
}

static struct cfg cfg;
static struct worker worker;
static struct cfg_network clients[2];

/* An agent with two relays, of which none is up yet. */
static int set_up(void **state)
{
    (void)state;
    cfg = (struct cfg){.role = CFG_ROLE_AGENT, .relays_count = 2, .clients = clients, .clients_count = 2};
    clients[0] = network("127.0.0.1/32");
    clients[1] = network("::1/128");
    memset(&worker, 0, sizeof(worker));
    worker.cfg = &cfg;
    return 0;
}

static void connect_relay(unsigned index, const char *local)
{
    worker.relays[index].is_up = true;
    worker.relays[index].local = at(local);
}

static void assert_known_as(const char *peer, const char *wanted)
{
    struct address from = at(peer), client = machine_client(&worker, &from);
    char text[ADDRESS_TEXT];

    assert_string_equal(address_format(&client, text), wanted);
}

static void test_known_as(void **state)
{
    (void)state;
    assert_known_as("127.0.0.1:4000", "127.0.0.1:4000"); /* no relay */
    connect_relay(1, "192.168.1.20:50000");
    assert_known_as("127.0.0.1:4000", "192.168.1.20:4000");
    assert_known_as("127.9.9.9:4000", "192.168.1.20:4000");
    assert_known_as("192.168.1.21:4000", "192.168.1.21:4000"); /* another machine */
    assert_known_as("[::1]:4000", "[::1]:4000");               /* another family */
    connect_relay(0, "[fd00::20]:50000");                      /* the first that is up counts */
    assert_known_as("[::1]:4000", "[fd00::20]:4000");
    assert_known_as("127.0.0.1:4000", "127.0.0.1:4000");
    connect_relay(0, "127.0.0.1:50000"); /* a relay on this machine tells nothing */
    assert_known_as("127.0.0.1:4000", "127.0.0.1:4000");
    cfg.client_address = ip("192.168.1.30");
    assert_known_as("127.0.0.1:4000", "192.168.1.30:4000");
    assert_known_as("[::1]:4000", "192.168.1.30:4000");
    cfg.role = CFG_ROLE_RELAY;
    assert_known_as("127.0.0.1:4000", "127.0.0.1:4000");
}

static void assert_lets_in(const char *client, bool wanted, const char *wanted_loopback)
{
    struct address a = at(client), loopback = at("9.9.9.9:9");
    char text[ADDRESS_TEXT];

    assert_int_equal(machine_lets_in(&worker, &a, &loopback), wanted);
    assert_int_equal(machine_lets_in(&worker, &a, NULL), wanted);
    assert_string_equal(address_format(&loopback, text), wanted_loopback);
}

static void test_lets_in(void **state)
{
    (void)state;
    assert_lets_in("192.168.1.20:5500", false, "-");
    connect_relay(1, "192.168.1.20:50000");
    assert_lets_in("192.168.1.20:5500", true, "127.0.0.1:5500");
    assert_lets_in("192.168.1.21:5500", false, "-");
    assert_lets_in("127.0.0.1:5500", true, "-"); /* itself: not twice */
    assert_lets_in("127.0.0.2:5500", false, "-");
    worker.relays[1].is_up = false; /* it drains: what goes on is still delivered */
    assert_lets_in("192.168.1.20:5500", true, "127.0.0.1:5500");
    connect_relay(0, "[fd00::20]:50000");
    assert_lets_in("[fd00::20]:5500", true, "[::1]:5500");
    clients[1] = network("192.168.1.0/24");
    assert_lets_in("[fd00::20]:5500", false, "-"); /* ::1 is no longer in the list */
    assert_lets_in("192.168.1.21:5500", true, "-");
    clients[0] = network("192.168.1.20/32");
    assert_lets_in("192.168.1.20:5500", true, "-"); /* by the list, which has no loopback */
    clients[0] = network("127.0.0.0/8");
    cfg.client_address = ip("192.168.9.9");
    assert_lets_in("192.168.9.9:5500", true, "127.0.0.1:5500");
    connect_relay(0, "127.0.0.7:50000");
    assert_lets_in("127.0.0.7:5500", true, "-");
}

static void assert_listens_at(const char *client, bool wanted)
{
    struct address a = at(client);

    assert_int_equal(machine_listens_at(&worker, &a), wanted);
}

static void test_listens_at(void **state)
{
    struct cfg_listen listens[] = {
        {.address = at("127.0.0.1:5481")}, {.address = at("192.168.1.10:21")}, {.address = at("0.0.0.0:80")}};
    struct cfg_link links[] = {{.listen = listens, .listen_count = 2}, {.listen = &listens[2], .listen_count = 1}};

    (void)state;
    cfg.links = links;
    cfg.links_count = 2;
    connect_relay(0, "192.168.1.20:50000");
    assert_listens_at("127.0.0.1:5481", true);
    assert_listens_at("127.0.0.1:5482", false);
    assert_listens_at("192.168.1.20:5481", true); /* this machine: loopback would be dialled too */
    assert_listens_at("192.168.1.21:5481", false);
    assert_listens_at("192.168.1.10:21", true);
    assert_listens_at("192.168.1.20:21", false);
    assert_listens_at("192.168.1.20:80", true);
    assert_listens_at("127.0.0.2:80", true);
    assert_listens_at("192.168.1.21:80", false);
}

static void test_ranges(void **state)
{
    struct cfg_ports ports[] = {{.range = {1025, 5000}}, {.range = {49152, 65535}}};
    const struct cfg_link over = {.ports = ports, .ports_count = 2}, plain = {.ports_count = 0};
    static const struct {
        uint16_t port;
        bool is_good;
    } cases[] = {{0, false},   {1, false},    {1024, false},  {1025, true},  {3000, true},
                 {5000, true}, {5001, false}, {49151, false}, {49152, true}, {65535, true}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(ranges_check(&over, cases[i].port), cases[i].is_good ? REASON_NONE : REASON_PORT_NOT_ALLOWED);
    assert_int_equal(ranges_check(&plain, 0), REASON_NONE);
    assert_int_equal(ranges_check(&plain, 5481), REASON_PORT_NOT_ALLOWED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_known_as, set_up),
        cmocka_unit_test_setup(test_lets_in, set_up),
        cmocka_unit_test_setup(test_listens_at, set_up),
        cmocka_unit_test(test_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
