/* SPDX-License-Identifier: Apache-2.0 */
/* When a loop stays awake: time is a variable. */
#include "test/unit/unit.h"

#include "proxy/net/awake.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

static uint64_t now;

/* `count` waits, each of which takes so long; those that are not allowed are slept through. How many were awake. */
static unsigned wait_each(struct awake *a, unsigned count, uint64_t ns)
{
    unsigned awake = 0;

    for (unsigned i = 0; i < count; i++) {
        bool pays = awake_pays(a, now);

        now += ns;
        if (pays)
            awake_note(a, now, ns < AWAKE_NS ? ns : AWAKE_NS);
        awake += pays;
    }
    return awake;
}

static void test_quick_answers_keep_it_awake(void **state)
{
    struct awake a = {0};

    (void)state;
    assert_int_equal(wait_each(&a, 1000, 4 * US), 1000);
}

static void test_slow_answers_let_it_sleep(void **state)
{
    struct awake a = {0};

    (void)state;
    assert_in_range(wait_each(&a, 1000, 12 * US), 1, 16); /* one trial, then 50 ms of rest are not over yet */
}

static void test_an_idle_loop_tries_seldom(void **state)
{
    struct awake a = {0};
    unsigned awake;

    (void)state;
    awake = wait_each(&a, 100000, MS); /* 100 s with an event each millisecond */
    assert_in_range(awake, 16, 16 * 70);
    assert_true(wait_each(&a, 10000, MS) <= 16 * 7); /* 10 s more: a trial each 1.6 s at most */
}

static void test_it_finds_out_when_answers_become_quick(void **state)
{
    struct awake a = {0};

    (void)state;
    wait_each(&a, 100000, MS);
    now += 1600 * MS; /* the longest rest */
    assert_int_equal(wait_each(&a, 100, 3 * US), 100);
    wait_each(&a, 16, 20 * US); /* in vain once */
    now += 50 * MS;             /* rests begin anew from the shortest */
    assert_true(awake_pays(&a, now));
}

static void test_some_slow_ones_do_not_count(void **state)
{
    struct awake a = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(wait_each(&a, 13, 4 * US), 13);
        assert_int_equal(wait_each(&a, 3, 19 * US), 3);
    }
}

static void test_bulk_lets_it_sleep(void **state)
{
    struct awake a = {0};

    (void)state;
    assert_int_equal(wait_each(&a, 100, 2 * US), 100);
    awake_rest(&a, now);
    assert_false(awake_pays(&a, now + 49 * MS));
    assert_true(awake_pays(&a, now + 50 * MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_answers_keep_it_awake), cmocka_unit_test(test_slow_answers_let_it_sleep),
        cmocka_unit_test(test_an_idle_loop_tries_seldom),   cmocka_unit_test(test_it_finds_out_when_answers_become_quick),
        cmocka_unit_test(test_some_slow_ones_do_not_count), cmocka_unit_test(test_bulk_lets_it_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
