/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/account.h: every connection is counted once, from many threads, and also when the table is full. The table is that of
 * the process, so the tests go on from one another. */
#include "test/unit/unit.h"

#include "proxy/net/account.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct address peer(const char *text)
{
    struct address a = {0};

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

/* The number in the row of this way, purpose and peer (unset: others), or 0. */
static uint64_t count_of(enum account_way way, enum account_purpose purpose, const struct address *who, bool is_made)
{
    size_t count;
    struct account_row *rows = account_read(&count);
    uint64_t found = 0;

    assert_non_null(rows);
    for (size_t i = 0; i < count; i++)
        if (rows[i].way == way && rows[i].purpose == purpose && address_same_ip(&rows[i].peer, who))
            found += is_made ? rows[i].made : rows[i].count;
    free(rows);
    return found;
}

static void test_names(void **state)
{
    enum account_purpose purpose;
    enum account_way way;
    (void)state;
    for (int i = 0; i < ACCOUNT_PURPOSES_COUNT; i++) {
        assert_true(account_purpose_find(account_purpose_name((enum account_purpose)i), &purpose));
        assert_int_equal(purpose, i);
    }
    for (int i = 0; i < ACCOUNT_WAYS; i++) {
        assert_true(account_way_find(account_way_name((enum account_way)i), &way));
        assert_int_equal(way, i);
    }
    assert_false(account_purpose_find("lin", &purpose));
    assert_false(account_way_find("", &way));
    assert_string_equal(account_purpose_name(ACCOUNT_LINK), "link");
}

static void test_counts(void **state)
{
    struct address one = peer("192.168.1.20"), two = peer("192.168.1.21"), six = peer("2001:db8::20"), none = {0};
    (void)state;
    account_accepted(ACCOUNT_LINK, &one);
    address_set_port(&one, 40000); /* the machine counts, not the port */
    account_accepted(ACCOUNT_LINK, &one);
    account_accepted(ACCOUNT_WEB, &one);
    account_accepted(ACCOUNT_LINK, &six);
    account_opened(ACCOUNT_SERVER, &one);
    account_opened(ACCOUNT_SERVER, &one);
    account_made(ACCOUNT_SERVER, &one);
    account_opened(ACCOUNT_SERVER, &none); /* a peer that is none is not lost */
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_LINK, &one, false), 2);
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_WEB, &one, false), 1);
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_LINK, &two, false), 0);
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_LINK, &six, false), 1);
    assert_int_equal(count_of(ACCOUNT_OPENED, ACCOUNT_LINK, &one, false), 0);
    assert_int_equal(count_of(ACCOUNT_OPENED, ACCOUNT_SERVER, &one, false), 2);
    assert_int_equal(count_of(ACCOUNT_OPENED, ACCOUNT_SERVER, &one, true), 1);
    assert_int_equal(count_of(ACCOUNT_OPENED, ACCOUNT_SERVER, &none, false), 1);
}

static void test_order(void **state)
{
    size_t count;
    struct account_row *rows = account_read(&count);
    (void)state;
    assert_non_null(rows);
    assert_int_equal(count, 5);
    assert_int_equal(rows[0].purpose, ACCOUNT_WEB);
    assert_int_equal(rows[1].purpose, ACCOUNT_LINK);
    assert_int_equal(rows[1].peer.sa.any.sa_family, AF_INET);
    assert_int_equal(address_port(&rows[1].peer), 0);
    assert_int_equal(rows[2].peer.sa.any.sa_family, AF_INET6);
    assert_int_equal(rows[3].way, ACCOUNT_OPENED);
    assert_true(address_is_set(&rows[3].peer));
    assert_false(address_is_set(&rows[4].peer)); /* others last */
    free(rows);
}

#define THREADS 8
#define ROUNDS  20000

static void *count_many(void *arg)
{
    struct address shared = peer("10.1.1.1"), own = peer("10.1.1.2");
    uint8_t bytes[4] = {10, 1, 2, (uint8_t)(uintptr_t)arg};

    address_from_bytes(&own, bytes, sizeof(bytes), 0);
    for (int i = 0; i < ROUNDS; i++) {
        account_accepted(ACCOUNT_LINK, &shared);
        account_opened(ACCOUNT_CLIENT, &own);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct address shared = peer("10.1.1.1"), own = peer("10.1.2.3");
    pthread_t threads[THREADS];
    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_LINK, &shared, false), THREADS * ROUNDS);
    assert_int_equal(count_of(ACCOUNT_OPENED, ACCOUNT_CLIENT, &own, false), ROUNDS);
}

static void accept_from(unsigned number)
{
    uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, [14] = (uint8_t)(number >> 8), [15] = (uint8_t)number};
    struct address who;

    address_from_bytes(&who, bytes, sizeof(bytes), 0);
    account_accepted(ACCOUNT_WEB, &who);
}

/* More peers than rows: those who have one keep it, the rest is summed, and what was opened has its own room. */
static void test_full(void **state)
{
    struct address link = peer("192.168.1.20"), stranger = peer("203.0.113.1"), server = peer("10.10.0.5"), none = {0};
    uint64_t sum = 0;
    size_t count, accepted = 0;
    struct account_row *rows;
    (void)state;
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < ACCOUNT_PEERS + 100; i++)
            accept_from(i);
    account_accepted(ACCOUNT_LINK, &link);
    account_accepted(ACCOUNT_LINK, &stranger);
    account_opened(ACCOUNT_UPSTREAM, &server);
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_LINK, &link, false), 3);
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_LINK, &stranger, false), 0);
    assert_int_equal(count_of(ACCOUNT_ACCEPTED, ACCOUNT_LINK, &none, false), 1);
    assert_int_equal(count_of(ACCOUNT_OPENED, ACCOUNT_UPSTREAM, &server, false), 1);
    rows = account_read(&count);
    assert_non_null(rows);
    for (size_t i = 0; i < count; i++) {
        accepted += rows[i].way == ACCOUNT_ACCEPTED && address_is_set(&rows[i].peer);
        sum += rows[i].way == ACCOUNT_ACCEPTED && rows[i].purpose == ACCOUNT_WEB ? rows[i].count : 0;
    }
    free(rows);
    assert_int_equal(accepted, ACCOUNT_PEERS);
    assert_int_equal(sum, 1 + 2 * (ACCOUNT_PEERS + 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),   cmocka_unit_test(test_counts), cmocka_unit_test(test_order),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
