/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/link/learn_store.h: what is kept of links and dials, and what becomes of it when there is too much. */
#include "test/unit/unit.h"

#include "proxy/base/clock.h"
#include "proxy/link/learn_store.h"

#include <stdio.h>
#include <string.h>

static struct cfg_link node_a = {.name = "node-a", .advise = {.addressing = CFG_ADDRESSING_ALIAS, .ports = {5500, 5509}}};
static struct cfg_link node_b = {.name = "node-b", .advise = {.addressing = CFG_ADDRESSING_ALIAS, .ports = {5500, 5509}}};
static struct learn_store store;
static struct port_found found;
static struct learn_seen seen;

static int open_store(void **state)
{
    (void)state;
    return learn_store_init(&store);
}

static int close_store(void **state)
{
    (void)state;
    learn_store_fini(&store);
    learn_store_fini(&store);
    return store.links_count == 0 && store.dials_count == 0 ? 0 : -1;
}

static struct identity client(unsigned number)
{
    struct identity identity = {.behind = "site-a"};
    char text[32];

    snprintf(text, sizeof(text), "10.0.%u.%u", number / 250, number % 250);
    assert_int_equal(address_parse(text, &identity.client), 0);
    return identity;
}

static void add(unsigned serial, const struct cfg_link *link, unsigned number, const char *text)
{
    const struct session_handle session = {.worker = serial % 2, .slot = 0, .serial = serial};
    const struct identity identity = client(number);

    learn_store_add(&store, session, link, &identity, (const uint8_t *)text, strlen(text));
}

static void dialled(const struct cfg_link *link, unsigned number, uint16_t port)
{
    const struct identity identity = client(number);

    learn_store_dialled(&store, link, &identity, port);
}

static void find(const struct cfg_link *link)
{
    assert_int_equal(learn_store_find(&store, link, &found, &seen), 0);
}

/* As if nothing had come for a while. */
static void let_settle(void)
{
    struct learn_link *link;

    TAILQ_FOREACH(link, &store.links, entry)
    link->moved_ms = clock_ms() - LEARN_SETTLE_MS;
}

static void test_pieces_are_joined(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        char text[8];

        snprintf(text, sizeof(text), "P%u;", 5500 + i);
        add(i, &node_a, i, "HEL");
        dialled(&node_a, i, (uint16_t)(5500 + i));
        dialled(&node_a, i, (uint16_t)(5500 + i)); /* the same again */
        add(i, &node_a, i, text);
    }
    find(&node_a);
    assert_int_equal(found.verdict, PORT_FOUND);
    assert_true(found.count == 1 && found.rules[0].rule.offset == 4 && found.rules[0].rule.form == PORT_DECIMAL);
    assert_true(seen.links == 3 && seen.clients == 3 && seen.dials == 3 && seen.others == 0);
}

/* Each link of the configuration is judged by itself, and so is each identity. */
static void test_links_are_apart(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 4; i++) {
        char text[8];

        snprintf(text, sizeof(text), "%u;", 5500 + i);
        add(i, &node_a, i, text);
        dialled(&node_b, i, (uint16_t)(5500 + i));
    }
    dialled(&node_b, 1, 6000);
    find(&node_a);
    assert_true(found.verdict == PORT_MORE && seen.links == 4 && seen.dials == 0);
    find(&node_b);
    assert_true(found.count == 0 && seen.links == 0 && seen.dials == 5 && seen.others == 1);
}

static void test_only_settled_links_speak_against(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        char text[8];

        snprintf(text, sizeof(text), "%u;", 5500 + i);
        add(i, &node_a, i, text);
        dialled(&node_a, i, (uint16_t)(5500 + i));
    }
    add(4, &node_a, 4, "5509;");
    find(&node_a);
    assert_int_equal(found.verdict, PORT_FOUND);
    let_settle();
    find(&node_a);
    assert_int_equal(found.verdict, PORT_NONE);
    dialled(&node_a, 4, 5509);
    find(&node_a);
    assert_int_equal(found.verdict, PORT_FOUND);
}

/* No more than so much of a link, and so many links. The oldest go, and what was dialled for them needs no link any more. */
static void test_bounds(void **state)
{
    char large[PORT_FIND_BYTES + 100];

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    add(1, &node_a, 1, "5501;");
    dialled(&node_a, 1, 5501);
    add(2, &node_a, 2, large);
    add(2, &node_a, 2, large);
    assert_int_equal(TAILQ_LAST(&store.links, learn_links)->count, PORT_FIND_BYTES);
    for (unsigned i = 3; i < LEARN_LINKS + 3; i++) {
        char text[8];

        snprintf(text, sizeof(text), "%u;", 5500 + i % 4);
        add(i, &node_a, i, text);
        dialled(&node_a, i, (uint16_t)(5500 + i % 4));
    }
    assert_int_equal(store.links_count, LEARN_LINKS);
    let_settle();
    find(&node_a);
    assert_int_equal(found.verdict, PORT_FOUND);
    assert_true(found.rules[0].links == LEARN_LINKS && found.rules[0].ports == 4);
    assert_true(seen.links == LEARN_LINKS && seen.dials == LEARN_LINKS + 1);
}

static void test_many_dials(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LEARN_DIALS + 10; i++)
        dialled(&node_a, i % 1000, (uint16_t)(1024 + i));
    assert_int_equal(store.dials_count, LEARN_DIALS);
    add(1, &node_a, 1, "what is dialled for this one would not be known");
    assert_int_equal(store.links_count, 0);
    find(&node_a);
    assert_int_equal(seen.dials, LEARN_DIALS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces_are_joined, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_links_are_apart, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_only_settled_links_speak_against, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_bounds, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_many_dials, open_store, close_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
