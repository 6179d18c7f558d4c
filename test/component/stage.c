/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the one stage of a test program. Everything runs on the test's thread. */
#include "test/unit/unit.h"

#include "test/component/stage.h"

#include "proxy/base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stage stage;

/* -- the ops ----------------------------------------------------------------------------------------------------------------- */

/* Counts a call; true if it was ordered and done. */
#define ORDERED(name, session) (stage.calls.name++, stage.orders.name != NULL ? (stage.orders.name(session), true) : false)

static void front_greeted(struct session *s)
{
    if (!ORDERED(greeted, s) && door_admit_client(s))
        session_dial(s, SESSION_WEB, &stage.back_ops);
}

static void front_readable(struct session *s)
{
    assert_true(ORDERED(readable, s));
}

static void front_timeout(struct session *s)
{
    assert_true(ORDERED(timeout, s));
}

static bool front_answer(struct session *s)
{
    stage.calls.answer++;
    return stage.orders.answer == NULL || stage.orders.answer(s);
}

static void front_notice(struct session *s)
{
    (void)ORDERED(notice, s);
}

static bool front_refuse(struct session *s, enum reason why)
{
    stage.calls.refuse++;
    stage.told_why = why;
    return stage.orders.refuse != NULL && stage.orders.refuse(s);
}

static void back_dial(struct session *s)
{
    if (!ORDERED(dial, s) && stage.backs[stage.backs_next] != NULL)
        session_take_back(s, stage.backs[stage.backs_next++], stage.back_ms);
}

static void back_greeted(struct session *s)
{
    if (!ORDERED(back_greeted, s))
        session_relay(s);
}

static void back_failed(struct session *s, enum reason why)
{
    stage.told_why = why;
    if (!ORDERED(failed, s))
        session_refuse(s, SESSION_AT_BACK, why);
}

static void back_readable(struct session *s)
{
    (void)ORDERED(back_readable, s);
}

static void back_timeout(struct session *s)
{
    assert_true(ORDERED(back_timeout, s));
}

static void back_lost(struct session *s, enum reason why)
{
    stage.told_why = why;
    if (!ORDERED(lost, s))
        session_refuse(s, SESSION_AT_BACK, why);
}

static void back_ended(struct session *s)
{
    assert_ptr_equal(s, stage.session);
    stage.why = s->why;
    stage.at = s->at;
    stage.up_bytes = s->up.bytes;
    stage.down_bytes = s->down.bytes;
    (void)ORDERED(ended, s);
    stage.session = NULL;
}

void stage_all_ops(void)
{
    stage.front_ops.readable = front_readable;
    stage.front_ops.timeout = front_timeout;
    stage.front_ops.answer = front_answer;
    stage.front_ops.notice = front_notice;
    stage.front_ops.notice_ms = 10;
    stage.front_ops.refuse = front_refuse;
    stage.back_ops.timeout = back_timeout;
    stage.back_ops.lost = back_lost;
}

/* -- the stage --------------------------------------------------------------------------------------------------------------- */

int stage_open(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    memset(&stage, 0, sizeof(stage));
    stage.fds_before = open_fds();
    stage.front_peer = stage.back_peer = -1;
    stage.back_ms = 2000;
    stage.cfg.limits = (struct cfg_limits){.connections = 1000, .per_client = 1000, .greeting = 1000};
    stage.cfg.timeouts = (struct cfg_timeouts){.handshake_s = 5, .dial_ms = 2000, .dead_peer_s = 600};
    stage.front_ops = (struct session_front){.name = "test", .greeted = front_greeted};
    stage.back_ops = (struct session_back){.name = "test",
                                           .dial = back_dial,
                                           .greeted = back_greeted,
                                           .failed = back_failed,
                                           .readable = back_readable,
                                           .ended = back_ended};
    stage.site = (struct site){.cfg = &stage.cfg, .quota = quota_new(&stage.cfg.limits), .main = &stage.main, .workers_count = 1};
    assert_int_equal(log_start(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, NULL), 0);
    assert_int_equal(loop_init(&stage.main, 0), 0);
    assert_int_equal(worker_init(&stage.worker, &stage.site, &stage.cfg), 0);
    return 0;
}

static void close_peer(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int stage_close(void **state)
{
    (void)state;
    stage.orders = (struct stage_orders){0};
    while (!TAILQ_EMPTY(&stage.worker.sessions)) {
        stage.session = TAILQ_FIRST(&stage.worker.sessions);
        session_close(stage.session, REASON_SHUTDOWN);
    }
    assert_int_equal(stage.worker.sessions_count, 0);
    assert_int_equal(quota_count(stage.site.quota), 0);
    assert_int_equal(stage.worker.loop.chunks.borrowed_count, 0);
    assert_int_equal(stage.worker.loop.pipes.lent_count, 0);
    worker_fini(&stage.worker);
    loop_fini(&stage.main);
    quota_free(stage.site.quota);
    log_stop();
    close_peer(&stage.front_peer);
    close_peer(&stage.back_peer);
    while (stage.scripted_count > 0) {
        scripted_fini(stage.scripted[--stage.scripted_count]);
        free(stage.scripted[stage.scripted_count]);
    }
    assert_int_equal(open_fds(), stage.fds_before);
    return 0;
}

struct scripted_stream *stage_scripted(const void *input, size_t size)
{
    struct scripted_stream *s = malloc(sizeof(*s));

    assert_non_null(s);
    assert_true(stage.scripted_count < STAGE_SCRIPTED_MAX);
    scripted_init(s, input, size);
    stage.scripted[stage.scripted_count++] = s;
    return s;
}

static struct stream *real(int *peer, int buffer)
{
    int fd[2];

    assert_int_equal(*peer, -1);
    loopback_pair(fd, buffer);
    *peer = fd[0];
    return loopback_stream(fd[1], &stage.worker.loop.chunks);
}

struct stream *stage_real_front(int buffer)
{
    return real(&stage.front_peer, buffer);
}

struct stream *stage_real_back(int buffer)
{
    return real(&stage.back_peer, buffer);
}

struct session *stage_session(struct stream *front)
{
    assert_int_equal(quota_enter(stage.site.quota, true), REASON_NONE);
    stage.session = session_new(&stage.worker, front, &stage.front_ops);
    assert_non_null(stage.session);
    stage.session->has_entered = stage.session->is_greeting = true;
    stage.session->back_ops = &stage.back_ops; /* so that its end is seen, however early */
    stage.session->ask.client = front->peer;
    if (!address_is_set(&front->peer))
        assert_int_equal(address_parse("192.0.2.7", &stage.session->ask.client), 0);
    return stage.session;
}

void stage_start(struct stream *front)
{
    session_start(stage_session(front), 2000);
}

void stage_relay(int buffer)
{
    stage.backs[0] = stage_real_back(buffer);
    stage_start(stage_real_front(buffer));
    assert_int_equal(stage.session->state, SESSION_RELAY);
}

/* -- turns ------------------------------------------------------------------------------------------------------------------- */

static void nothing(void *arg)
{
    (void)arg; /* the turn that it ends is all that it is for */
}

static void turn(uint64_t ms)
{
    struct deadline late = {0};

    deadline_init(&late, &stage.worker.loop, nothing, NULL);
    deadline_set(&late, ms);
    loop_turn(&stage.worker.loop);
    deadline_clear(&late);
}

void stage_turn(void)
{
    turn(5);
}

void stage_turns(unsigned count)
{
    while (count-- > 0)
        turn(0);
}

ssize_t stage_read_to_end(int fd, uint8_t *into, size_t room, size_t *ret_size)
{
    uint64_t until_ms = clock_ms() + 5000;

    *ret_size = 0;
    for (;;) {
        ssize_t n;

        assert_true(*ret_size < room && clock_ms() < until_ms);
        n = loopback_read(fd, into + *ret_size, room - *ret_size);
        if (n == LOOPBACK_END || n == LOOPBACK_RESET)
            return n;
        if (n > 0)
            *ret_size += (size_t)n;
        else
            stage_turn();
    }
}

void stage_expect(int fd, const char *text)
{
    char got[256];
    size_t size = 0;

    assert_true(strlen(text) < sizeof(got));
    for (uint64_t until_ms = clock_ms() + 5000; size < strlen(text);) {
        ssize_t n = loopback_read(fd, got + size, strlen(text) - size);

        assert_true(n > 0 || n == LOOPBACK_NOTHING);
        assert_true(clock_ms() < until_ms);
        if (n > 0)
            size += (size_t)n;
        else
            stage_turn();
    }
    assert_memory_equal(got, text, size);
}
