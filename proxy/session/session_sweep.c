/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what is looked at now and then: vanished peers, resets that nobody saw, idle time. On the session's worker. */
#include "proxy/base/clock.h"
#include "proxy/net/socket.h"
#include "proxy/session/session_parts.h"

/* A stream that is not watched at present tells nothing of a reset. */
static bool is_broken_unseen(const struct stream *stream, const struct watch *watch)
{
    return watch->wanted == 0 && vigil_is_broken(stream->fd);
}

/* What is wrong with a stream that nobody reads or writes at present; NONE if nothing is. */
static enum reason look_at(struct session *s, const struct stream *stream, const struct watch *watch, struct vigil *vigil)
{
    if (stream == NULL)
        return REASON_NONE;
    if (!vigil_check(vigil, stream->fd, s->worker->cfg->timeouts.dead_peer_s))
        return REASON_FRONT_VANISHED;
    return is_broken_unseen(stream, watch) ? REASON_FRONT_RESET : REASON_NONE;
}

/* A connection that lives until a sweep is one that may become idle; most of a web server's do not. */
void session_guard(const struct session *s, struct stream *stream)
{
    const struct cfg_timeouts *t = &s->worker->cfg->timeouts;

    if (stream == NULL || stream->is_guarded || stream->fd < 0)
        return;
    stream->is_guarded = true;
    socket_guard(stream->fd, t->dead_peer_s, t->firewall_idle_s);
}

static bool sweep_streams(struct session *s)
{
    enum reason why = look_at(s, s->front, &s->front_watch, &s->front_vigil);

    if (why != REASON_NONE) {
        session_break(s, true, why);
        return false;
    }
    why = look_at(s, s->back, s->back_watch, &s->back_vigil);
    if (why == REASON_NONE)
        return true;
    if (s->state == SESSION_SERVE)
        s->front_ops->serve->back_lost(s, session_side_reason(why, false));
    else
        session_break(s, false, why);
    session_update(s);
    return false;
}

void session_sweep(struct session *s)
{
    long half_closed_s = s->worker->cfg->timeouts.half_closed_s;
    uint64_t quiet_ms;

    session_guard(s, s->front);
    session_guard(s, s->back);
    if ((s->state != SESSION_RELAY && s->state != SESSION_SERVE) || !sweep_streams(s))
        return;
    quiet_ms = clock_ms() - s->moved_ms;
    if (s->state == SESSION_SERVE && s->back == NULL)
        return; /* between two messages other deadlines count */
    if (s->idle_s > 0 && quiet_ms >= (uint64_t)s->idle_s * 1000)
        session_close(s, REASON_IDLE_TIMEOUT);
    else if (half_closed_s > 0 && s->has_ended && quiet_ms >= (uint64_t)half_closed_s * 1000)
        session_close(s, REASON_HALF_CLOSED_TIMEOUT);
}
