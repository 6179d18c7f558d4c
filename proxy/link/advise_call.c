/* SPDX-License-Identifier: Apache-2.0 */
/* Owns an advise on its way to a session and back: the server's connection, what was read from it, whom it is for. */
#include "proxy/link/carrier.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/session/session_audit.h"
#include "proxy/session/session_log.h"
#include "proxy/session/tally.h"

#include <stdlib.h>

struct identity identity_of(const struct session_ask *ask)
{
    struct identity identity = {.client = ask->client};

    address_set_port(&identity.client, 0);
    strcpy(identity.behind, ask->behind);
    return identity;
}

static void call_free(struct advise_call *call)
{
    if (call->front != NULL)
        stream_close(call->front, STREAM_CLOSE_RESET);
    else if (call->fd >= 0)
        socket_reset(call->fd);
    site_release_cfg(call->cfg);
    free(call->early);
    free(call);
}

void advise_call_refuse(struct advise_call *call, enum reason why)
{
    struct log_line l;

    tally_mine.refused[SESSION_ADVISE][why]++;
    if (!call->is_quiet)
        session_audit_advise_refused(&call->ask, &call->peers[0], &call->peers[1], why, call->skipped);
    if (!call->is_quiet && log_begin(&l, LOG_LEVEL_INFO, "refuse")) {
        session_log_ask(&l, &call->ask, SESSION_ADVISE);
        log_address(&l, "front", &call->peers[0]);
        log_address(&l, "front_local", &call->peers[1]);
        log_number(&l, "tries", call->tries);
        log_number(&l, "ms", clock_ms() - call->started_ms);
        log_text(&l, "at", "relay");
        session_log_why(&l, why);
        if (call->skipped > 0)
            log_number(&l, "skipped", call->skipped);
        log_end(&l);
    }
    call_free(call);
}

static struct stream *call_front(struct worker *w, struct advise_call *call)
{
    struct stream *front = call->front;

    if (front == NULL)
        front = tcp_stream_accept(call->fd, &call->peers[0], &call->peers[1], &w->loop.chunks);
    call->front = NULL;
    call->fd = -1;
    if (front != NULL)
        front->pool = &w->loop.chunks;
    return front;
}

struct session *advise_call_start(struct worker *w, struct advise_call *call, const struct session_front *front,
                                  const struct session_back *back)
{
    struct stream *stream = call_front(w, call);
    struct session *s = stream != NULL ? session_new(w, stream, front) : NULL;

    if (s == NULL) {
        advise_call_refuse(call, REASON_NO_MEMORY);
        return NULL;
    }
    s->ask = call->ask;
    if (!session_keep(s, call->identity.behind, &s->ask.behind)) {
        s->is_quiet = true; /* the call's line tells of it */
        s->ask = SESSION_ASK_NONE;
        session_reset_front(s); /* what it said is lost */
        session_close(s, REASON_NO_MEMORY);
        advise_call_refuse(call, REASON_NO_MEMORY);
        return NULL;
    }
    s->ask.peer_name = s->ask.behind;
    s->ask.tries = call->tries;
    s->started_ms = call->started_ms;
    s->back_ops = back;
    s->cfg = call->cfg;
    session_give_early(s, call->early, call->is_front_ended);
    call->early = NULL;
    free(call);
    return s;
}

struct advise_call *advise_call_from(struct session *s)
{
    struct advise_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
        return NULL;
    }
    call->site = s->worker->site;
    call->cfg = s->cfg;
    s->cfg = NULL;
    call->fd = -1;
    call->ask = s->ask;
    call->identity = identity_of(&s->ask);
    call->ask.behind = call->ask.peer_name = call->identity.behind;
    call->peers[0] = s->front->peer;
    call->peers[1] = s->front->local;
    call->tries = s->ask.tries;
    call->started_ms = s->started_ms;
    call->early = session_take_early(s, &call->is_front_ended);
    call->front = session_release_front(s);
    return call;
}
