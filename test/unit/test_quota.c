/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/quota.h: the limits hold, exactly, and from many threads. */
#include "test/unit/unit.h"

#include "proxy/session/quota.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static struct address client(const char *text)
{
    struct address a = {0};

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static void test_connections(void **state)
{
    struct quota *q = quota_new(&(struct cfg_limits){.connections = 3, .per_client = 1, .greeting = 10});
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(quota_enter(q, true), REASON_NONE);
    assert_int_equal(quota_enter(q, true), REASON_LIMIT_CONNECTIONS);
    assert_int_equal(quota_count(q), 3); /* who was refused does not count */
    quota_greeted(q);
    quota_leave(q);
    assert_int_equal(quota_enter(q, true), REASON_NONE);
    assert_int_equal(quota_enter(q, true), REASON_LIMIT_CONNECTIONS);
    quota_free(q);
    quota_free(NULL);
}

static void test_greeting(void **state)
{
    struct quota *q = quota_new(&(struct cfg_limits){.connections = 10, .per_client = 1, .greeting = 2});
    (void)state;
    assert_int_equal(quota_enter(q, true), REASON_NONE);
    assert_int_equal(quota_enter(q, true), REASON_NONE);
    assert_int_equal(quota_enter(q, true), REASON_LIMIT_GREETING);
    assert_int_equal(quota_count(q), 2);
    quota_greeted(q);
    assert_int_equal(quota_enter(q, true), REASON_NONE);
    assert_int_equal(quota_enter(q, true), REASON_LIMIT_GREETING);
    assert_int_equal(quota_enter(q, false), REASON_NONE); /* nothing to wait for */
    assert_int_equal(quota_count(q), 4);
    quota_free(q);
}

static void test_clients(void **state)
{
    struct quota *q = quota_new(&(struct cfg_limits){.connections = 10, .per_client = 2, .greeting = 2});
    struct address one = client("192.168.1.1"), two = client("192.168.1.2"), six = client("2001:db8::1");
    (void)state;
    assert_int_equal(quota_enter_client(q, "", &one), REASON_NONE);
    address_set_port(&one, 40000); /* the machine counts, not the port */
    assert_int_equal(quota_enter_client(q, "", &one), REASON_NONE);
    assert_int_equal(quota_enter_client(q, "", &one), REASON_LIMIT_CLIENT);
    assert_int_equal(quota_enter_client(q, "", &two), REASON_NONE);
    assert_int_equal(quota_enter_client(q, "", &six), REASON_NONE);
    assert_int_equal(quota_enter_client(q, "site-a", &one), REASON_NONE); /* another machine of that address */
    assert_int_equal(quota_enter_client(q, "site-b", &one), REASON_NONE);
    quota_leave_client(q, "", &one);
    assert_int_equal(quota_enter_client(q, "", &one), REASON_NONE);
    assert_int_equal(quota_enter_client(q, "", &one), REASON_LIMIT_CLIENT);
    quota_leave_client(q, "site-a", &one);
    assert_false(quota_has_client(q, "site-a", &one));
    assert_true(quota_has_client(q, "site-b", &one));
    assert_true(quota_has_client(q, "", &one));
    assert_int_equal(quota_enter_client(q, "site-a", &one), REASON_NONE);
    assert_true(quota_has_client(q, "site-a", &one));
    quota_free(q); /* with all that is inside */
}

/* Many more clients than buckets, in and out again. */
static void test_many_clients(void **state)
{
    struct quota *q = quota_new(&(struct cfg_limits){.connections = 10, .per_client = 1, .greeting = 2});
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 20000; i++) {
            struct address a;
            uint8_t bytes[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
            assert_int_equal(address_from_bytes(&a, bytes, 4, 0), 0);
            if (round == 0)
                assert_int_equal(quota_enter_client(q, "", &a), REASON_NONE);
            else
                quota_leave_client(q, "", &a);
        }
    }
    quota_free(q);
}

/* -- many threads ------------------------------------------------------------------------------------------------------------ */

enum { THREADS = 8, ROUNDS = 20000, PER_CLIENT = 3 };

static struct quota *shared;
static atomic_int inside, inside_client, most, most_client;

static void note_most(atomic_int *most_of, int now)
{
    int before = atomic_load(most_of);

    while (now > before && !atomic_compare_exchange_weak(most_of, &before, now))
        ;
}

static void *come_and_go(void *arg)
{
    struct address a = *(const struct address *)arg;

    for (int i = 0; i < ROUNDS; i++) {
        if (quota_enter(shared, true) != REASON_NONE)
            continue;
        note_most(&most, atomic_fetch_add(&inside, 1) + 1);
        quota_greeted(shared);
        if (quota_enter_client(shared, "site-a", &a) == REASON_NONE) {
            note_most(&most_client, atomic_fetch_add(&inside_client, 1) + 1);
            atomic_fetch_sub(&inside_client, 1);
            quota_leave_client(shared, "site-a", &a);
        }
        atomic_fetch_sub(&inside, 1);
        quota_leave(shared);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    pthread_t threads[THREADS];
    struct address a = client("192.168.1.1");
    (void)state;
    shared = quota_new(&(struct cfg_limits){.connections = THREADS - 1, .per_client = PER_CLIENT, .greeting = THREADS - 2});
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &a), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&most) <= THREADS - 1);
    assert_true(atomic_load(&most_client) <= PER_CLIENT);
    assert_int_equal(quota_count(shared), 0);
    for (int i = 0; i < PER_CLIENT; i++)
        assert_int_equal(quota_enter_client(shared, "site-a", &a), REASON_NONE);
    assert_int_equal(quota_enter_client(shared, "site-a", &a), REASON_LIMIT_CLIENT);
    quota_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections),  cmocka_unit_test(test_greeting),     cmocka_unit_test(test_clients),
        cmocka_unit_test(test_many_clients), cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
