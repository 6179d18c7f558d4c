/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/session.h: EARLY, where a back gets bytes before it has answered, and the notice to a front that waits. */
#include "test/unit/unit.h"

#include "test/component/pattern.h"
#include "test/component/stage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EARLY_MS 2000

static uint8_t bulk[CHUNK_READ * 2];

static void be_early(struct session *s)
{
    session_early(s, EARLY_MS);
}

static void be_early_for_long_enough(struct session *s)
{
    session_early(s, 20);
}

static void take_next_back(struct session *s)
{
    session_take_back(s, stage.backs[stage.backs_next++], stage.back_ms);
}

static void try_next_back(struct session *s)
{
    session_drop_back(s);
    assert_int_equal(s->state, SESSION_DIAL);
    take_next_back(s);
}

/* A front with these bytes and a back that gets them early. Its answer comes when it is readable. */
static struct scripted_stream *begin(struct scripted_stream *front)
{
    struct scripted_stream *back = stage_scripted("answer", 6);

    stage_all_ops();
    stage.front_ops.notice = NULL;
    stage.orders.back_greeted = be_early;
    stage.orders.back_readable = session_relay;
    stage.backs[0] = &back->stream;
    stage_start(&front->stream);
    return back;
}

static void test_first_bytes_travel_early(void **state)
{
    struct scripted_stream *front = stage_scripted("question", 8), *back;
    (void)state;
    front->is_open = true;
    back = begin(front);
    assert_int_equal(stage.session->state, SESSION_EARLY);
    assert_true(scripted_has(back, "question", 8));
    assert_int_equal(stage.calls.answer, 0);
    scripted_set_readable(back, true);
    STAGE_UNTIL(stage.session->state == SESSION_RELAY);
    assert_int_equal(stage.calls.answer, 1);
    assert_true(scripted_has(back, "question", 8)); /* once */
    STAGE_UNTIL(front->is_shut);
    assert_true(scripted_has(front, "answer", 6));
    front->is_open = false;
    scripted_set_readable(front, true);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_BACK_EOF);
    assert_int_equal(stage.up_bytes, 8);
}

static void test_the_end_waits_for_the_answer(void **state)
{
    struct scripted_stream *front = stage_scripted("question", 8), *back = begin(front);
    (void)state;
    scripted_set_readable(front, true);
    stage_turns(5);
    assert_int_equal(front->calls[front->calls_count - 1], 'E');
    assert_int_equal(stage.session->state, SESSION_EARLY);
    assert_false(back->is_shut);
    scripted_set_readable(back, true);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_FRONT_EOF);
    assert_true(back->is_shut);
}

static void test_no_more_than_one_chunk(void **state)
{
    struct scripted_stream *front = stage_scripted(bulk, sizeof(bulk)), *back = begin(front);
    (void)state;
    scripted_set_readable(front, true);
    stage_turns(10);
    assert_int_equal(back->written_size, CHUNK_READ);
    assert_int_equal(front->input_used, CHUNK_READ);
    scripted_set_readable(back, true);
    STAGE_UNTIL(stage.session == NULL);
    assert_true(scripted_has(back, bulk, sizeof(bulk)));
}

/* -- a back that is lost ----------------------------------------------------------------------------------------------------- */

/* How it gets lost. */
static void lose_when_read(struct session *s)
{
    stage.calls.lost++;
    try_next_back(s);
}

static void expect_second_try(struct scripted_stream *first, struct scripted_stream *second)
{
    STAGE_UNTIL(stage.calls.back_greeted == 2);
    assert_int_equal(stage.calls.lost, 1);
    assert_int_equal(first->calls[first->calls_count - 1], 'X');
    assert_int_equal(stage.session->state, SESSION_EARLY);
    STAGE_UNTIL(second->written_size == 8);
    assert_true(scripted_has(second, "question", 8));
    stage.orders.back_readable = session_relay;
    scripted_set_readable(second, true);
    STAGE_UNTIL(stage.session == NULL);
    assert_true(scripted_has(second, "question", 8) && second->is_shut);
    assert_int_equal(stage.up_bytes, 8);
}

static void test_another_back_gets_the_same(void **state)
{
    (void)state;
    for (int way = 0; way < 5; way++) {
        struct scripted_stream *front = stage_scripted("question", 8);
        struct scripted_stream *first = stage_scripted("", 0), *second = stage_scripted("answer", 6);

        stage.calls = (struct stage_calls){0};
        stage.orders = (struct stage_orders){.back_greeted = be_early, .lost = try_next_back};
        stage_all_ops();
        stage.front_ops.notice = NULL;
        stage.backs[0] = &first->stream;
        stage.backs[1] = &second->stream;
        stage.backs_next = 0;
        scripted_set_readable(front, true); /* its end comes too */
        switch (way) {
        case 0: /* the first write fails */
            scripted_on(first, ON_WRITE, 1, (long[]){STREAM_FAILED});
            break;
        case 1: /* a later write fails */
            scripted_on(first, ON_WRITE, 3, (long[]){3, STREAM_AGAIN, STREAM_FAILED});
            break;
        case 2: /* what it took can't be sent */
            first->wants = STREAM_WRITE;
            scripted_on(first, ON_FLUSH, 2, (long[]){STREAM_STEP_AGAIN, STREAM_STEP_FAILED});
            break;
        case 3: /* it ends when it should answer */
            stage.orders.back_readable = lose_when_read;
            scripted_set_readable(first, true);
            break;
        default: /* it says nothing */
            stage.orders.back_greeted = be_early_for_long_enough;
            break;
        }
        stage_start(&front->stream);
        expect_second_try(first, second);
        if (way <= 2)
            assert_int_equal(stage.told_why, REASON_BACK_RESET);
        if (way == 4)
            assert_int_equal(stage.told_why, REASON_ANSWER_TIMEOUT);
    }
}

static void test_a_lost_back_refuses(void **state)
{
    (void)state;
    for (int has_lost = 0; has_lost <= 1; has_lost++) {
        struct scripted_stream *front = stage_scripted("question", 8), *back = stage_scripted("", 0);

        stage_all_ops();
        stage.front_ops.notice = NULL;
        if (!has_lost)
            stage.back_ops.lost = NULL;
        stage.orders.back_greeted = be_early_for_long_enough;
        stage.backs[0] = &back->stream;
        stage.backs_next = 0;
        stage_start(&front->stream);
        STAGE_UNTIL(stage.session == NULL);
        assert_int_equal(stage.why, REASON_ANSWER_TIMEOUT);
        assert_int_equal(stage.at, SESSION_AT_BACK);
        assert_int_equal(front->calls[front->calls_count - 1], 'X');
    }
}

static void test_the_front_breaks_early(void **state)
{
    struct scripted_stream *front = stage_scripted("question", 8), *back;
    (void)state;
    scripted_on(front, ON_READ, 2, (long[]){8, STREAM_FAILED});
    back = begin(front);
    scripted_set_readable(front, true);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_FRONT_RESET);
    assert_int_equal(stage.at, SESSION_AT_FRONT);
    assert_int_equal(stage.calls.lost, 0);
    assert_int_equal(back->calls[back->calls_count - 1], 'X');
}

/* -- bytes that change the session ------------------------------------------------------------------------------------------- */

static struct chunk *taken;
static bool is_taken_ended;
static struct stream *taken_front;

static void hand_over(struct session *s)
{
    session_drop_back(s);
    taken = session_take_early(s, &is_taken_ended);
    taken_front = session_release_front(s);
}

static void test_bytes_change_the_session(void **state)
{
    (void)state;
    for (int breaks = 0; breaks <= 1; breaks++) {
        struct scripted_stream *front = stage_scripted("question", 8);
        struct scripted_stream *first = stage_scripted("", 0), *second = stage_scripted("answer", 6);

        stage_all_ops();
        stage.front_ops.notice = NULL;
        stage.orders = (struct stage_orders){.back_greeted = be_early_for_long_enough, .lost = hand_over};
        if (breaks) {
            first->wants = STREAM_WRITE;
            scripted_on(first, ON_WRITE, 2, (long[]){2, STREAM_AGAIN});
            scripted_on(first, ON_FLUSH, 1, (long[]){STREAM_STEP_FAILED});
        }
        stage.backs[0] = &first->stream;
        stage.backs[1] = &second->stream;
        stage.backs_next = 0;
        scripted_set_readable(front, true);
        stage_start(&front->stream);
        STAGE_UNTIL(stage.session == NULL);
        assert_int_equal(stage.why, REASON_HANDED_OVER);
        assert_non_null(taken);
        assert_int_equal(chunk_fill(taken), 8);
        assert_false(front->is_closed);
        if (!breaks)
            assert_true(is_taken_ended); /* there was time to see it */

        stage.orders = (struct stage_orders){0};
        scripted_set_readable(front, false);
        session_give_early(stage_session(taken_front), taken, is_taken_ended);
        session_start(stage.session, 2000);
        assert_true(scripted_has(second, "question", 8));
        if (is_taken_ended)
            assert_true(second->is_shut);
        session_close(stage.session, REASON_SHUTDOWN);
    }
}

/* -- the notice -------------------------------------------------------------------------------------------------------------- */

static void write_notice(struct session *s)
{
    assert_int_equal(stream_write(s->front, "wait ", 5), 5);
}

static bool answer_yes(struct session *s)
{
    return stream_write(s->front, "yes ", 4) == 4;
}

static void test_notice_to_a_front_that_waits(void **state)
{
    (void)state;
    stage_all_ops();
    stage.orders.notice = write_notice;
    stage.orders.answer = answer_yes;
    stage_start(stage_real_front(0));
    stage_expect(stage.front_peer, "wait ");
    assert_int_equal(stage.session->state, SESSION_DIAL);
    assert_true(deadline_is_set(&stage.session->opening->deadline));
    session_take_back(stage.session, &stage_scripted("bytes", 5)->stream, 2000);
    session_update(stage.session);
    stage_expect(stage.front_peer, "yes bytes");
    assert_int_equal(stage.calls.notice, 1);
}

static void test_no_notice_when_answered(void **state)
{
    (void)state;
    stage_all_ops();
    stage.backs[0] = &stage_scripted("bytes", 5)->stream;
    stage_start(stage_real_front(0));
    stage_expect(stage.front_peer, "bytes");
    for (uint64_t until_ms = clock_ms() + 3 * stage.front_ops.notice_ms; clock_ms() < until_ms;)
        stage_turn();
    assert_int_equal(stage.calls.notice, 0);
}

static void test_the_deadline_follows_the_notice(void **state)
{
    struct scripted_stream *back = stage_scripted("", 0);
    (void)state;
    stage_all_ops();
    stage.cfg.timeouts.dial_ms = 20;
    back->rows[ON_GREET].rest = STREAM_STEP_AGAIN;
    stage.backs[0] = &back->stream;
    stage_start(stage_real_front(0));
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.calls.notice, 1);
    assert_int_equal(stage.calls.failed, 1);
    assert_int_equal(stage.why, REASON_DIAL_TIMEOUT);
}

static int prepare(void **state)
{
    (void)state;
    pattern_fill(bulk, sizeof(bulk), 4);
    return 0;
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_first_bytes_travel_early), STORY(test_the_end_waits_for_the_answer),
        STORY(test_no_more_than_one_chunk),   STORY(test_another_back_gets_the_same),
        STORY(test_a_lost_back_refuses),      STORY(test_the_front_breaks_early),
        STORY(test_bytes_change_the_session), STORY(test_notice_to_a_front_that_waits),
        STORY(test_no_notice_when_answered),  STORY(test_the_deadline_follows_the_notice),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
