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
            awake_note(a, now, ns < awake_limit_ns(a) ? ns : awake_limit_ns(a), ns > awake_limit_ns(a));
        awake += pays;
    }
    return awake;
}

static void test_quick_answers_keep_it_awake(void **state)
{
    struct awake a;

    (void)state;
    awake_init(&a);
    assert_int_equal(wait_each(&a, 1000, 4 * US), 1000);
}

static void test_slow_answers_let_it_sleep(void **state)
{
    struct awake a;

    (void)state;
    awake_init(&a);
    assert_int_equal(wait_each(&a, 1000, 14 * US), 32); /* to warm up, and one round; then 25 ms of rest are not over yet */
}

static void test_an_idle_loop_tries_seldom(void **state)
{
    struct awake a;
    unsigned awake;

    (void)state;
    awake_init(&a);
    awake = wait_each(&a, 100000, MS); /* 100 s with an event each millisecond */
    assert_in_range(awake, 32, 32 * 250);
    assert_true(wait_each(&a, 10000, MS) <= 32 * 25); /* 10 s more: a round each 0.4 s at most */
}

static void test_it_finds_out_when_answers_become_quick(void **state)
{
    struct awake a;

    (void)state;
    awake_init(&a);
    wait_each(&a, 100000, MS);
    now += 400 * MS; /* the longest rest */
    assert_int_equal(wait_each(&a, 100, 3 * US), 100);
    wait_each(&a, 48, 30 * US); /* in vain two times */
    assert_false(awake_pays(&a, now));
    now += 25 * MS; /* rests begin anew from the shortest */
    assert_true(awake_pays(&a, now));
}

static void test_some_slow_ones_do_not_count(void **state)
{
    struct awake a;

    (void)state;
    awake_init(&a);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(wait_each(&a, 13, 4 * US), 13);
        assert_int_equal(wait_each(&a, 3, 31 * US), 3);
    }
}

static void test_dear_sleeps_are_worth_a_longer_wait(void **state)
{
    struct awake a;

    (void)state;
    awake_init(&a);
    for (int i = 0; i < 100; i++)
        awake_note_sleep(&a, 30 * US);
    assert_int_equal(wait_each(&a, 1000, 30 * US), 1000);
    assert_in_range(wait_each(&a, 1000, 50 * US), 1, 128);
    for (int i = 0; i < 100; i++)
        awake_note_sleep(&a, UINT64_MAX / 16); /* a clock that jumped is not believed */
    assert_int_equal(awake_limit_ns(&a), 64 * US);
}

static void test_bulk_lets_it_sleep(void **state)
{
    struct awake a;

    (void)state;
    awake_init(&a);
    assert_int_equal(wait_each(&a, 100, 2 * US), 100);
    awake_note_turn(&a, now, 1, true);
    assert_false(awake_pays(&a, now + 24 * MS));
    assert_true(awake_pays(&a, now + 25 * MS));
}

static void test_a_crowd_lets_it_sleep(void **state)
{
    struct awake a;

    (void)state;
    awake_init(&a);
    assert_int_equal(wait_each(&a, 100, 2 * US), 100);
    awake_note_turn(&a, now, 2, false); /* both ends of one connection */
    assert_true(awake_pays(&a, now));
    awake_note_turn(&a, now, 3, false);
    assert_false(awake_pays(&a, now + 24 * MS));
    assert_true(awake_pays(&a, now + 25 * MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_answers_keep_it_awake), cmocka_unit_test(test_slow_answers_let_it_sleep),
        cmocka_unit_test(test_an_idle_loop_tries_seldom),   cmocka_unit_test(test_it_finds_out_when_answers_become_quick),
        cmocka_unit_test(test_some_slow_ones_do_not_count), cmocka_unit_test(test_dear_sleeps_are_worth_a_longer_wait),
        cmocka_unit_test(test_bulk_lets_it_sleep),          cmocka_unit_test(test_a_crowd_lets_it_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
