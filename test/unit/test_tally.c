/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/tally.h: times find their bucket, sums hold everything, and nothing is lost when a thread ends. */
#include "test/unit/unit.h"

#include "proxy/session/tally.h"

#include <pthread.h>

static void times(void **state)
{
    struct tally_times t = {0};

    (void)state;
    tally_time(&t, 0);
    tally_time(&t, 1);
    tally_time(&t, 2);
    tally_time(&t, 3);
    tally_time(&t, 30000);
    tally_time(&t, 30001);
    assert_int_equal(t.buckets[0], 2); /* a bound belongs to its bucket */
    assert_int_equal(t.buckets[1], 1);
    assert_int_equal(t.buckets[2], 1);
    assert_int_equal(t.buckets[TALLY_BUCKETS - 1], 1);
    assert_int_equal(t.buckets[TALLY_BUCKETS], 1);
    assert_int_equal(t.sum_ms, 60007);
}

static void *count(void *arg)
{
    tally_mine.dials_made += 7;
    tally_mine.ended[TALLY_KINDS - 1][REASON_COUNT - 1]++;
    tally_mine.dial_time.sum_ms += 9;
    *(struct tally *)arg = tally_mine;
    return NULL;
}

static void threads_that_end(void **state)
{
    struct tally sum = {0}, counted[4];
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &counted[i]), 0);
    for (size_t i = 0; i < ROWS(threads); i++) {
        pthread_join(threads[i], NULL);
        tally_keep(&counted[i]);
    }
    assert_int_equal(tally_mine.dials_made, 0); /* each has its own */
    tally_mine.dials_failed = 3;
    tally_add(&sum, &tally_mine);
    tally_add_kept(&sum);
    assert_int_equal(sum.dials_made, 28);
    assert_int_equal(sum.dials_failed, 3);
    assert_int_equal(sum.ended[TALLY_KINDS - 1][REASON_COUNT - 1], 4);
    assert_int_equal(sum.dial_time.sum_ms, 36); /* the last member of all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times), cmocka_unit_test(threads_that_end)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
