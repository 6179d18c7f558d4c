/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/session.h, worker.h: ends that come from the clock, from within a callback, from a stopping worker; and what is
 * counted and found meanwhile. */
#include "test/unit/unit.h"

#include "test/component/stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t got[4096];
static size_t got_size;

static void expect_reset(int fd)
{
    assert_int_equal(stage_read_to_end(fd, got, sizeof(got), &got_size), LOOPBACK_RESET);
}

/* -- time -------------------------------------------------------------------------------------------------------------------- */

/* As if nothing had moved for so long. */
static void let_pass(uint64_t ms)
{
    stage.session->moved_ms -= ms;
    session_sweep(stage.session);
}

static void test_idle(void **state)
{
    (void)state;
    stage.cfg.timeouts.idle_s = 10;
    stage.cfg.timeouts.half_closed_s = 1;
    stage_relay(0);
    let_pass(9000);
    assert_non_null(stage.session); /* not half closed */
    loopback_send(stage.front_peer, "tick", 4);
    stage_expect(stage.back_peer, "tick");
    let_pass(9000);
    assert_non_null(stage.session); /* bytes moved */
    let_pass(1000);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_IDLE_TIMEOUT);
    assert_int_equal(stage.at, SESSION_AT_RELAY);
    expect_reset(stage.front_peer);
    expect_reset(stage.back_peer);
}

static void test_half_closed(void **state)
{
    (void)state;
    stage.cfg.timeouts.half_closed_s = 10;
    stage_relay(0);
    shutdown(stage.back_peer, SHUT_WR);
    assert_int_equal(stage_read_to_end(stage.front_peer, got, sizeof(got), &got_size), LOOPBACK_END);
    let_pass(9000);
    loopback_send(stage.front_peer, "still here", 10);
    stage_expect(stage.back_peer, "still here");
    let_pass(9000);
    assert_non_null(stage.session);
    let_pass(1000);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_HALF_CLOSED_TIMEOUT);
}

static void test_never(void **state)
{
    (void)state;
    stage_relay(0);
    shutdown(stage.front_peer, SHUT_WR);
    assert_int_equal(stage_read_to_end(stage.back_peer, got, sizeof(got), &got_size), LOOPBACK_END);
    let_pass((uint64_t)1000 * 3600 * 24 * 365 < stage.session->moved_ms ? (uint64_t)1000 * 3600 * 24 * 365
                                                                        : stage.session->moved_ms);
    assert_non_null(stage.session);
}

/* The worker's own timer finds it. */
static void test_the_worker_sweeps(void **state)
{
    (void)state;
    stage.cfg.timeouts.idle_s = 1;
    deadline_set(&stage.worker.sweep, 10);
    stage_relay(0);
    stage.session->moved_ms -= 1000;
    STAGE_UNTIL(stage.session == NULL);
    assert_int_equal(stage.why, REASON_IDLE_TIMEOUT);
    assert_true(deadline_is_set(&stage.worker.sweep));
}

/* Both ends are silent and one direction has ended: nobody watches the side that was cut. */
static void test_reset_that_nobody_watches(void **state)
{
    int error = 0;
    socklen_t len = sizeof(error);
    (void)state;
    stage_relay(0);
    shutdown(stage.front_peer, SHUT_WR);
    assert_int_equal(stage_read_to_end(stage.back_peer, got, sizeof(got), &got_size), LOOPBACK_END);
    session_sweep(stage.session);
    assert_non_null(stage.session);
    loopback_reset(stage.front_peer);
    stage.front_peer = -1;
    stage_turns(3);
    session_sweep(stage.session);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_FRONT_RESET);
    /* The back had read our end before, so its kernel tells of the reset as EPIPE. */
    assert_int_equal(getsockopt(stage.back_peer, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, EPIPE);
}

/* -- closing from anywhere --------------------------------------------------------------------------------------------------- */

static void close_twice(struct session *s)
{
    session_close(s, REASON_REPLACED);
    session_close(s, REASON_LEASE_ENDED);
}

static bool close_and_fail(struct session *s)
{
    close_twice(s);
    return false;
}

static void do_nothing(struct session *s)
{
    (void)s;
}

static void be_early(struct session *s)
{
    session_early(s, 20);
}

static void wait_in_choose(struct session *s)
{
    session_set_deadline(s, 20);
}

static void refuse_now(struct session *s)
{
    session_refuse(s, SESSION_AT_RELAY, REASON_REPLACED);
}

static const struct {
    const char *comment;
    struct stage_orders orders;
    bool back_fails;  /* its greeting */
    bool back_breaks; /* when it is written to */
    bool has_no_back;
    bool back_is_readable;
} closings[] = {
    {"in greeted", {.greeted = close_twice}},
    {"in readable", {.greeted = do_nothing, .readable = close_twice}},
    {"in the front's timeout", {.greeted = wait_in_choose, .timeout = close_twice, .readable = do_nothing}},
    {"in dial", {.dial = close_twice}},
    {"in back_greeted", {.back_greeted = close_twice}},
    {"in failed", {.failed = close_twice}, .back_fails = true},
    {"in back_readable", {.back_greeted = be_early, .back_readable = close_twice}, .back_is_readable = true},
    {"in back_timeout", {.dial = wait_in_choose, .back_timeout = close_twice}, .has_no_back = true},
    {"in lost, by the clock", {.back_greeted = be_early, .lost = close_twice}},
    {"in lost, by a write", {.back_greeted = be_early, .lost = close_twice}, .back_breaks = true},
    {"in notice", {.notice = close_twice}, .has_no_back = true},
    {"in answer", {.answer = close_and_fail}},
    {"in refuse", {.greeted = refuse_now, .refuse = close_and_fail}},
    {"in ended", {.greeted = close_twice, .ended = close_twice}},
};

static void test_closed_in_a_callback(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(closings); i++) {
        struct scripted_stream *front = stage_scripted("bytes", 5), *back = stage_scripted("bytes", 5);

        stage_all_ops();
        stage.calls = (struct stage_calls){0};
        stage.orders = closings[i].orders;
        front->is_open = back->is_open = true;
        if (closings[i].back_fails)
            back->rows[ON_GREET].rest = STREAM_STEP_FAILED;
        if (closings[i].back_breaks)
            back->rows[ON_WRITE].rest = STREAM_FAILED;
        scripted_set_readable(front, closings[i].orders.timeout == NULL);
        scripted_set_readable(back, closings[i].back_is_readable);
        stage.backs[0] = closings[i].has_no_back ? NULL : &back->stream;
        stage.backs_next = 0;
        stage_start(&front->stream);
        STAGE_UNTIL(stage.session == NULL);
        EXPECT(stage.why == REASON_REPLACED, closings[i].comment); /* the first one wins */
        EXPECT(stage.calls.ended == 1, closings[i].comment);
        EXPECT(front->is_closed, closings[i].comment);
        stage_turns(2);
        EXPECT(stage.worker.sessions_count == 0, closings[i].comment);
    }
}

/* Closed while it waits to be called again without an event. */
static void test_closed_between_two_turns(void **state)
{
    static uint8_t much[1 << 20];
    struct scripted_stream *front = stage_scripted(much, sizeof(much)), *back = stage_scripted("", 0);
    (void)state;
    back->is_open = true;
    front->has_pending = true;
    scripted_set_readable(front, true);
    stage.backs[0] = &back->stream;
    stage_start(&front->stream);
    assert_true(stage.session->again.is_queued); /* the budget of a turn is less */
    assert_true(back->written_size > 0 && back->written_size < sizeof(much));
    session_close(stage.session, REASON_LEASE_ENDED);
    stage_turns(2);
    assert_int_equal(stage.why, REASON_LEASE_ENDED);
    assert_int_equal(stage.calls.ended, 1);
}

/* One direction asks for another turn, then the other one breaks: it is gone before that turn. */
static void test_closed_when_queued_in_the_same_call(void **state)
{
    static uint8_t much[4 << 20];
    struct scripted_stream *front = stage_scripted(much, sizeof(much)), *back = stage_scripted("", 0);
    (void)state;
    back->is_open = true;
    front->has_pending = true;
    scripted_on(back, ON_READ, 2, (long[]){STREAM_AGAIN, STREAM_FAILED});
    stage.backs[0] = &back->stream;
    stage_start(&front->stream);
    assert_true(stage.session->again.is_queued);
    stage_turns(1);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_BACK_RESET);
    assert_true(TAILQ_EMPTY(&stage.worker.loop.agains));
    stage_turns(2);
}

static void test_the_worker_stops(void **state)
{
    (void)state;
    stage_relay(0);
    loopback_send(stage.front_peer, "question", 8);
    worker_fini(&stage.worker);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_SHUTDOWN);
    expect_reset(stage.front_peer);
    expect_reset(stage.back_peer);
    assert_int_equal(worker_init(&stage.worker, &stage.site, &stage.cfg), 0); /* for stage_close() */
}

/* -- what is counted and found ----------------------------------------------------------------------------------------------- */

static void test_quota(void **state)
{
    struct quota *q = stage.site.quota;
    (void)state;
    stage.cfg.limits.per_client = 1; /* the quota has copied it */
    stage.site.quota = quota_new(&stage.cfg.limits);
    quota_free(q);
    q = stage.site.quota;
    stage_relay(0);
    assert_int_equal(quota_count(q), 1);
    assert_true(stage.session->has_client && !stage.session->is_greeting);
    session_close(stage.session, REASON_SHUTDOWN);
    assert_int_equal(quota_count(q), 0);
    close(stage.front_peer);
    close(stage.back_peer);
    stage.front_peer = stage.back_peer = -1;

    stage.backs_next = 0;
    stage_relay(0); /* the same client again: its place is free */
    struct scripted_stream *second = stage_scripted("", 0);
    struct session *first = stage.session;
    second->stream.peer = first->front->peer;
    stage_start(&second->stream);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_LIMIT_CLIENT);
    stage.session = first;
    assert_int_equal(quota_count(q), 1);
}

static void stay(struct session *s)
{
    (void)s;
}

static void test_handles(void **state)
{
    enum { MANY = 200 };
    struct session *sessions[MANY];
    struct session_handle handles[MANY];
    (void)state;
    stage.orders.greeted = stay;
    for (int i = 0; i < MANY; i++) {
        stage_start(&stage_scripted("", 0)->stream);
        sessions[i] = stage.session;
        handles[i] = sessions[i]->handle;
    }
    assert_int_equal(stage.worker.sessions_count, MANY);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(worker_find(&stage.worker, handles[i]), sessions[i]);
    for (int i = 0; i < MANY; i += 2) {
        stage.session = sessions[i];
        session_close(sessions[i], REASON_SHUTDOWN);
        assert_null(worker_find(&stage.worker, handles[i]));
    }
    stage.worker.slots_free = 0; /* as after many more: they take slots that were used before */
    for (int i = 0; i < 50; i++)
        stage_start(&stage_scripted("", 0)->stream);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(worker_find(&stage.worker, handles[i]), i % 2 ? sessions[i] : NULL);
    assert_null(worker_find(&stage.worker, (struct session_handle){.slot = 1}));
    assert_null(worker_find(&stage.worker, (struct session_handle){.slot = 1u << 30, .serial = 1}));
}

static void test_the_front_is_released(void **state)
{
    struct scripted_stream *front = stage_scripted("", 0);
    (void)state;
    stage.orders.greeted = stay;
    stage_start(&front->stream);
    assert_ptr_equal(session_release_front(stage.session), &front->stream);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_HANDED_OVER);
    assert_int_equal(quota_count(stage.site.quota), 0);
    stage_turns(2);
    assert_false(front->is_closed);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_idle),
        STORY(test_half_closed),
        STORY(test_never),
        STORY(test_the_worker_sweeps),
        STORY(test_reset_that_nobody_watches),
        STORY(test_closed_in_a_callback),
        STORY(test_closed_between_two_turns),
        STORY(test_closed_when_queued_in_the_same_call),
        STORY(test_the_worker_stops),
        STORY(test_quota),
        STORY(test_handles),
        STORY(test_the_front_is_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
