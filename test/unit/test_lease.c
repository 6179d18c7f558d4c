/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/link/lease.h: who gets which address, and who gets it again. */
#include "test/unit/unit.h"

#include "test/unit/leases.h"

#include <stdio.h>
#include <stdlib.h>

static struct cfg_agent site_a = {.name = (char *)(uintptr_t) "site-a"};
static struct cfg_agent site_b = {.name = (char *)(uintptr_t) "site-b"};
static struct cfg_pool pools[3];
static struct cfg_pin pins[2];
static struct cfg_link link;
static struct lease_table table;

static void begin(size_t pool_count, size_t pins_count)
{
    link = (struct cfg_link){
        .name = (char *)(uintptr_t) "node-a",
        .advise = {.pool = pools, .pool_count = pool_count, .pins = pins, .pins_count = pins_count},
    };
    assert_int_equal(lease_table_init(&table, &link), 0);
}

static void pin(size_t index, const char *agent, const char *client, const char *address)
{
    pins[index] = (struct cfg_pin){.agent = (char *)(uintptr_t)agent, .client = at(client), .address = at(address)};
}

static struct lease *get_identity(const struct identity *identity)
{
    enum reason why = REASON_NONE;
    struct lease *lease = lease_get(&table, identity, &why);

    if (lease == NULL)
        assert_int_equal(why, REASON_POOL_EXHAUSTED);
    return lease;
}

static struct lease *get(const struct cfg_agent *agent, const char *client)
{
    struct identity identity = who(agent, client);

    return get_identity(&identity);
}

static bool remember(const struct cfg_agent *agent, const char *client, const char *address, int64_t used_s)
{
    struct identity identity = who(agent, client);
    struct address where = at(address);

    return lease_remember(&table, &identity, &where, used_s);
}

static void expect_at(const struct lease *lease, const char *address)
{
    char text[ADDRESS_TEXT];

    assert_non_null(lease);
    assert_string_equal(address_format_ip(&lease->address, text), address);
}

/* As proxy/link/lease_door.c does it. */
static void set_active(struct lease *lease, bool is_active)
{
    table.active_count += is_active ? 1 : (size_t)-1;
    lease->is_active = is_active;
}

static void test_one_address_each(void **state)
{
    (void)state;
    pools[0] = pool("10.20.0.32-10.20.0.34");
    begin(1, 0);
    expect_at(get(NULL, "192.168.1.1"), "10.20.0.32");
    expect_at(get(&site_a, "192.168.1.1"), "10.20.0.33"); /* another network's 192.168.1.1 */
    expect_at(get(&site_b, "192.168.1.1"), "10.20.0.34");
    expect_at(get(NULL, "192.168.1.1"), "10.20.0.32"); /* again */
    assert_int_equal(table.leases_count, 3);
    struct identity with_port = who(&site_a, "192.168.1.1");
    address_set_port(&with_port.client, 40000);
    assert_ptr_equal(lease_find(&table, &with_port), get(&site_a, "192.168.1.1"));
    struct identity stranger = who(&site_a, "192.168.1.2");
    assert_null(lease_find(&table, &stranger));
    lease_table_fini(&table);
    lease_table_fini(&table);
}

static void test_the_one_away_longest_goes(void **state)
{
    struct lease *lease;
    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.3");
    begin(1, 0);
    assert_true(remember(NULL, "192.168.1.1", "10.20.0.1", 300));
    assert_true(remember(NULL, "192.168.1.2", "10.20.0.2", 100));
    assert_true(remember(NULL, "192.168.1.3", "10.20.0.3", 200));
    lease = get(NULL, "192.168.1.4");
    expect_at(lease, "10.20.0.2");
    struct identity gone = who(NULL, "192.168.1.2");
    assert_null(lease_find(&table, &gone));
    assert_int_equal(table.leases_count, 3);

    set_active(lease, true);
    expect_at(lease = get(NULL, "192.168.1.5"), "10.20.0.3");
    set_active(lease, true);
    expect_at(lease = get(NULL, "192.168.1.6"), "10.20.0.1");
    set_active(lease, true);
    assert_null(get(NULL, "192.168.1.7")); /* all are active */
    expect_at(get(NULL, "192.168.1.6"), "10.20.0.1");
    set_active(lease, false);
    expect_at(get(NULL, "192.168.1.7"), "10.20.0.1");
    lease_table_fini(&table);
}

static void test_pins(void **state)
{
    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.3");
    pin(0, "direct", "192.168.1.9", "10.20.0.1");
    pin(1, "site-a", "192.168.1.9", "10.20.0.3");
    begin(1, 2);
    expect_at(get(NULL, "192.168.1.1"), "10.20.0.2"); /* the only one that is free for all */
    expect_at(get(NULL, "192.168.1.2"), "10.20.0.2"); /* taken over */
    expect_at(get(NULL, "192.168.1.9"), "10.20.0.1");
    expect_at(get(&site_a, "192.168.1.9"), "10.20.0.3");
    expect_at(get(&site_b, "192.168.1.9"), "10.20.0.2"); /* the pins are not its own */
    set_active(get(&site_b, "192.168.1.9"), true);
    assert_null(get(NULL, "192.168.1.1")); /* pinned ones are away, and yet not to be had */
    assert_true(get(NULL, "192.168.1.9")->is_pinned);
    lease_table_fini(&table);
}

static void test_remembered_leases_that_no_longer_fit(void **state)
{
    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.4");
    pin(0, "direct", "192.168.1.9", "10.20.0.1");
    begin(1, 1);
    assert_false(remember(NULL, "192.168.1.1", "10.20.0.5", 1)); /* outside */
    assert_false(remember(NULL, "192.168.1.1", "10.19.255.255", 1));
    assert_false(remember(NULL, "192.168.1.1", "2001:db8::1", 1));
    assert_false(remember(NULL, "192.168.1.1", "10.20.0.1", 1)); /* pinned to another */
    assert_false(remember(NULL, "192.168.1.9", "10.20.0.2", 1)); /* pinned elsewhere */
    assert_true(remember(NULL, "192.168.1.9", "10.20.0.1", 1));
    assert_false(remember(NULL, "192.168.1.9", "10.20.0.1", 1)); /* twice */
    assert_true(remember(NULL, "192.168.1.1", "10.20.0.4", 1));
    assert_false(remember(NULL, "192.168.1.1", "10.20.0.3", 1)); /* a second one */
    assert_false(remember(NULL, "192.168.1.2", "10.20.0.4", 1)); /* taken */
    assert_int_equal(table.leases_count, 2);
    expect_at(get(NULL, "192.168.1.1"), "10.20.0.4");
    expect_at(get(NULL, "192.168.1.9"), "10.20.0.1");
    assert_true(get(NULL, "192.168.1.9")->is_pinned);
    expect_at(get(NULL, "192.168.1.2"), "10.20.0.2"); /* nobody had it */
    lease_table_fini(&table);
}

static void test_a_pool_of_several_ranges(void **state)
{
    static const char *const expected[] = {"10.20.0.255", "10.20.1.0", "10.9.0.1", "2001:db8::ffff", "2001:db8::1:0"};
    (void)state;
    pools[0] = pool("10.20.0.255-10.20.1.0");
    pools[1] = pool("10.9.0.1");
    pools[2] = pool("2001:db8::ffff-2001:db8::1:0");
    begin(3, 0);
    assert_int_equal(table.size, ROWS(expected));
    assert_true(remember(NULL, "192.168.1.100", "2001:db8::1:0", 7));
    for (size_t i = 0; i + 1 < ROWS(expected); i++) {
        char client[32];
        snprintf(client, sizeof(client), "192.168.1.%zu", i);
        expect_at(get(NULL, client), expected[i]);
        get(NULL, client)->used_s = (int64_t)i + 1;
    }
    expect_at(get(NULL, "192.168.1.50"), "10.20.0.255"); /* full */
    expect_at(get(NULL, "192.168.1.100"), "2001:db8::1:0");
    expect_at(get(&site_a, "2001:db8:1::7"), "10.20.0.255");
    lease_table_fini(&table);
}

static void test_no_pool(void **state)
{
    (void)state;
    begin(0, 0);
    assert_int_equal(table.size, 0);
    assert_null(get(NULL, "192.168.1.1"));
    assert_false(remember(NULL, "192.168.1.1", "10.20.0.1", 1));
    lease_table_fini(&table);
}

/* -- other addressings ---------------------------------------------------------------------------------------------------------
 */

static struct cfg_port_client clients[2];

static void begin_as(enum cfg_addressing addressing)
{
    begin(0, 0);
    link.advise.addressing = (int)addressing;
    link.advise.address = at("10.20.0.10");
    link.advise.ports = (struct port_range){5500, 5509};
    link.advise.relay_ports = (struct port_range){15500, 15599};
    clients[0] = (struct cfg_port_client){(char *)(uintptr_t) "direct", at("192.168.1.1"), {5510, 5519}, 0};
    clients[1] = (struct cfg_port_client){(char *)(uintptr_t) "site-a", at("192.168.1.1"), {5530, 5539}, 0};
    link.advise.clients = clients;
    link.advise.clients_count = ROWS(clients);
}

static void test_a_range_of_ones_own(void **state)
{
    struct identity stranger = who(&site_b, "192.168.1.1");
    enum reason why = REASON_NONE;
    (void)state;
    begin_as(CFG_ADDRESSING_PORTS);
    struct lease *direct = get(NULL, "192.168.1.1"), *behind = get(&site_a, "192.168.1.1");
    expect_at(direct, "10.20.0.10");
    expect_at(behind, "10.20.0.10");
    assert_ptr_equal(get(NULL, "192.168.1.1"), direct);
    assert_true(lease_catches(direct, 5510, false) && lease_catches(direct, 5519, false) && lease_catches(behind, 5530, true));
    assert_false(lease_catches(direct, 5500, false) || lease_catches(direct, 5520, true) || lease_catches(direct, 5530, true));
    assert_null(lease_get(&table, &stranger, &why));
    assert_int_equal(why, REASON_NO_RANGE);
    assert_false(lease_is_kept(direct));
    assert_int_equal(lease_advise_ports(&link).first, 5510);
    assert_int_equal(lease_advise_ports(&link).last, 5539);
    lease_forget(direct);
    assert_int_equal(table.leases_count, 1);
    struct identity gone = who(NULL, "192.168.1.1");
    assert_null(lease_find(&table, &gone));
    lease_table_fini(&table);
}

static void test_the_clients_own_address(void **state)
{
    (void)state;
    begin_as(CFG_ADDRESSING_TRANSPARENT);
    struct lease *lease = get(&site_a, "2001:db8::7");
    expect_at(lease, "2001:db8::7");
    assert_true(lease_catches(lease, 1, true) && lease_catches(lease, 65535, true));
    assert_int_equal(lease_advise_ports(&link).first, 5500);
    assert_false(lease_is_kept(lease));
    lease_table_fini(&table);
}

static void test_announced_ports_only(void **state)
{
    (void)state;
    begin_as(CFG_ADDRESSING_REWRITE);
    struct lease *lease = get(&site_a, "192.168.1.1");
    expect_at(lease, "10.20.0.10");
    assert_false(lease_catches(lease, 5500, true) || lease_catches(lease, 15500, true));
    assert_int_equal(lease_advise_ports(&link).first, 15500);
    lease_table_fini(&table);
}

static void test_ports_of_a_pool(void **state)
{
    (void)state;
    pools[0] = pool("10.20.0.1");
    begin(1, 0);
    link.advise.addressing = CFG_ADDRESSING_ALIAS;
    link.advise.ports = (struct port_range){5500, 5509};
    struct lease *lease = get(NULL, "192.168.1.1");
    assert_true(lease_is_kept(lease));
    assert_true(lease_catches(lease, 5509, false));
    assert_false(lease_catches(lease, 5510, false) || lease_catches(lease, 5510, true));
    link.advise.any_port = CFG_ON;
    assert_true(lease_catches(lease, 5510, true));
    assert_false(lease_catches(lease, 5510, false)); /* nobody listens there */
    lease_table_fini(&table);
}

/* -- many ----------------------------------------------------------------------------------------------------------------------
 */

static void count_one(struct lease *lease, void *arg)
{
    unsigned char *seen = arg;
    uint8_t bytes[16];

    assert_int_equal(address_bytes(&lease->address, bytes), 4);
    seen[bytes[2] * 256 + bytes[3]]++;
}

static struct address client_number(unsigned i)
{
    struct address client;
    uint8_t bytes[4] = {172, (uint8_t)(16 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i};

    assert_int_equal(address_from_bytes(&client, bytes, 4, 0), 0);
    return client;
}

/* All of a /16 leased, each once, and fast enough that nobody waits for the main loop. */
static void test_a_large_pool(void **state)
{
    enum { MANY = 65536 };
    static unsigned char seen[MANY];
    (void)state;
    pools[0] = pool("10.20.0.0-10.20.255.255");
    begin(1, 0);
    assert_int_equal(table.size, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        struct identity identity = {.client = client_number(i)};
        struct lease *lease = get_identity(&identity);
        assert_non_null(lease);
        lease->used_s = 1000 + i;
    }
    lease_each(&table, count_one, seen);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(seen[i], 1);
    for (unsigned i = 0; i < 100; i++) { /* full: each one is taken over from the oldest */
        struct identity identity = {.client = client_number(MANY + i)};
        struct lease *lease = get_identity(&identity);
        assert_non_null(lease);
        assert_int_equal(table.leases_count, MANY);
        lease->used_s = 1000000;
        identity.client = client_number(i);
        assert_null(lease_find(&table, &identity));
    }
    lease_table_fini(&table);
}

/* -- a newer configuration -----------------------------------------------------------------------------------------------------
 */

static struct cfg_link newer_link;
static struct lease_table newer;

/* The same link again, in a newer configuration; the pool is `pools[2]`. */
static void renew(const char *range)
{
    link.server.text = (char *)(uintptr_t) "10.0.0.1:5481";
    pools[2] = pool(range);
    newer_link = link;
    newer_link.advise.pool = &pools[2];
    newer_link.advise.pool_count = 1;
    newer_link.advise.pins_count = 0;
}

static struct lease *active(const char *client)
{
    struct lease *lease = get(NULL, client);

    set_active(lease, true);
    return lease;
}

static void fini_both(void)
{
    lease_table_fini(&newer);
    lease_table_fini(&table);
}

static void test_leases_move_to_the_newer_table(void **state)
{
    struct lease *lease, *away;
    struct identity other = who(NULL, "192.168.1.7");
    enum reason why = REASON_NONE;

    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.3");
    begin(1, 0);
    renew("10.20.0.2-10.20.0.4");
    assert_int_equal(lease_table_init(&newer, &newer_link), 0);
    away = get(NULL, "192.168.1.1");
    lease = active("192.168.1.2");
    expect_at(lease, "10.20.0.2");
    assert_true(lease_move(lease, &newer));
    assert_false(lease_move(away, &newer)); /* 10.20.0.1 is not of the pool any more */
    assert_ptr_equal(lease->table, &newer);
    assert_int_equal(newer.active_count, 1);
    assert_int_equal(table.active_count, 0);
    assert_int_equal(table.leases_count, 1);
    assert_ptr_equal(lease_find(&newer, &lease->identity), lease);
    expect_at(lease_get(&newer, &other, &why), "10.20.0.3"); /* nobody else gets 10.20.0.2 */
    fini_both();
}

static void test_a_lease_stays_where_the_new_settings_differ(void **state)
{
    struct lease *lease;

    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.3");
    begin(1, 0);
    renew("10.20.0.1-10.20.0.3");
    lease = active("192.168.1.1");
    newer_link.server.text = (char *)(uintptr_t) "10.0.0.2:5481"; /* its server would not be let in any more */
    assert_int_equal(lease_table_init(&newer, &newer_link), 0);
    assert_false(lease_move(lease, &newer));
    newer_link.server.text = link.server.text;
    newer_link.advise.addressing = CFG_ADDRESSING_TRANSPARENT;
    assert_false(lease_move(lease, &newer));
    newer_link.advise.addressing = link.advise.addressing;
    newer_link.advise.delivery = CFG_DELIVERY_DIRECT;
    assert_false(lease_move(lease, &newer));
    newer_link.advise.delivery = link.advise.delivery;
    pin(0, "direct", "192.168.1.1", "10.20.0.3");
    newer_link.advise.pins_count = 1;
    assert_false(lease_move(lease, &newer));
    newer_link.advise.pins_count = 0;
    assert_true(lease_move(lease, &newer));
    fini_both();
}

static void test_an_address_that_is_to_be_avoided(void **state)
{
    struct identity one = who(NULL, "192.168.1.1"), two = who(NULL, "192.168.1.2"), three = who(NULL, "192.168.1.3");
    struct address avoided = at("10.20.0.1"), foreign = at("10.99.0.1");
    enum reason why = REASON_NONE;

    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.2");
    begin(1, 0);
    lease_table_avoid(&table, &avoided);
    lease_table_avoid(&table, &foreign);
    expect_at(lease_get(&table, &one, &why), "10.20.0.2");
    expect_at(lease_get(&table, &two, &why), "10.20.0.2"); /* taken over */
    lease_table_release(&table, &avoided);
    lease_table_release(&table, &foreign);
    expect_at(lease_get(&table, &one, &why), "10.20.0.1");
    lease_table_release(&table, &avoided); /* somebody has it: nobody else gets it */
    set_active(lease_get(&table, &one, &why), true);
    set_active(lease_get(&table, &two, &why), true);
    assert_null(lease_get(&table, &three, &why));
    lease_table_fini(&table);
}

static void test_a_pinned_address_is_never_released(void **state)
{
    struct identity one = who(NULL, "192.168.1.1");
    struct address pinned = at("10.20.0.1");
    enum reason why = REASON_NONE;

    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.1");
    pin(0, "direct", "192.168.1.9", "10.20.0.1");
    begin(1, 1);
    lease_table_release(&table, &pinned);
    assert_null(lease_get(&table, &one, &why));
    lease_table_fini(&table);
}

static void test_a_lease_that_has_ended_moves_by_its_address(void **state)
{
    struct lease *lease;

    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.3");
    begin(1, 0);
    renew("10.20.0.1-10.20.0.3");
    lease = get(NULL, "192.168.1.1");
    newer_link.server.text = (char *)(uintptr_t) "10.0.0.2:5481";
    newer_link.advise.ports = (struct port_range){5600, 5609};
    assert_int_equal(lease_table_init(&newer, &newer_link), 0);
    assert_true(lease_move(lease, &newer));
    expect_at(lease, "10.20.0.1");
    assert_int_equal(lease->ports.first, 5600);
    lease_table_fini(&newer);
    lease = get(NULL, "192.168.1.2");
    newer_link.advise.addressing = CFG_ADDRESSING_TRANSPARENT;
    newer_link.advise.pool_count = 0;
    assert_int_equal(lease_table_init(&newer, &newer_link), 0);
    assert_false(lease_move(lease, &newer));
    fini_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_address_each),
        cmocka_unit_test(test_the_one_away_longest_goes),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_remembered_leases_that_no_longer_fit),
        cmocka_unit_test(test_a_pool_of_several_ranges),
        cmocka_unit_test(test_no_pool),
        cmocka_unit_test(test_a_range_of_ones_own),
        cmocka_unit_test(test_the_clients_own_address),
        cmocka_unit_test(test_announced_ports_only),
        cmocka_unit_test(test_ports_of_a_pool),
        cmocka_unit_test(test_a_large_pool),
        cmocka_unit_test(test_leases_move_to_the_newer_table),
        cmocka_unit_test(test_a_lease_stays_where_the_new_settings_differ),
        cmocka_unit_test(test_an_address_that_is_to_be_avoided),
        cmocka_unit_test(test_a_pinned_address_is_never_released),
        cmocka_unit_test(test_a_lease_that_has_ended_moves_by_its_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
