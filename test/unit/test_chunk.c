/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/chunk.h: the pool gives the warmest chunk first, keeps a bounded number and counts what is out. */
#include "test/unit/unit.h"

#include "proxy/net/chunk.h"

#include <stdlib.h>

static void test_last_in_is_first_out(void **state)
{
    struct chunk_pool pool = {0};
    struct chunk *a = chunk_get(&pool);
    struct chunk *b = chunk_get(&pool);
    struct chunk *warm = b;
    (void)state;
    b->start = 5;
    b->end = 9;
    assert_int_equal(chunk_fill(b), 4);
    assert_int_equal(pool.borrowed_count, 2);
    chunk_put(&pool, &a);
    chunk_put(&pool, &b);
    assert_null(b);
    assert_int_equal(pool.borrowed_count, 0);
    b = chunk_get(&pool);
    assert_ptr_equal(b, warm);
    assert_int_equal(chunk_fill(b), 0);
    assert_int_equal(chunk_room(b), CHUNK_BYTES);
    chunk_put(&pool, &b);
    chunk_put(&pool, &b); /* NULL is ignored */
    assert_int_equal(pool.borrowed_count, 0);
    chunk_pool_fini(&pool);
    assert_int_equal(pool.unused_count, 0);
}

static void test_unused_chunks_are_bounded(void **state)
{
    struct chunk_pool pool = {0};
    struct chunk *all[CHUNK_POOL_KEEP + 3];
    (void)state;
    for (size_t i = 0; i < ROWS(all); i++)
        all[i] = chunk_get(&pool);
    for (size_t i = 0; i < ROWS(all); i++)
        chunk_put(&pool, &all[i]);
    assert_int_equal(pool.unused_count, CHUNK_POOL_KEEP);
    chunk_pool_fini(&pool);
    assert_null(pool.unused);
}

static void test_a_chunk_may_change_the_pool(void **state)
{
    struct chunk_pool here = {0};
    struct chunk_pool there = {0};
    struct chunk *c = chunk_get(&here);
    (void)state;
    chunk_put(&there, &c);
    assert_int_equal(here.borrowed_count + there.borrowed_count, 0);
    chunk_pool_fini(&here);
    chunk_pool_fini(&there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_in_is_first_out),
        cmocka_unit_test(test_unused_chunks_are_bounded),
        cmocka_unit_test(test_a_chunk_may_change_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
