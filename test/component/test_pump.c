/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/pump.h, copying: whatever the two streams do, bytes, ends and failures arrive as what they were. */
#include "test/unit/unit.h"

#include "proxy/net/pump.h"
#include "test/component/pattern.h"
#include "test/component/scripted_stream.h"

#include <string.h>

#define PLENTY ((size_t)1 << 30)

static struct loop loop; /* a pump needs only its pools */
static struct scripted_stream from, to, other;
static struct pump pump;
static uint8_t bytes[CHUNK_READ * 3];

static void begin(const void *input, size_t size)
{
    scripted_init(&from, input, size);
    scripted_init(&to, NULL, 0);
    pump_init(&pump, &loop, &from.stream, &to.stream);
}

static void end(void)
{
    pump_fini(&pump);
    pump_fini(&pump);
    scripted_fini(&from);
    scripted_fini(&to);
    assert_int_equal(loop.chunks.borrowed_count, 0);
    assert_int_equal(loop.pipes.lent_count, 0);
}

static void expect_interest(unsigned from_interest, unsigned to_interest)
{
    assert_int_equal(pump_from_interest(&pump), from_interest);
    assert_int_equal(pump_to_interest(&pump), to_interest);
}

/* A pump that waits says for what; an idle one holds no chunk. */
static void expect_sound(enum pump_result result)
{
    unsigned f = pump_from_interest(&pump), t = pump_to_interest(&pump);

    assert_int_not_equal(result, PUMP_BROKEN);
    if (result == PUMP_BLOCKED)
        assert_int_equal((f != 0) + (t != 0), 1);
    if (f != 0)
        assert_null(pump.chunk);
    if (result == PUMP_DONE) {
        expect_interest(0, 0);
        assert_null(pump.chunk);
        assert_int_equal(pump.state, PUMP_SHUT);
    }
}

static size_t run_to_end(size_t budget)
{
    enum pump_result result;
    size_t turns = 0;

    do {
        result = pump_run(&pump, budget);
        expect_sound(result);
        assert_true(++turns < 100000);
    } while (result != PUMP_DONE);
    return turns;
}

/* -- counts and blocking ----------------------------------------------------------------------------------------------------- */

static void test_short_counts(void **state)
{
    (void)state;
    for (long r = 1; r <= 13; r++)
        for (long w = 1; w <= 13; w++) {
            begin("twelve bytes", 12);
            from.rows[ON_READ].rest = r;
            to.rows[ON_WRITE].rest = w;
            run_to_end(PLENTY);
            assert_true(scripted_has(&to, "twelve bytes", 12));
            assert_true(to.is_shut && pump.bytes == 12);
            end();
        }
}

/* One byte per call; the call number `at` of one kind says AGAIN. */
static void run_with_again(enum scripted_call call, size_t at)
{
    struct scripted_stream *s = call == ON_READ ? &from : &to;
    long results[8];

    begin("sixsix", 6);
    from.rows[ON_READ].rest = to.rows[ON_WRITE].rest = 1;
    for (size_t i = 0; i < at; i++)
        results[i] = call == ON_SHUT ? STREAM_STEP_AGAIN : 1;
    results[at] = call == ON_SHUT ? STREAM_STEP_AGAIN : STREAM_AGAIN;
    scripted_on(s, call, at + 1, results);
    /* A short read is the last of its turn, so turns end between bytes too: see where this one stands. */
    while (s->rows[call].next < at + 1) {
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
        expect_sound(PUMP_BLOCKED);
    }
    if (call == ON_READ)
        expect_interest(STREAM_READ, 0);
    else
        expect_interest(0, STREAM_WRITE);
    assert_int_equal(pump.state, call == ON_SHUT ? PUMP_DRAINING : PUMP_OPEN);
    run_to_end(PLENTY);
    assert_true(scripted_has(&to, "sixsix", 6));
    end();
}

static void test_again_everywhere(void **state)
{
    (void)state;
    for (size_t at = 0; at <= 6; at++)
        run_with_again(ON_READ, at);
    for (size_t at = 0; at < 6; at++)
        run_with_again(ON_WRITE, at);
    for (size_t at = 0; at < 3; at++)
        run_with_again(ON_SHUT, at);
}

static void test_end_first(void **state)
{
    (void)state;
    begin("", 0);
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_DONE);
    assert_string_equal(from.calls, "E");
    assert_string_equal(to.calls, "S");
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_DONE); /* and does nothing more */
    assert_string_equal(to.calls, "S");
    assert_string_equal(pump_state_name(pump.state), "shut");
    end();
}

static void test_short_read_ends_the_turn(void **state)
{
    (void)state;
    begin("abcd", 4);
    from.is_open = true;
    from.rows[ON_READ].rest = 2;
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    assert_string_equal(from.calls, "R"); /* the socket is taken for empty: no second call */
    end();

    begin("abcd", 4);
    from.is_open = from.has_pending = true;
    from.rows[ON_READ].rest = 2;
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    assert_string_equal(from.calls, "RR"); /* what lies in the stream gives no event */
    assert_true(scripted_has(&to, "abcd", 4));
    end();
}

static void test_budget(void **state)
{
    (void)state;
    begin("0123456789", 10);
    from.has_pending = true;
    from.rows[ON_READ].rest = 1;
    for (size_t turn = 1; turn <= 3; turn++) {
        assert_int_equal(pump_run(&pump, 3), PUMP_MORE);
        assert_int_equal(to.written_size, turn * 3);
        assert_null(pump.chunk);
    }
    from.has_pending = false;
    run_to_end(3);
    assert_true(scripted_has(&to, "0123456789", 10));
    end();
}

static void test_full_chunk_stops_reading(void **state)
{
    (void)state;
    begin(bytes, sizeof(bytes));
    scripted_on(&to, ON_WRITE, 2, (long[]){1000, STREAM_AGAIN});
    to.rows[ON_WRITE].rest = STREAM_AGAIN;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
        assert_int_equal(from.input_used, CHUNK_READ);
        assert_string_equal(from.calls, "R");
        expect_interest(0, STREAM_WRITE);
        assert_int_equal(loop.chunks.borrowed_count, 1);
    }
    to.rows[ON_WRITE].rest = 1L << 30;
    run_to_end(PLENTY);
    assert_true(scripted_has(&to, bytes, sizeof(bytes)));
    end();
}

/* -- failures ---------------------------------------------------------------------------------------------------------------- */

static void test_from_breaks(void **state)
{
    (void)state;
    for (size_t at = 0; at <= 4; at++) {
        begin("four", 4);
        from.has_pending = true;
        from.fail_why = REASON_TLS_TRUNCATED;
        from.rows[ON_READ].rest = 1;
        scripted_on(&from, ON_READ, at + 1, (long[]){at > 0 ? 1 : -2, at > 1 ? 1 : -2, at > 2 ? 1 : -2, at > 3 ? 1 : -2, -2});
        enum pump_result result;
        while ((result = pump_run(&pump, PLENTY)) == PUMP_BLOCKED)
            ;
        assert_int_equal(result, PUMP_BROKEN);
        assert_true(pump.is_from_broken);
        assert_int_equal(pump.why, REASON_TLS_TRUNCATED);
        assert_int_equal(pump.state, PUMP_FAILED);
        expect_interest(0, 0);
        assert_true(scripted_has(&to, "four", at)); /* what came before it is passed on */
        assert_false(to.is_shut);                   /* but never an end */
        end();
    }
}

static void test_to_breaks(void **state)
{
    (void)state;
    for (int at = 0; at < 3; at++) {
        begin("bytes", 5);
        to.fail_why = REASON_FRONT_VANISHED;
        if (at < 2)
            scripted_on(&to, ON_WRITE, (size_t)at + 1, (long[]){at > 0 ? 3 : STREAM_FAILED, STREAM_FAILED});
        else
            scripted_on(&to, ON_SHUT, 2, (long[]){STREAM_STEP_AGAIN, STREAM_STEP_FAILED});
        enum pump_result result;
        while ((result = pump_run(&pump, PLENTY)) == PUMP_BLOCKED)
            ;
        assert_int_equal(result, PUMP_BROKEN);
        assert_false(pump.is_from_broken);
        assert_int_equal(pump.why, REASON_FRONT_VANISHED);
        expect_interest(0, 0);
        end();
    }
}

/* -- retaining --------------------------------------------------------------------------------------------------------------- */

static void test_kept_bytes_are_sent_again(void **state)
{
    (void)state;
    begin("first words", 11);
    pump_retain(&pump);
    scripted_init(&other, NULL, 0);
    scripted_on(&to, ON_WRITE, 2, (long[]){5, STREAM_AGAIN});
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    expect_interest(0, STREAM_WRITE);
    pump_connect(&pump, &other.stream);
    assert_int_equal(pump.bytes, 0);
    while (pump.state == PUMP_OPEN)
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    assert_true(scripted_has(&other, "first words", 11));
    assert_int_equal(pump.bytes, 11);
    expect_interest(0, 0); /* the end waits, and nobody needs to be watched for it */
    assert_false(other.is_shut);

    scripted_fini(&to);
    scripted_init(&to, NULL, 0);
    pump_connect(&pump, &to.stream); /* once more, after the end was seen */
    expect_interest(0, STREAM_WRITE);
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    assert_true(scripted_has(&to, "first words", 11));
    pump_commit(&pump);
    assert_null(pump.chunk);
    expect_interest(0, STREAM_WRITE);
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_DONE);
    assert_true(to.is_shut && to.written_size == 11);
    scripted_fini(&other);
    end();
}

static void test_retaining_stops_at_one_chunk(void **state)
{
    (void)state;
    begin(bytes, sizeof(bytes));
    pump_retain(&pump);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    assert_int_equal(from.input_used, CHUNK_READ);
    assert_int_equal(to.written_size, CHUNK_READ);
    expect_interest(0, 0);
    assert_int_equal(loop.chunks.borrowed_count, 1);
    pump_commit(&pump);
    assert_int_equal(loop.chunks.borrowed_count, 0);
    expect_interest(STREAM_READ, 0);
    run_to_end(PLENTY);
    assert_true(scripted_has(&to, bytes, sizeof(bytes)));
    end();
}

static void test_commit_in_the_middle(void **state)
{
    (void)state;
    for (long passed = 1; passed < 11; passed++) {
        begin("first words", 11);
        pump_retain(&pump);
        scripted_on(&to, ON_WRITE, 2, (long[]){passed, STREAM_AGAIN});
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
        pump_commit(&pump);
        expect_interest(0, STREAM_WRITE);
        run_to_end(PLENTY);
        assert_true(scripted_has(&to, "first words", 11));
        end();
    }
}

/* The receiver breaks while its bytes are kept: another one gets them all, and then the end. */
static void break_while_retaining(bool is_end_seen)
{
    begin("first words", 11);
    from.is_open = !is_end_seen;
    pump_retain(&pump);
    if (is_end_seen)
        while (pump.state != PUMP_DRAINING)
            assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    scripted_fini(&to);
    scripted_init(&to, NULL, 0);
    pump_connect(&pump, &to.stream);
    scripted_on(&to, ON_WRITE, 2, (long[]){4, STREAM_FAILED});
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BROKEN);
    assert_false(pump.is_from_broken);

    scripted_fini(&to);
    scripted_init(&to, NULL, 0);
    pump_connect(&pump, &to.stream);
    assert_int_equal(pump.state, is_end_seen ? PUMP_DRAINING : PUMP_OPEN);
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    assert_true(scripted_has(&to, "first words", 11));
    from.is_open = false;
    pump_commit(&pump);
    run_to_end(PLENTY);
    assert_true(to.is_shut && to.written_size == 11);
    end();
}

static void test_receiver_breaks_while_retaining(void **state)
{
    (void)state;
    break_while_retaining(false);
    break_while_retaining(true);
}

static void test_no_receiver_yet(void **state)
{
    (void)state;
    begin("x", 1);
    pump_init(&pump, &loop, &from.stream, NULL);
    pump_retain(&pump);
    expect_interest(0, 0);
    pump_connect(&pump, &to.stream);
    expect_interest(STREAM_READ, 0);
    end();
}

/* -- chance ------------------------------------------------------------------------------------------------------------------ */

static void random_row(struct chance *c, struct scripted_stream *s, enum scripted_call call, size_t most)
{
    size_t count = chance_below(c, 40);
    long results[40];

    for (size_t i = 0; i < count; i++)
        results[i] = chance_below(c, 3) == 0 ? STREAM_AGAIN : 1 + (long)chance_below(c, most);
    scripted_on(s, call, count, results);
}

static size_t random_size(struct chance *c)
{
    return chance_below(c, 20) == 0 ? chance_below(c, sizeof(bytes)) : chance_below(c, 300);
}

static void random_streams(struct chance *c, size_t size)
{
    size_t offset = chance_below(c, sizeof(bytes) - size + 1);
    size_t most = chance_below(c, 2) ? 7 : CHUNK_READ + 10;

    begin(bytes + offset, size);
    random_row(c, &from, ON_READ, most);
    random_row(c, &to, ON_WRITE, most);
    scripted_on(&to, ON_SHUT, chance_below(c, 3), (long[]){STREAM_STEP_AGAIN, STREAM_STEP_AGAIN, STREAM_STEP_AGAIN});
    from.has_pending = chance_below(c, 2);
}

static void test_random_scripts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        struct chance c = {seed};
        size_t size = random_size(&c);

        random_streams(&c, size);
        run_to_end(1 + chance_below(&c, chance_below(&c, 2) ? 10 : PLENTY));
        EXPECT(scripted_has(&to, from.input, size) && to.is_shut && pump.bytes == size, "random script");
        end();
    }
}

/* Runs until nothing more can happen before the commit. */
static void run_retaining(size_t budget)
{
    enum pump_result result;

    do {
        result = pump_run(&pump, budget);
        assert_true(result == PUMP_BLOCKED || result == PUMP_MORE);
        assert_true(pump.chunk == NULL || pump.chunk->end <= CHUNK_READ);
    } while (pump_from_interest(&pump) != 0 || pump_to_interest(&pump) != 0);
}

static void test_random_retaining(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        struct chance c = {seed};
        size_t size = random_size(&c), budget = 1 + chance_below(&c, 1000);

        random_streams(&c, size);
        pump_retain(&pump);
        for (size_t tries = chance_below(&c, 4); tries > 0; tries--) {
            for (size_t turns = chance_below(&c, 20); turns > 0; turns--)
                (void)pump_run(&pump, budget);
            assert_false(to.is_shut);
            scripted_fini(&to);
            scripted_init(&to, NULL, 0);
            random_row(&c, &to, ON_WRITE, 100000);
            pump_connect(&pump, &to.stream);
        }
        if (chance_below(&c, 2))
            run_retaining(budget);
        assert_false(to.is_shut);
        pump_commit(&pump);
        run_to_end(budget);
        EXPECT(scripted_has(&to, from.input, size) && to.is_shut && pump.bytes == size, "random retaining");
        end();
    }
}

static int set_up(void **state)
{
    (void)state;
    pattern_fill(bytes, sizeof(bytes), 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chunk_pool_fini(&loop.chunks);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_counts),
        cmocka_unit_test(test_again_everywhere),
        cmocka_unit_test(test_end_first),
        cmocka_unit_test(test_short_read_ends_the_turn),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_full_chunk_stops_reading),
        cmocka_unit_test(test_from_breaks),
        cmocka_unit_test(test_to_breaks),
        cmocka_unit_test(test_kept_bytes_are_sent_again),
        cmocka_unit_test(test_retaining_stops_at_one_chunk),
        cmocka_unit_test(test_commit_in_the_middle),
        cmocka_unit_test(test_receiver_breaks_while_retaining),
        cmocka_unit_test(test_no_receiver_yet),
        cmocka_unit_test(test_random_scripts),
        cmocka_unit_test(test_random_retaining),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
