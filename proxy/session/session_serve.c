/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls of a front that moves messages (state SERVE). On the session's worker. */
#include "proxy/base/clock.h"
#include "proxy/session/dial.h"
#include "proxy/session/session_parts.h"

#include <assert.h>

void session_serve(struct session *s)
{
    session_end_greeting(s);
    session_dial_end(s);
    session_rest_deadline(s);
    s->has_relayed = true;
    if (s->state != SESSION_SERVE)
        session_set_state(s, SESSION_SERVE);
}

void session_close_back(struct session *s, enum stream_close how)
{
    session_close_stream(&s->back, s->back_watch, how);
    s->back_vigil = (struct vigil){0};
}

struct stream *session_release_back(struct session *s, struct watch **ret_watch)
{
    struct stream *back = s->back;

    session_guard(s, back); /* nobody sweeps it where it goes */
    *ret_watch = s->back_watch;
    s->back_watch = NULL;
    s->back = NULL;
    s->back_vigil = (struct vigil){0};
    return back;
}

void session_give_back(struct session *s, struct stream *back, struct watch *watch)
{
    assert(s->state == SESSION_SERVE && s->back == NULL);
    session_own_back_watch(s, watch);
    s->back = back;
    session_note_back(s);
}

static void start_pump(struct session *s, struct pump *p, struct stream *from, struct stream *to, struct chunk *first)
{
    uint64_t bytes = p->bytes;

    pump_init(p, &s->worker->loop, from, to);
    p->bytes = bytes;
    p->chunk = first;
}

void session_upgrade(struct session *s, struct chunk *up, struct chunk *down)
{
    assert(s->state == SESSION_SERVE);
    start_pump(s, &s->up, s->front, s->back, up);
    start_pump(s, &s->down, s->back, s->front, down);
    session_end_opening(s);
    s->moved_ms = loop_now_ms(&s->worker->loop);
    session_set_state(s, SESSION_RELAY);
    session_run_relay(s, true, true);
}

void session_linger(struct session *s, enum session_end at, enum reason why, uint64_t ms, size_t bytes)
{
    assert(s->state == SESSION_SERVE);
    session_close_back(s, STREAM_CLOSE_RESET);
    if (s->why == REASON_NONE) {
        s->why = why;
        s->at = at;
    }
    session_start_linger(s, ms, bytes);
}

void session_note_moved(struct session *s, bool is_up)
{
    s->moved_ms = loop_now_ms(&s->worker->loop);
    (is_up ? &s->back_vigil : &s->front_vigil)->has_written = true;
}

void session_drain(struct session *s)
{
    if (s->state == SESSION_SERVE && s->front_ops->serve->drain != NULL)
        s->front_ops->serve->drain(s);
    session_update(s);
}
