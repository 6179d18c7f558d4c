/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps by which a session gets its back stream and lets it go again. On the session's worker. */
#include "proxy/base/clock.h"
#include "proxy/net/socket.h"
#include "proxy/session/session_audit.h"
#include "proxy/session/session_parts.h"
#include "proxy/session/tally.h"

#include <assert.h>
#include <stdlib.h>

void session_dial(struct session *s, enum session_kind kind, const struct session_back *ops)
{
    s->kind = kind;
    s->back_ops = ops;
    session_end_greeting(s);
    session_rest_deadline(s);
    session_set_state(s, SESSION_DIAL);
    if (s->front_ops->notice != NULL)
        session_set_notice(s, s->front_ops->notice_ms, (uint64_t)s->worker->cfg->timeouts.dial_ms);
    ops->dial(s);
}

static bool make_back_watch(struct session *s)
{
    struct watch *watch = watch_new(&s->worker->loop, NULL, NULL);

    if (watch != NULL)
        session_own_back_watch(s, watch);
    return watch != NULL;
}

void session_note_back(struct session *s)
{
    s->opening->back_peer = s->back->peer;
    s->opening->back_local = s->back->local;
}

void session_take_back(struct session *s, struct stream *back, uint64_t ms)
{
    assert(s->state == SESSION_DIAL && s->back == NULL);
    if (s->back_watch == NULL && !make_back_watch(s)) {
        stream_close(back, STREAM_CLOSE_RESET);
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
        return;
    }
    s->back = back;
    s->opening->back_peer = back->peer;
    if (s->opening->notice_rest_ms == 0)
        session_set_deadline(s, ms);
    session_greet_back(s);
}

static void retain_up(struct session *s)
{
    pump_init(&s->up, &s->worker->loop, s->front, NULL);
    pump_retain(&s->up);
}

void session_give_early(struct session *s, struct chunk *early, bool is_ended)
{
    retain_up(s);
    s->up.chunk = early;
    if (early != NULL)
        s->worker->loop.chunks.borrowed_count++;
    s->up.has_ended = is_ended;
    if (is_ended)
        s->up.state = PUMP_DRAINING;
}

struct chunk *session_take_early(struct session *s, bool *ret_is_ended)
{
    struct chunk *early = s->up.chunk;

    s->up.chunk = NULL;
    if (early != NULL)
        s->worker->loop.chunks.borrowed_count--;
    *ret_is_ended = s->up.has_ended;
    return early;
}

void session_early(struct session *s, uint64_t ms)
{
    if (s->up.loop == NULL)
        retain_up(s);
    pump_connect(&s->up, s->back);
    session_set_state(s, SESSION_EARLY);
    session_set_deadline(s, ms);
    (void)session_run_pump(s, &s->up);
}

void session_drop_back(struct session *s)
{
    assert(s->state == SESSION_EARLY);
    session_close_stream(&s->back, s->back_watch, STREAM_CLOSE_RESET);
    session_set_state(s, SESSION_DIAL);
}

void session_gate_up(struct session *s, struct pump_gate *gate)
{
    assert(s->state == SESSION_DIAL && s->up.loop == NULL);
    pump_init(&s->up, &s->worker->loop, s->front, NULL);
    pump_set_gate(&s->up, gate);
}

static void count_delivery(const struct session *s)
{
    tally_mine.advises_delivered++;
    tally_time(&tally_mine.advise_time, clock_ms() - s->started_ms);
}

void session_relay(struct session *s)
{
    struct loop *loop = &s->worker->loop;

    if (s->front_ops->answer != NULL && !s->front_ops->answer(s)) {
        session_break(s, true, REASON_FRONT_RESET);
        return;
    }
    if (s->up.loop == NULL)
        pump_init(&s->up, loop, s->front, s->back);
    else if (s->state != SESSION_EARLY)
        pump_connect(&s->up, s->back);
    pump_commit(&s->up);
    pump_init(&s->down, loop, s->back, s->front);
    session_end_opening(s);
    free(s->scratch);
    s->scratch = NULL;
    s->has_relayed = true;
    s->moved_ms = loop_now_ms(loop);
    if (s->kind == SESSION_ADVISE)
        count_delivery(s);
    session_set_state(s, SESSION_RELAY);
    session_audit_open(s);
    session_run_relay(s, true, true);
}
