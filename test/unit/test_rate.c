/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/rate.h: limits per second hold by a scripted clock, and many clients neither forget one nor shut out all. */
#include "test/unit/unit.h"

#include "proxy/session/rate.h"

#include <stdlib.h>

static struct address client(const char *text)
{
    struct address a = {0};

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static unsigned take_all(struct rate *r, enum rate_kind kind, const char *text, uint64_t now_ms, unsigned tries)
{
    struct address a = client(text);
    unsigned good = 0;

    for (unsigned i = 0; i < tries; i++)
        good += rate_take(r, kind, &a, now_ms) == RATE_GOOD;
    return good;
}

static void test_burst_then_pace(void **state)
{
    struct rate *r = rate_new(0, 10, 2);

    (void)state;
    assert_non_null(r);
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 1000, 100), 20);
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 1099, 100), 0);
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 1100, 100), 1);
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 2100, 100), 10);
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 1000000, 100), 20); /* never more than the burst */
    rate_free(r);
    rate_free(NULL);
}

static void test_who_is_one_client(void **state)
{
    struct rate *r = rate_new(0, 1, 1);

    (void)state;
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 5000, 5), 1);
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.2", 5000, 5), 1);
    assert_int_equal(take_all(r, RATE_LINK, "192.0.2.1", 5000, 5), 1); /* kinds count apart */
    assert_int_equal(take_all(r, RATE_TUNNEL, "192.0.2.1", 5000, 5), 1);
    assert_int_equal(take_all(r, RATE_WEB, "2001:db8:0:1::1", 5000, 5), 1);
    assert_int_equal(take_all(r, RATE_WEB, "2001:db8:0:1:ffff::2", 5000, 5), 0); /* the same 64 bits */
    assert_int_equal(take_all(r, RATE_WEB, "2001:db8:0:2::1", 5000, 5), 1);
    rate_free(r);
}

static void test_totals(void **state)
{
    struct rate *r = rate_new(3, 2, 1);
    struct address one = client("192.0.2.1"), two = client("192.0.2.2"), three = client("192.0.2.3");

    (void)state;
    assert_int_equal(rate_take(r, RATE_WEB, &one, 9000), RATE_GOOD);
    assert_int_equal(rate_take(r, RATE_WEB, &one, 9000), RATE_GOOD);
    for (int i = 0; i < 50; i++)
        assert_int_equal(rate_take(r, RATE_WEB, &one, 9000), RATE_CLIENT); /* takes nothing from the total */
    assert_int_equal(rate_take(r, RATE_WEB, &two, 9000), RATE_GOOD);
    assert_int_equal(rate_take(r, RATE_WEB, &three, 9000), RATE_TOTAL);
    assert_int_equal(rate_take(r, RATE_LINK, &three, 9000), RATE_GOOD);
    rate_free(r);
}

static void test_no_limit(void **state)
{
    struct rate *r = rate_new(0, 0, 5);

    (void)state;
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 0, 100000), 100000);
    rate_free(r);
}

static struct address numbered(unsigned i)
{
    struct address a = {0};
    uint8_t bytes[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

    assert_int_equal(address_from_bytes(&a, bytes, 4, 0), 0);
    return a;
}

/* An attacker with many addresses: the one that is over its limit is not forgotten. */
static void test_nobody_is_forgotten(void **state)
{
    struct rate *r = rate_new(0, 1, 10);

    (void)state;
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 5000, 50), 10);
    for (unsigned i = 0; i < 1000000; i++) {
        struct address a = numbered(i);

        (void)rate_take(r, RATE_WEB, &a, 5000);
    }
    assert_int_equal(take_all(r, RATE_WEB, "192.0.2.1", 5000, 50), 0);
    rate_free(r);
}

/* A thousand clients are over their limit: of ten thousand others hardly one meets four shared cells. */
static void test_others_come_in(void **state)
{
    struct rate *r = rate_new(0, 1, 2);
    unsigned refused = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct address a = numbered(i);

        for (int k = 0; k < 10; k++)
            (void)rate_take(r, RATE_WEB, &a, 5000);
    }
    for (unsigned i = 100000; i < 110000; i++) {
        struct address a = numbered(i);

        refused += rate_take(r, RATE_WEB, &a, 5000) != RATE_GOOD;
    }
    /* By then some ten thousand honest ones have marked cells too, but none twice. */
    assert_true(refused < 20);
    rate_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_pace), cmocka_unit_test(test_who_is_one_client),   cmocka_unit_test(test_totals),
        cmocka_unit_test(test_no_limit),        cmocka_unit_test(test_nobody_is_forgotten), cmocka_unit_test(test_others_come_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
