/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/session.h: the steps from greeting to relaying, the refusals, and how both sides hear of an end. */
#include "test/unit/unit.h"

#include "test/component/pattern.h"
#include "test/component/stage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BULK ((size_t)1 << 20)

static uint8_t bulk[BULK], got[BULK * 2];

/* -- relaying and its ends --------------------------------------------------------------------------------------------------- */

static void say(int fd, const char *text)
{
    loopback_send(fd, text, strlen(text));
}

static void end_in_order(int first, int second, enum reason why, enum session_end at)
{
    shutdown(first, SHUT_WR);
    assert_int_equal(stage_read_to_end(second, got, sizeof(got), &(size_t){0}), LOOPBACK_END);
    assert_non_null(stage.session); /* the other direction goes on */
    say(second, "last words");
    stage_expect(first, "last words");
    shutdown(second, SHUT_WR);
    assert_int_equal(stage_read_to_end(first, got, sizeof(got), &(size_t){0}), LOOPBACK_END);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, why);
    assert_int_equal(stage.at, at);
    assert_int_equal(stage.calls.ended, 1);
}

static void test_front_ends_first(void **state)
{
    (void)state;
    stage_relay(0);
    say(stage.front_peer, "question");
    stage_expect(stage.back_peer, "question");
    say(stage.back_peer, "answer");
    stage_expect(stage.front_peer, "answer");
    end_in_order(stage.front_peer, stage.back_peer, REASON_FRONT_EOF, SESSION_AT_FRONT);
    assert_int_equal(stage.up_bytes, 8);
    assert_int_equal(stage.down_bytes, 16);
}

static void test_back_ends_first(void **state)
{
    (void)state;
    stage_relay(0);
    end_in_order(stage.back_peer, stage.front_peer, REASON_BACK_EOF, SESSION_AT_BACK);
}

/* After the front's end a megabyte comes back through small buffers. */
static void test_bulk_after_half_close(void **state)
{
    size_t sent = 0, size = 0;
    (void)state;
    stage_relay(32768);
    say(stage.front_peer, "GET");
    shutdown(stage.front_peer, SHUT_WR);
    stage_expect(stage.back_peer, "GET");
    while (size < BULK) {
        ssize_t n = sent < BULK ? send(stage.back_peer, bulk + sent, BULK - sent, MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        stage_turn();
        while ((n = loopback_read(stage.front_peer, got + size, sizeof(got) - size)) > 0)
            size += (size_t)n;
        assert_int_equal(n, LOOPBACK_NOTHING);
    }
    assert_memory_equal(got, bulk, BULK);
    shutdown(stage.back_peer, SHUT_WR);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_FRONT_EOF);
}

static void test_reset_goes_through(void **state)
{
    size_t size;
    (void)state;
    stage_relay(0);
    loopback_reset(stage.front_peer);
    stage.front_peer = -1;
    assert_int_equal(stage_read_to_end(stage.back_peer, got, sizeof(got), &size), LOOPBACK_RESET);
    assert_int_equal(stage.why, REASON_FRONT_RESET);
    assert_int_equal(stage.at, SESSION_AT_FRONT);
    close(stage.back_peer);
    stage.back_peer = -1;

    stage.backs_next = 0;
    stage_relay(0);
    say(stage.back_peer, "half an ans");
    stage_expect(stage.front_peer, "half an ans");
    loopback_reset(stage.back_peer);
    stage.back_peer = -1;
    assert_int_equal(stage_read_to_end(stage.front_peer, got, sizeof(got), &size), LOOPBACK_RESET);
    assert_int_equal(stage.why, REASON_BACK_RESET);
    assert_int_equal(stage.at, SESSION_AT_BACK);
}

/* One direction has ended in order, then the other one is cut: that is no end in order. */
static void test_reset_after_half_close(void **state)
{
    size_t size;
    (void)state;
    stage_relay(0);
    shutdown(stage.front_peer, SHUT_WR);
    assert_int_equal(stage_read_to_end(stage.back_peer, got, sizeof(got), &size), LOOPBACK_END);
    loopback_reset(stage.back_peer);
    stage.back_peer = -1;
    assert_int_equal(stage_read_to_end(stage.front_peer, got, sizeof(got), &size), LOOPBACK_RESET);
    assert_int_equal(stage.why, REASON_BACK_RESET);
}

/* The front does not read; the back, whose bytes wait, is cut; the front must not take what it has for the whole. */
static void test_reset_while_bytes_wait(void **state)
{
    size_t size, sent = 0;
    (void)state;
    stage_relay(32768);
    for (int quiet = 0; quiet < 10;) {
        ssize_t n = send(stage.back_peer, bulk, BULK, MSG_NOSIGNAL);
        quiet = n > 0 ? 0 : quiet + 1;
        sent += n > 0 ? (size_t)n : 0;
        stage_turn();
    }
    assert_true(sent < BULK * 8); /* back-pressure */
    loopback_reset(stage.back_peer);
    stage.back_peer = -1;
    session_sweep(stage.session); /* nobody reads from the back now: the sweep finds it */
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_BACK_RESET);
    assert_int_equal(stage_read_to_end(stage.front_peer, got, sizeof(got), &size), LOOPBACK_RESET);
}

/* -- greeting and choosing --------------------------------------------------------------------------------------------------- */

static void test_greeting_takes_turns(void **state)
{
    struct scripted_stream *front = stage_scripted("", 0), *back = stage_scripted("", 0);
    (void)state;
    front->is_open = back->is_open = true;
    scripted_on(front, ON_GREET, 2, (long[]){STREAM_STEP_AGAIN, STREAM_STEP_AGAIN});
    scripted_on(back, ON_GREET, 2, (long[]){STREAM_STEP_AGAIN, STREAM_STEP_AGAIN});
    stage.backs[0] = &back->stream;
    stage_start(&front->stream);
    stage_turns(3);
    assert_string_equal(front->calls, "g"); /* its socket is silent */
    scripted_set_readable(front, true);
    STAGE_UNTIL(stage.calls.greeted == 1);
    scripted_set_readable(front, false);
    assert_int_equal(stage.session->state, SESSION_DIAL);
    assert_false(stage.session->is_greeting);
    stage_turns(3);
    assert_string_equal(back->calls, "g");
    scripted_set_readable(back, true);
    STAGE_UNTIL(stage.calls.back_greeted == 1);
    assert_int_equal(stage.session->state, SESSION_RELAY);
    session_close(stage.session, REASON_SHUTDOWN);
    assert_int_equal(front->calls[front->calls_count - 1], 'X');
    assert_int_equal(back->calls[back->calls_count - 1], 'X');
}

static void test_greeting_fails(void **state)
{
    struct scripted_stream *front = stage_scripted("", 0);
    (void)state;
    front->fail_why = REASON_TLS_NO_COMMON;
    scripted_on(front, ON_GREET, 1, (long[]){STREAM_STEP_FAILED});
    stage_start(&front->stream);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_TLS_NO_COMMON);
    assert_int_equal(stage.at, SESSION_AT_FRONT);
    assert_string_equal(front->calls, "gC"); /* it may read its alert */
    assert_int_equal(stage.calls.greeted, 0);
}

static void test_greeting_is_late(void **state)
{
    struct scripted_stream *front = stage_scripted("", 0);
    (void)state;
    front->rows[ON_GREET].rest = STREAM_STEP_AGAIN;
    session_start(stage_session(&front->stream), 20);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_HANDSHAKE_TIMEOUT);
    assert_int_equal(stage.at, SESSION_AT_FRONT);
}

static void wait_in_choose(struct session *s)
{
    session_set_deadline(s, 20);
}

static void dial_on(struct session *s)
{
    session_dial(s, SESSION_LINK, &stage.back_ops);
}

static void test_choosing(void **state)
{
    struct scripted_stream *front = stage_scripted("x", 1), *back = stage_scripted("", 0);
    (void)state;
    stage_all_ops();
    stage.front_ops.notice = NULL;
    stage.orders.greeted = wait_in_choose;
    stage.orders.readable = dial_on;
    back->is_open = true;
    front->is_open = true;
    stage.backs[0] = &back->stream;
    stage_start(&front->stream);
    assert_int_equal(stage.session->state, SESSION_CHOOSE);
    assert_true(stage.session->is_greeting);
    scripted_set_readable(front, true);
    STAGE_UNTIL(stage.session->state == SESSION_RELAY);
    assert_int_equal(stage.calls.readable, 1);
    assert_true(scripted_has(back, "x", 1)); /* it was there: the relay begins with both pumps, event or not */
    session_close(stage.session, REASON_SHUTDOWN);
}

/* What lies within the stream (TLS) makes no event: the front is called all the same. */
static void test_choosing_from_silent_bytes(void **state)
{
    struct scripted_stream *front = stage_scripted("x", 1);
    (void)state;
    stage_all_ops();
    stage.front_ops.notice = NULL;
    front->has_pending = true;
    stage.orders.greeted = wait_in_choose;
    stage.orders.readable = dial_on;
    stage_start(&front->stream);
    stage_turns(2);
    assert_int_equal(stage.calls.readable, 1);
    assert_int_equal(stage.session->state, SESSION_DIAL);
}

static void test_choosing_is_late(void **state)
{
    struct scripted_stream *front = stage_scripted("", 0);
    (void)state;
    stage.orders.greeted = wait_in_choose;
    stage_start(&front->stream);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_HANDSHAKE_TIMEOUT);
    assert_string_equal(front->calls, "GX"); /* greeted, and refused without a word */

    stage_all_ops();
    stage.front_ops.notice = NULL;
    stage.orders.timeout = dial_on;
    stage_start(&stage_scripted("", 0)->stream);
    STAGE_UNTIL(stage.session->state == SESSION_DIAL);
    assert_int_equal(stage.calls.timeout, 1);
}

/* -- dialling ---------------------------------------------------------------------------------------------------------------- */

static void take_next_back(struct session *s)
{
    session_take_back(s, stage.backs[stage.backs_next++], stage.back_ms);
}

static void test_dialling_the_next_one(void **state)
{
    struct scripted_stream *front = stage_scripted("hi", 2), *bad = stage_scripted("", 0), *good = stage_scripted("", 0);
    (void)state;
    front->is_open = good->is_open = true;
    bad->rows[ON_GREET].rest = STREAM_STEP_FAILED;
    stage.backs[0] = &bad->stream;
    stage.backs[1] = &good->stream;
    stage.orders.failed = take_next_back;
    stage_start(&front->stream);
    assert_int_equal(stage.session->state, SESSION_RELAY);
    assert_int_equal(stage.told_why, REASON_BACK_RESET); /* turned to the back's form */
    assert_string_equal(bad->calls, "gX");
    assert_true(scripted_has(good, "hi", 2));
}

static void test_dialling_is_late(void **state)
{
    struct scripted_stream *slow = stage_scripted("", 0), *good = stage_scripted("", 0);
    (void)state;
    slow->rows[ON_GREET].rest = STREAM_STEP_AGAIN;
    good->is_open = true;
    stage.backs[0] = &slow->stream;
    stage.backs[1] = &good->stream;
    stage.back_ms = 20;
    stage.orders.failed = take_next_back;
    stage_start(stage_real_front(0));
    STAGE_UNTIL(stage.session->state == SESSION_RELAY);
    assert_int_equal(stage.told_why, REASON_DIAL_TIMEOUT);
    assert_true(slow->is_closed);
    assert_null(stage.session->opening);
}

static void wait_for_a_back(struct session *s)
{
    session_set_deadline(s, 20);
}

static void test_no_back_in_time(void **state)
{
    (void)state;
    stage.orders.dial = wait_for_a_back;
    stage_start(stage_real_front(0));
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_DIAL_TIMEOUT);
    assert_int_equal(stage.at, SESSION_AT_RELAY);
    close(stage.front_peer);
    stage.front_peer = -1;

    stage_all_ops();
    stage.front_ops.notice = NULL;
    stage.orders.back_timeout = take_next_back;
    stage.backs[0] = stage_real_back(0);
    stage_start(stage_real_front(0));
    STAGE_UNTIL(stage.session->state == SESSION_RELAY);
    assert_int_equal(stage.calls.back_timeout, 1);
}

/* -- answers and refusals ---------------------------------------------------------------------------------------------------- */

static bool answer_yes(struct session *s)
{
    return stream_write(s->front, "yes ", 4) == 4;
}

static bool answer_fails(struct session *s)
{
    (void)s;
    return false;
}

static void test_answer_comes_before_the_bytes(void **state)
{
    struct scripted_stream *back = stage_scripted("bytes", 5);
    (void)state;
    stage_all_ops();
    stage.orders.answer = answer_yes;
    stage.backs[0] = &back->stream;
    stage_start(stage_real_front(0));
    stage_expect(stage.front_peer, "yes bytes");
}

static void test_front_cannot_be_answered(void **state)
{
    struct scripted_stream *back = stage_scripted("bytes", 5);
    (void)state;
    stage_all_ops();
    stage.orders.answer = answer_fails;
    stage.backs[0] = &back->stream;
    stage_start(stage_real_front(0));
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_FRONT_RESET);
    assert_string_equal(back->calls, "GX");
}

static void refuse_now(struct session *s)
{
    session_refuse(s, SESSION_AT_RELAY, REASON_POOL_EXHAUSTED);
}

static bool say_no(struct session *s)
{
    return stream_write(s->front, "no", 2) == 2;
}

static void test_refused_without_a_word(void **state)
{
    size_t size;
    (void)state;
    stage.orders.dial = refuse_now;
    stage_start(stage_real_front(0));
    assert_int_equal(stage_read_to_end(stage.front_peer, got, sizeof(got), &size), LOOPBACK_RESET);
    assert_int_equal(stage.why, REASON_POOL_EXHAUSTED);
    assert_int_equal(stage.at, SESSION_AT_RELAY);
    assert_int_equal(size, 0);
}

/* The front has sent much that nobody will read: closing at once would reset it, and the answer would be lost. */
static void test_refused_with_a_word(void **state)
{
    size_t size;
    (void)state;
    stage_all_ops();
    stage.orders.dial = wait_for_a_back;
    stage.orders.refuse = say_no;
    stage.orders.back_timeout = refuse_now;
    stage_start(stage_real_front(0));
    loopback_send(stage.front_peer, bulk, 100000);
    STAGE_UNTIL(stage.session->state == SESSION_LINGER);
    assert_int_equal(stage.told_why, REASON_POOL_EXHAUSTED);
    loopback_send(stage.front_peer, bulk, 100000);
    assert_int_equal(stage_read_to_end(stage.front_peer, got, sizeof(got), &size), LOOPBACK_END);
    assert_int_equal(size, 2);
    assert_memory_equal(got, "no", 2);
    assert_int_equal(quota_count(stage.site.quota), 1); /* it counts until it is gone */
    close(stage.front_peer);
    stage.front_peer = -1;
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_POOL_EXHAUSTED);
}

static void test_lingering_has_an_end(void **state)
{
    (void)state;
    stage_all_ops();
    stage.orders.refuse = say_no;
    stage.orders.dial = refuse_now;
    stage_start(stage_real_front(0));
    assert_int_equal(stage.session->state, SESSION_LINGER);
    session_set_deadline(stage.session, 20); /* sooner than its own */
    STAGE_UNTIL(stage.session == NULL);
    close(stage.front_peer);
    stage.front_peer = -1;

    stage_start(stage_real_front(0));
    for (size_t sent = 0; stage.session != NULL;) {
        ssize_t n = send(stage.front_peer, bulk, BULK, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        assert_true(sent < BULK * 16);
        stage_turn();
    }
    assert_int_equal(stage.why, REASON_POOL_EXHAUSTED);
}

/* The end that tells the front "this was all" does not go out at once (TLS). */
static void test_lingering_end_takes_turns(void **state)
{
    struct scripted_stream *front = stage_scripted("late bytes", 10);
    (void)state;
    stage_all_ops();
    stage.orders.refuse = say_no;
    stage.orders.dial = refuse_now;
    front->is_open = true;
    front->wants = STREAM_WRITE;
    scripted_on(front, ON_SHUT, 1, (long[]){STREAM_STEP_AGAIN});
    stage_start(&front->stream);
    assert_int_equal(stage.session->state, SESSION_LINGER);
    STAGE_UNTIL(front->is_shut);
    front->wants = 0;
    front->is_open = false;
    scripted_set_readable(front, true);
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(front->calls[front->calls_count - 1], 'C');
}

static int prepare(void **state)
{
    (void)state;
    pattern_fill(bulk, BULK, 3);
    return 0;
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_front_ends_first),
        STORY(test_back_ends_first),
        STORY(test_bulk_after_half_close),
        STORY(test_reset_goes_through),
        STORY(test_reset_after_half_close),
        STORY(test_reset_while_bytes_wait),
        STORY(test_greeting_takes_turns),
        STORY(test_greeting_fails),
        STORY(test_greeting_is_late),
        STORY(test_choosing),
        STORY(test_choosing_from_silent_bytes),
        STORY(test_choosing_is_late),
        STORY(test_dialling_the_next_one),
        STORY(test_dialling_is_late),
        STORY(test_no_back_in_time),
        STORY(test_answer_comes_before_the_bytes),
        STORY(test_front_cannot_be_answered),
        STORY(test_refused_without_a_word),
        STORY(test_refused_with_a_word),
        STORY(test_lingering_has_an_end),
        STORY(test_lingering_end_takes_turns),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
