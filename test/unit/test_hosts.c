/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/hosts.h: every endpoint has its entry, addresses are known at once, and one that is down stays so for a while. */
#include "test/unit/unit.h"

#include "proxy/base/clock.h"
#include "proxy/session/hosts.h"

static struct cfg_endpoint servers[] = {
    {.host = (char *)(uintptr_t) "10.0.0.5", .port = 8080},
    {.host = (char *)(uintptr_t) "scada.example", .port = 8080, .is_name = true},
};
static struct cfg_endpoint more_servers[] = {{.host = (char *)(uintptr_t) "10.0.0.7", .port = 85}};
static struct cfg_upstream further[] = {{.servers = more_servers, .servers_count = 1}};
static struct cfg_web web[] = {{.upstream = {.servers = servers, .servers_count = 2}},
                               {.upstreams = further, .upstreams_count = 1}};
static struct cfg_link links[] = {{.server = {.port = 5481, .is_name = true}}, {.server = {.port = 5481}}};
static struct cfg_endpoint relays[] = {{.port = 443, .is_name = true}};

static void test_a_relay(void **state)
{
    struct cfg cfg = {.role = CFG_ROLE_RELAY, .web = web, .web_count = 2, .links = links, .links_count = 2};
    struct hosts h, other;
    (void)state;
    assert_int_equal(address_parse_port("10.0.0.5:8080", &servers[0].address), 0);
    assert_int_equal(address_parse_port("10.0.0.7:85", &more_servers[0].address), 0);
    assert_int_equal(address_parse_port("10.0.0.6:5481", &links[1].server.address), 0);
    assert_int_equal(hosts_init(&h, &cfg), 0);
    assert_int_equal(hosts_init(&other, &cfg), 0);
    assert_int_equal(h.count, 5);
    for (unsigned i = 0; i < h.count; i++)
        assert_ptr_equal(h.list[i].endpoint, other.list[i].endpoint); /* an index means the same in each thread */
    assert_int_equal(hosts_find(&h, &servers[0])->addresses.count, 1);
    assert_int_equal(address_port(&hosts_find(&h, &servers[0])->addresses.list[0]), 8080);
    assert_int_equal(hosts_find(&h, &servers[1])->addresses.count, 0); /* a name: not yet known */
    assert_int_equal(address_port(&hosts_find(&h, &more_servers[0])->addresses.list[0]), 85);
    assert_int_equal(hosts_find(&h, &links[0].server)->addresses.count, 0);
    assert_true(address_same_ip(&hosts_find(&h, &links[1].server)->addresses.list[0], &links[1].server.address));
    hosts_fini(&h);
    hosts_fini(&h);
    hosts_fini(&other);
}

static void test_an_agent(void **state)
{
    struct cfg cfg = {.role = CFG_ROLE_AGENT, .links = links, .links_count = 2, .relays = relays, .relays_count = 1};
    struct cfg nothing = {.role = CFG_ROLE_AGENT};
    struct hosts h;
    (void)state;
    assert_int_equal(hosts_init(&h, &cfg), 0);
    assert_int_equal(h.count, 1); /* its links have no server of their own */
    assert_ptr_equal(hosts_find(&h, &relays[0])->endpoint, &relays[0]);
    hosts_fini(&h);
    assert_int_equal(hosts_init(&h, &nothing), 0);
    assert_int_equal(h.count, 0);
    hosts_fini(&h);
}

static void test_down_and_up(void **state)
{
    const struct address any = {0};
    struct known_host host = {0};
    (void)state;
    assert_false(host_is_down(&host, &any));
    host_set_down(&host, &any);
    assert_true(host_is_down(&host, &any));
    assert_true(host.down_until_ms - clock_ms() <= HOST_DOWN_MS);
    host.down_until_ms = clock_ms(); /* its time is over */
    assert_false(host_is_down(&host, &any));
    host_set_down(&host, &any);
    host_set_up(&host, &any);
    assert_false(host_is_down(&host, &any));
}

/* What health checks say stands for every source, until they say otherwise: a dial that got through does not change it. */
static void test_unhealthy(void **state)
{
    const struct address any = {0};
    struct known_host host = {.is_unhealthy = true};
    struct address source;
    (void)state;
    assert_int_equal(address_parse("10.20.0.32", &source), 0);
    assert_true(host_is_down(&host, &any));
    assert_true(host_is_down(&host, &source));
    host_set_up(&host, &any);
    host_set_up(&host, &source);
    assert_true(host_is_down(&host, &any));
    host.is_unhealthy = false;
    assert_false(host_is_down(&host, &any));
    assert_false(host_is_down(&host, &source));
}

/* One client that the server's firewall does not know must not close the node to the others; a dead node must. */
static void test_down_by_source(void **state)
{
    struct known_host host = {0};
    struct address first, second, third;
    (void)state;
    assert_int_equal(address_parse("10.20.0.32", &first), 0);
    assert_int_equal(address_parse("10.20.0.33", &second), 0);
    assert_int_equal(address_parse("10.20.0.34", &third), 0);
    host_set_down(&host, &first);
    host_set_down(&host, &first);
    assert_true(host_is_down(&host, &first));
    assert_false(host_is_down(&host, &second));
    host_set_up(&host, &third);
    host_set_down(&host, &second); /* somebody got through since the first failure */
    assert_false(host_is_down(&host, &third));
    host_set_down(&host, &first);
    assert_true(host_is_down(&host, &third));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_relay),   cmocka_unit_test(test_an_agent),       cmocka_unit_test(test_down_and_up),
        cmocka_unit_test(test_unhealthy), cmocka_unit_test(test_down_by_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
