/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/pump.h, gates: what is held does not go on, what is not does at once, and once the gate is lifted nothing is left of
 * it. */
#include "test/unit/unit.h"

#include "proxy/net/pump.h"
#include "test/component/pattern.h"
#include "test/component/scripted_stream.h"

#include <string.h>

#define PLENTY ((size_t)1 << 30)

static struct loop loop; /* a pump needs only its pools */
static struct scripted_stream from, to;
static struct pump pump;
static uint8_t bytes[CHUNK_READ * 3];

/* Holds the last `hold` bytes of what it was shown; with the byte number `at` it says `step`. */
static struct gate {
    struct pump_gate gate; /* first */
    size_t hold;
    size_t at;
    enum pump_gate_step step;
    size_t seen;
    unsigned ends;
    unsigned drops;
} gate;

static enum pump_gate_step look(struct pump_gate *g, const uint8_t *shown, size_t count)
{
    assert_ptr_equal(g, &gate.gate);
    assert_int_equal(gate.drops, 0);
    assert_true(gate.seen + count <= from.input_size);
    assert_true(count == 0 || memcmp(shown, from.input + gate.seen, count) == 0);
    if (count == 0) {
        gate.ends++;
        return gate.step == PUMP_GATE_LIFT ? PUMP_GATE_LOOK : gate.step; /* LOOK is taken for it */
    }
    gate.seen += count;
    if (gate.seen >= gate.at) {
        gate.gate.held = gate.step == PUMP_GATE_LIFT ? 0 : gate.seen - gate.at;
        return gate.step;
    }
    gate.gate.held = gate.seen < gate.hold ? gate.seen : gate.hold;
    return PUMP_GATE_LOOK;
}

static void drop(struct pump_gate *g)
{
    assert_ptr_equal(g, &gate.gate);
    assert_int_equal(gate.drops, 0);
    gate.drops++;
}

static void begin(const void *input, size_t size)
{
    scripted_init(&from, input, size);
    scripted_init(&to, NULL, 0);
    pump_init(&pump, &loop, &from.stream, &to.stream);
}

static void begin_gated(const void *input, size_t size, size_t hold, size_t at, enum pump_gate_step step)
{
    begin(input, size);
    gate =
        (struct gate){.gate = {.look = look, .drop = drop, .why = REASON_REWRITE_MISMATCH}, .hold = hold, .at = at, .step = step};
    pump_set_gate(&pump, &gate.gate);
}

static void end(void)
{
    pump_fini(&pump);
    pump_fini(&pump);
    scripted_fini(&from);
    scripted_fini(&to);
    assert_int_equal(gate.drops, 1);
    assert_int_equal(loop.chunks.borrowed_count, 0);
    assert_int_equal(loop.pipes.lent_count, 0);
}

static void expect_interest(unsigned from_interest, unsigned to_interest)
{
    assert_int_equal(pump_from_interest(&pump), from_interest);
    assert_int_equal(pump_to_interest(&pump), to_interest);
}

/* Turns until the pump is done or waits for the gate. */
static enum pump_result run(void)
{
    enum pump_result result;
    size_t turns = 0;

    do {
        result = pump_run(&pump, PLENTY);
        assert_true(++turns < 100000);
    } while (result == PUMP_MORE || (result == PUMP_BLOCKED && pump_from_interest(&pump) + pump_to_interest(&pump) != 0));
    return result;
}

/* Every size of reads and writes, every number of bytes held, lifted at every byte: all arrives. */
static void test_lifted_anywhere(void **state)
{
    (void)state;
    for (long r = 1; r <= 9; r++)
        for (long w = 1; w <= 9; w++)
            for (size_t hold = 0; hold <= 4; hold++)
                for (size_t at = 1; at <= 10; at++) {
                    begin_gated("nine here", 9, hold, at, PUMP_GATE_LIFT);
                    from.rows[ON_READ].rest = r;
                    to.rows[ON_WRITE].rest = w;
                    assert_int_equal(run(), PUMP_DONE);
                    assert_true(scripted_has(&to, "nine here", 9));
                    assert_true(to.is_shut && pump.bytes == 9 && pump.gate == NULL);
                    assert_int_equal(gate.ends, at > 9);
                    end();
                }
}

/* What the gate does not hold goes on at once; what it holds does not. */
static void test_holds_no_more_than_told(void **state)
{
    (void)state;
    begin_gated("sixsix", 6, 2, 100, PUMP_GATE_LIFT);
    from.is_open = true;
    from.rows[ON_READ].rest = 1;
    for (size_t came = 1; came <= 6; came++) {
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
        assert_true(scripted_has(&to, "sixsix", came < 2 ? 0 : came - 2));
        expect_interest(STREAM_READ, 0);
    }
    assert_non_null(pump.chunk);
    assert_int_equal(pump.chunk->end, 3); /* what is held moves to the front, so that there is always room */
    end();
}

/* Waiting: nothing is read, what is held may be changed, and lifting lets everything go. */
static void test_waits(void **state)
{
    (void)state;
    for (size_t at = 0; at < 9; at++) {
        uint8_t expected[9];

        begin_gated("nine here", 9, 0, at, PUMP_GATE_WAIT);
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
        expect_interest(0, 0);
        assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED); /* and does nothing more */
        assert_true(scripted_has(&to, "nine here", at));
        assert_string_equal(from.calls, "R");
        memcpy(expected, "nine here", 9);
        expected[at] = 'X';
        *pump_held(&pump) = 'X';
        pump_lift_gate(&pump);
        expect_interest(0, STREAM_WRITE);
        assert_int_equal(run(), PUMP_DONE);
        assert_true(scripted_has(&to, expected, 9));
        end();
    }
}

/* The end is told to the gate, which may wait with it. */
static void test_end_waits(void **state)
{
    (void)state;
    begin_gated("5500", 4, 4, 100, PUMP_GATE_WAIT);
    assert_int_equal(run(), PUMP_BLOCKED);
    assert_int_equal(gate.ends, 1);
    assert_int_equal(pump.state, PUMP_DRAINING);
    expect_interest(0, 0);
    assert_true(scripted_has(&to, "", 0) && !to.is_shut);
    memcpy(pump_held(&pump), "7001", 4);
    pump_lift_gate(&pump);
    expect_interest(0, STREAM_WRITE);
    assert_int_equal(run(), PUMP_DONE);
    assert_true(scripted_has(&to, "7001", 4) && to.is_shut);
    end();
}

/* An end without a byte. */
static void test_only_the_end(void **state)
{
    (void)state;
    begin_gated("", 0, 4, 100, PUMP_GATE_LIFT);
    assert_int_equal(run(), PUMP_DONE);
    assert_true(gate.ends == 1 && to.is_shut);
    end();
}

static void test_breaks(void **state)
{
    (void)state;
    for (int at_end = 0; at_end < 2; at_end++) {
        begin_gated("sixsix", 6, 1, at_end ? 100 : 6, PUMP_GATE_BREAK);
        from.rows[ON_READ].rest = 3;
        assert_int_equal(run(), PUMP_BROKEN);
        assert_int_equal(pump.state, PUMP_FAILED);
        assert_true(pump.is_from_broken && pump.why == REASON_REWRITE_MISMATCH);
        assert_int_equal(gate.ends, at_end);
        assert_true(scripted_has(&to, "sixsix", at_end ? 5 : 2));
        end();
    }
}

/* The reader of a direction fails or is finished while bytes are held. */
static void test_ends_while_held(void **state)
{
    (void)state;
    begin_gated("sixsix", 6, 3, 100, PUMP_GATE_LIFT);
    scripted_on(&from, ON_READ, 2, (const long[]){6, STREAM_FAILED});
    from.fail_why = REASON_FRONT_RESET;
    assert_int_equal(run(), PUMP_BROKEN);
    assert_true(pump.is_from_broken && pump.why == REASON_FRONT_RESET);
    assert_true(scripted_has(&to, "sixsix", 3));
    end();
    begin_gated("sixsix", 6, 3, 3, PUMP_GATE_WAIT);
    (void)pump_run(&pump, PLENTY);
    end();
}

/* A receiver that takes nothing stops the reading, gate or not. */
static void test_back_pressure(void **state)
{
    (void)state;
    begin_gated("sixsix", 6, 2, 100, PUMP_GATE_LIFT);
    from.rows[ON_READ].rest = 3;
    scripted_on(&to, ON_WRITE, 2, (const long[]){STREAM_AGAIN, STREAM_AGAIN});
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    expect_interest(0, STREAM_WRITE);
    assert_int_equal(pump_run(&pump, PLENTY), PUMP_BLOCKED);
    assert_string_equal(from.calls, "R");
    assert_int_equal(run(), PUMP_DONE);
    assert_true(scripted_has(&to, "sixsix", 6));
    end();
}

/* More than chunks hold: the gate waits within a full chunk, and bulk goes on after it. */
static void test_bulk(void **state)
{
    (void)state;
    pattern_fill(bytes, sizeof(bytes), 0);
    begin_gated(bytes, sizeof(bytes), 5, CHUNK_READ + 100, PUMP_GATE_WAIT);
    assert_int_equal(run(), PUMP_BLOCKED);
    expect_interest(0, 0);
    assert_true(scripted_has(&to, bytes, CHUNK_READ + 100));
    pump_lift_gate(&pump);
    assert_int_equal(run(), PUMP_DONE);
    assert_true(scripted_has(&to, bytes, sizeof(bytes)));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lifted_anywhere),
        cmocka_unit_test(test_holds_no_more_than_told),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_end_waits),
        cmocka_unit_test(test_only_the_end),
        cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_ends_while_held),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_bulk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
