/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/link/announced.h, arrival.h, catcher.h: ports that stand for announced ones, and whose advise it is. Real listeners on
 * loopback. */
#include "test/unit/unit.h"

#include "proxy/link/announced.h"
#include "proxy/link/arrival.h"
#include "proxy/link/catcher.h"
#include "proxy/link/lease_door.h"
#include "proxy/net/socket.h"
#include "test/unit/leases.h"

#include <stdio.h>
#include <unistd.h>

/* Of this test alone: nobody else listens on this loopback address. */
#define OURS "127.83.71.1"

static struct cfg_agent site_a = {.name = (char *)(uintptr_t) "site-a"};
static struct cfg_agent site_b = {.name = (char *)(uintptr_t) "site-b"};
static struct cfg_link links[3];
static struct cfg cfg;
static struct loop loop;
static struct site site;
static struct hub hub;

static void set_link(size_t index, const char *name, const char *server, enum cfg_addressing addressing)
{
    links[index] = (struct cfg_link){.name = (char *)(uintptr_t)name};
    links[index].server = (struct cfg_endpoint){.address = at(server), .line = 1};
    links[index].advise = (struct cfg_advise){
        .addressing = (int)addressing, .address = at(OURS), .relay_ports = {15500, 15503}, .rule = {.form = CFG_PORT_U16LE}};
}

static int set_up(void **state)
{
    struct hub_sockets none = {.intercept = {-1, -1}, .syns = {-1, -1}};
    (void)state;
    set_link(0, "node-a", "127.0.0.5", CFG_ADDRESSING_REWRITE);
    set_link(1, "node-b", "127.0.0.6", CFG_ADDRESSING_TRANSPARENT);
    set_link(2, "node-c", "127.0.0.5", CFG_ADDRESSING_TRANSPARENT);
    cfg = (struct cfg){
        .role = CFG_ROLE_RELAY, .links = links, .links_count = ROWS(links), .served = links, .served_count = ROWS(links)};
    site = (struct site){.cfg = &cfg, .main = &loop, .hub = &hub};
    assert_int_equal(loop_init(&loop, 0), 0);
    assert_int_equal(hub_init(&hub, &loop, &site, &none), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hub_fini(&hub);
    loop_fini(&loop);
    return 0;
}

/* A lease of the link, as the hub gives it. */
static struct lease *open_lease(size_t index, const struct cfg_agent *agent, const char *client)
{
    struct identity identity = who(agent, client);
    enum reason why = REASON_NONE;
    struct lease *lease = lease_get(&hub.links->tables[index], &identity, &why);

    assert_non_null(lease);
    if (!lease->is_active)
        assert_int_equal(lease_open(&hub, lease), REASON_NONE);
    lease_hold(lease);
    return lease;
}

static uint16_t announce(struct lease *lease, uint16_t port)
{
    uint16_t ours = 0;

    assert_int_equal(lease_announce(lease, port, &ours), REASON_NONE);
    return ours;
}

static bool is_open(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = at(OURS).sa.v4.sin_addr};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool is_open = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;

    close(fd);
    return is_open;
}

static void test_the_same_port_again(void **state)
{
    struct lease *one = open_lease(0, &site_a, "192.168.1.1"), *other = open_lease(0, &site_b, "192.168.1.1");
    uint16_t ours = announce(one, 5500), theirs = announce(other, 5500);
    (void)state;
    assert_in_range(ours, 15500, 15503);
    assert_in_range(theirs, 15500, 15503);
    assert_int_not_equal(ours, theirs);
    assert_int_equal(announce(one, 5500), ours);
    assert_int_equal(lease_client_port(one, ours, false), 5500);
    assert_int_equal(lease_client_port(one, theirs, false), 0);
    assert_int_equal(lease_client_port(one, 5500, true), 0);
    assert_true(is_open(ours) && is_open(theirs));
    assert_int_equal(hub.listeners_count, 2);
    lease_withdraw(one, 5500);
    lease_withdraw(one, 5500);
    assert_int_equal(announce(one, 5500), ours); /* the lease lives */
    lease_close(one);
    assert_false(is_open(ours));
    assert_true(is_open(theirs));
    assert_int_equal(hub.links->tables[0].leases_count, 1); /* nothing of it is worth remembering */
}

static void test_the_oldest_without_a_link_makes_room(void **state)
{
    struct lease *one = open_lease(0, &site_a, "192.168.1.1"), *other = open_lease(0, &site_b, "192.168.1.1");
    uint16_t ours[4], again;
    (void)state;
    for (uint16_t i = 0; i < 4; i++)
        ours[i] = announce(one, (uint16_t)(6000 + i));
    assert_int_equal(lease_announce(one, 6004, &again), REASON_NO_PORT);
    assert_int_equal(lease_announce(other, 6000, &again), REASON_NO_PORT);
    lease_withdraw(one, 6002);
    lease_withdraw(one, 6001);
    assert_int_equal(lease_announce(other, 6000, &again), REASON_NO_PORT); /* nobody takes another's */
    assert_int_equal(announce(one, 6004), ours[2]);
    assert_int_equal(lease_client_port(one, ours[2], false), 6004);
    assert_int_equal(announce(one, 6001), ours[1]);
    assert_int_equal(lease_announce(one, 6005, &again), REASON_NO_PORT);
}

/* A server that dials late must not find somebody else. */
static void test_a_port_rests_before_it_is_given_again(void **state)
{
    struct lease *one = open_lease(0, &site_a, "192.168.1.1");
    uint16_t before = announce(one, 5500), now;
    (void)state;
    lease_close(one);
    for (int i = 0; i < 3; i++) {
        one = open_lease(0, &site_b, "192.168.1.2");
        now = announce(one, 5500);
        assert_int_not_equal(now, before);
        lease_close(one);
    }
    one = open_lease(0, &site_b, "192.168.1.2");
    assert_int_equal(announce(one, 5500), before);
}

static void test_text_keeps_its_length(void **state)
{
    struct lease *one = open_lease(0, &site_a, "192.168.1.1");
    uint16_t ours;
    (void)state;
    links[0].advise.rule.form = CFG_PORT_DECIMAL;
    links[0].advise.relay_ports = (struct port_range){9998, 10001};
    for (uint16_t i = 0; i < 2; i++) {
        assert_in_range(announce(one, (uint16_t)(5500 + i)), 9998, 9999);
        assert_in_range(announce(one, (uint16_t)(55000 + i)), 10000, 10001);
    }
    assert_int_equal(lease_announce(one, 5502, &ours), REASON_NO_PORT);
    assert_int_equal(lease_announce(one, 55002, &ours), REASON_NO_PORT);
    assert_int_equal(lease_announce(one, 80, &ours), REASON_NO_PORT);
}

static void test_ports_of_other_programs_are_passed_over(void **state)
{
    struct lease *one = open_lease(0, &site_a, "192.168.1.1");
    struct address taken = at(OURS);
    int fds[3];
    (void)state;
    for (uint16_t i = 0; i < 3; i++) {
        address_set_port(&taken, (uint16_t)(15500 + i));
        fds[i] = socket_listen(&taken, false);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(announce(one, 5500), 15503);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void test_one_client_may_not_have_all(void **state)
{
    struct lease *one = open_lease(0, &site_a, "192.168.1.1");
    uint16_t ours;
    (void)state;
    links[0].advise.relay_ports = (struct port_range){15500, 15999};
    for (uint16_t i = 0; i < 256; i++)
        announce(one, (uint16_t)(1000 + i));
    assert_int_equal(lease_announce(one, 2000, &ours), REASON_NO_PORT);
    lease_withdraw(one, 1007);
    assert_in_range(announce(one, 2000), 15500, 15999);
    assert_int_equal(hub.listeners_count, 256);
    lease_close(one);
    assert_int_equal(hub.listeners_count, 0);
}

static void test_who_dials_tells_whose_it_is(void **state)
{
    struct address client = at("192.168.1.1"), other = at("192.168.1.2"), a = at("127.0.0.5"), b = at("127.0.0.6"),
                   c = at("127.0.0.7");
    struct lease *to_b = open_lease(1, &site_a, "192.168.1.1"), *to_c = open_lease(2, &site_a, "192.168.1.1");
    (void)state;
    assert_ptr_equal(arrival_lease_at(&hub, &b, &client), to_b);
    assert_ptr_equal(arrival_lease_at(&hub, &a, &client), to_c);
    assert_null(arrival_lease_at(&hub, &c, &client));
    assert_null(arrival_lease_at(&hub, &a, &other));
    assert_int_equal(hub.listeners_count, 0);
    lease_close(to_b);
    assert_null(arrival_lease_at(&hub, &b, &client));
    assert_ptr_equal(arrival_lease_at(&hub, &a, &client), to_c);
}

/* By its own address two sites' clients can't be told apart, unless they have links to different servers. */
static void test_two_clients_of_one_address(void **state)
{
    struct identity same = who(&site_a, "192.168.1.1"), other = who(&site_b, "192.168.1.1"), third = who(&site_b, "192.168.1.2");
    (void)state;
    assert_false(arrival_is_contested(&hub, &links[1], &other));
    struct lease *lease = open_lease(1, &site_a, "192.168.1.1");
    assert_false(arrival_is_contested(&hub, &links[1], &same));
    assert_true(arrival_is_contested(&hub, &links[1], &other));
    assert_false(arrival_is_contested(&hub, &links[2], &other)); /* another server */
    assert_false(arrival_is_contested(&hub, &links[1], &third));
    links[2].server.address = at("127.0.0.6");
    hub.links->hosts.list[2].addresses.list[0] = at("127.0.0.6");
    assert_true(arrival_is_contested(&hub, &links[2], &other)); /* two links to one server */
    lease_close(lease);
    assert_false(arrival_is_contested(&hub, &links[1], &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_same_port_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_oldest_without_a_link_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_port_rests_before_it_is_given_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_keeps_its_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ports_of_other_programs_are_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_client_may_not_have_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_dials_tells_whose_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_clients_of_one_address, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
