/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how a front is told no, and that it can read it before its connection closes. On the session's worker. */
#include "proxy/session/session_parts.h"

#include <assert.h>

/* LINGER: how long and how much the front may still send before it must have read our answer. */
#define LINGER_MS    2000
#define LINGER_BYTES ((size_t)1024 * 1024)

/* Reads in one turn, so that who sends fast can't hold the worker. */
#define TURN_READS 16

void session_go_on_lingering(struct session *s)
{
    uint8_t dropped[16384];
    ssize_t n = 1;

    if (stream_shut_write(s->front) == STREAM_STEP_FAILED) {
        session_close(s, s->why);
        return;
    }
    for (int turn = 0; turn < TURN_READS && n > 0; turn++) {
        n = stream_read(s->front, dropped, sizeof(dropped));
        if (n > 0)
            s->opening->linger_bytes -= (size_t)n < s->opening->linger_bytes ? (size_t)n : s->opening->linger_bytes;
    }
    if ((n <= 0 && n != STREAM_AGAIN) || s->opening->linger_bytes == 0)
        session_close(s, s->why);
    else if (n > 0)
        loop_call_again(&s->worker->loop, &s->again);
}

/* Reads and drops what the front still sends, so that closing does not send RST before it has read our answer. */
void session_start_linger(struct session *s, uint64_t ms, size_t bytes)
{
    s->opening->linger_bytes = bytes;
    session_set_state(s, SESSION_LINGER);
    session_set_deadline(s, ms);
    session_go_on_lingering(s);
}

void session_refuse(struct session *s, enum session_end at, enum reason why)
{
    bool may_read;

    assert(s->state < SESSION_RELAY);
    session_close_stream(&s->back, s->back_watch, STREAM_CLOSE_RESET);
    if (s->front_ops->serve != NULL && s->state != SESSION_GREET) {
        session_serve(s);
        s->front_ops->serve->refused(s, why);
        return;
    }
    if (s->why == REASON_NONE) {
        s->why = why;
        s->at = at;
    }
    may_read = s->front_ops->refuse != NULL && s->front_ops->refuse(s, s->why);
    if (!may_read) {
        session_close(s, why);
        return;
    }
    session_end_greeting(s);
    session_start_linger(s, LINGER_MS, LINGER_BYTES);
}
