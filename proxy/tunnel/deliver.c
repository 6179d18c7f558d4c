/* SPDX-License-Identifier: Apache-2.0 */
/* Owns an advise between DELIVER and the agent's answer. On the worker where the spare channel lives. */
#include "proxy/tunnel/deliver.h"

#include "proxy/net/socket.h"
#include "proxy/session/reach.h"
#include "proxy/tunnel/channel.h"
#include "proxy/tunnel/relay_accept.h"
#include "proxy/tunnel/seats.h"
#include "proxy/tunnel/waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct delivery {
    struct channel_reader reader;
    struct stream *channel; /* until session_take_back() */
    uint64_t sign_ms;       /* a sign of life must come within */
    unsigned frames;        /* read so far */
    bool is_dialling;       /* the agent has the request: it must not be sent to another channel any more */
};

static void deliver_dial(struct session *s)
{
    struct delivery *d = s->scratch;
    struct stream *channel = d->channel;

    d->channel = NULL;
    session_take_back(s, channel, d->sign_ms);
}

/* DELIVER and the first bytes leave in one segment: the agent wakes once, and dials with the bytes at hand. */
static void deliver_greeted(struct session *s)
{
    const struct delivery *d = s->scratch;
    const struct stream *channel = s->back;
    struct frame f = {.type = FRAME_DELIVER, .client = s->ask.client};

    s->ask.tries++;
    /* A new id for each try, so that the agent's log tells them apart. */
    s->ask.stream_id = reach_draw_id(s->handle.serial);
    f.number = s->ask.stream_id;
    memcpy(f.text, s->ask.name, strlen(s->ask.name) + 1);
    socket_hold(channel->fd, true);
    (void)channel_write(s->back, &f); /* one that is broken shows that when it is read */
    session_early(s, d->sign_ms);
    if (s->back == channel) /* else it broke and is closed */
        socket_hold(channel->fd, false);
}

/* The channel is gone, and nobody at the other end has begun: to the seat, for another one. */
static void try_another(struct session *s, enum reason why)
{
    struct worker *w = s->worker;
    struct advise_call *call;

    if (s->ask.tries >= ADVISE_TRIES || w->is_draining) {
        session_refuse(s, SESSION_AT_BACK, why);
        return;
    }
    call = advise_call_from(s);
    if (call != NULL)
        seats_try_again(w, call);
}

static void deliver_lost(struct session *s, enum reason why)
{
    const struct delivery *d = s->scratch;

    if (why != REASON_ANSWER_TIMEOUT)
        why = REASON_CHANNEL_LOST;
    if (d->is_dialling) {
        session_refuse(s, SESSION_AT_BACK, why);
        return;
    }
    session_drop_back(s);
    try_another(s, why);
}

/* It broke before DELIVER could be said. */
static void deliver_failed(struct session *s, enum reason why)
{
    (void)why;
    s->ask.tries++;
    try_another(s, REASON_CHANNEL_LOST);
}

static void deliver_readable(struct session *s)
{
    struct delivery *d = s->scratch;

    while (d->frames++ <= TUNNEL_FRAMES_MAX) {
        struct frame f;
        enum channel_result result = channel_read(&d->reader, s->back, &f);

        if (result == CHANNEL_AGAIN) {
            d->frames--;
            return;
        }
        if (result != CHANNEL_FRAME) {
            deliver_lost(s, channel_reason(result, s->back));
            return;
        }
        switch (f.type) {
        case FRAME_PONG:
            break;
        case FRAME_DIALLING:
            if (d->is_dialling) {
                session_refuse(s, SESSION_AT_BACK, REASON_PROTOCOL_ERROR);
                return;
            }
            d->is_dialling = true;
            session_set_deadline(s, TUNNEL_ANSWER_MS);
            break;
        case FRAME_OPENED:
            session_relay(s);
            return;
        case FRAME_REFUSED:
            session_refuse(s, SESSION_AT_BACK, reason_by_name(f.text, (unsigned)strlen(f.text)));
            return;
        default:
            session_refuse(s, SESSION_AT_BACK, REASON_PROTOCOL_ERROR);
            return;
        }
    }
    session_refuse(s, SESSION_AT_BACK, REASON_PROTOCOL_ERROR);
}

static void deliver_ended(struct session *s)
{
    struct delivery *d = s->scratch;

    if (d != NULL && d->channel != NULL)
        stream_close(d->channel, STREAM_CLOSE_RESET);
}

static const struct session_back deliver_back = {
    .name = "tunnel",
    .dial = deliver_dial,
    .greeted = deliver_greeted,
    .failed = deliver_failed,
    .readable = deliver_readable,
    .lost = deliver_lost,
    .ended = deliver_ended,
};

static void advise_greeted(struct session *s)
{
    session_dial(s, SESSION_ADVISE, &deliver_back);
}

static const struct session_front advise_front = {.name = "advise", .greeted = advise_greeted};

static void start(struct worker *w, struct advise_call *call, struct delivery *d)
{
    struct session *s = advise_call_start(w, call, &advise_front, &deliver_back);

    if (s == NULL) {
        stream_close(d->channel, STREAM_CLOSE_RESET);
        free(d);
        return;
    }
    s->scratch = d;
    session_start(s, (uint64_t)w->cfg->timeouts.handshake_s * 1000);
}

static void call_on_worker(struct mail *m, struct loop *loop)
{
    struct advise_call *call = (struct advise_call *)m;
    struct worker *w = worker_of(loop);
    struct delivery *d = calloc(1, sizeof(*d));
    uint64_t round_ms = 0;

    if (d == NULL) {
        advise_call_refuse(call, REASON_NO_MEMORY);
        return;
    }
    d->channel = relay_take_spare(w, call->channel, &d->reader, &round_ms);
    if (d->channel == NULL) {
        free(d);
        seats_try_again(w, call);
        return;
    }
    d->sign_ms = tunnel_sign_ms(round_ms);
    start(w, call, d);
}

static void drop_call(struct mail *m)
{
    advise_call_refuse((struct advise_call *)m, REASON_SHUTDOWN);
}

void deliver_call(struct advise_call *call)
{
    call->mail.deliver = call_on_worker;
    call->mail.drop = drop_call;
    site_post(call->site, call->channel.worker, &call->mail);
}
