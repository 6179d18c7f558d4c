/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/base/line_queue.h: lines come out as they went in; what finds no room is counted; nobody waits in vain. */
#include "test/unit/unit.h"

#include "proxy/base/line_queue.h"

#include <stdio.h>
#include <string.h>

static void lines_come_out_in_order(void **state)
{
    struct line_queue q;
    struct line_batch batch;

    (void)state;
    assert_int_equal(line_queue_init(&q, 16), 0);
    assert_true(line_queue_put(&q, "one\n", 4));
    assert_true(line_queue_put(&q, "two\n", 4));
    batch = line_queue_take(&q, 0);
    assert_int_equal(batch.length, 8);
    assert_memory_equal(batch.lines, "one\ntwo\n", 8);
    assert_true(line_queue_put(&q, "three\n", 6)); /* while the batch is still in use */
    assert_memory_equal(batch.lines, "one\ntwo\n", 8);
    batch = line_queue_take(&q, 0);
    assert_memory_equal(batch.lines, "three\n", 6);
    assert_int_equal(line_queue_take(&q, 0).length, 0);
    line_queue_fini(&q);
}

static void what_finds_no_room_is_counted(void **state)
{
    struct line_queue q;
    struct line_batch batch;

    (void)state;
    assert_int_equal(line_queue_init(&q, 8), 0);
    assert_true(line_queue_put(&q, "1234567\n", 8));
    assert_false(line_queue_put(&q, "\n", 1));
    assert_false(line_queue_put(&q, "\n", 1));
    assert_int_equal(line_queue_lost(&q), 2);
    batch = line_queue_take(&q, 0);
    assert_int_equal(batch.length, 8);
    assert_int_equal(batch.lost, 2);
    assert_int_equal(line_queue_lost(&q), 0);
    assert_true(line_queue_put(&q, "\n", 1));
    line_queue_fini(&q);
}

static void *put_one(void *arg)
{
    (void)line_queue_put(arg, "late\n", 5);
    return NULL;
}

static void *stop(void *arg)
{
    line_queue_stop(arg);
    return NULL;
}

/* Each would hang for a minute, and the test be ended before. */
static void who_waits_is_called(void **state)
{
    struct line_queue q;
    pthread_t thread;

    (void)state;
    assert_int_equal(line_queue_init(&q, 64), 0);
    assert_int_equal(pthread_create(&thread, NULL, put_one, &q), 0);
    assert_int_equal(line_queue_take(&q, 600000).length, 5);
    pthread_join(thread, NULL);
    line_queue_wake(&q);
    assert_int_equal(line_queue_take(&q, 600000).length, 0);
    assert_true(line_queue_put(&q, "x\n", 2));
    line_queue_wake(&q);
    line_queue_rest(&q, 600000);
    assert_false(line_queue_is_stopping(&q));
    assert_int_equal(pthread_create(&thread, NULL, stop, &q), 0);
    line_queue_rest(&q, 600000);
    pthread_join(thread, NULL);
    assert_true(line_queue_is_stopping(&q));
    assert_int_equal(line_queue_take(&q, 600000).length, 2);
    assert_int_equal(line_queue_take(&q, 600000).length, 0);
    line_queue_fini(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_in_order),
        cmocka_unit_test(what_finds_no_room_is_counted),
        cmocka_unit_test(who_waits_is_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
