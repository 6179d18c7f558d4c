/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a link between the client's connect and the relay's answer. On the session's worker. */
#include "proxy/tunnel/agent_open.h"

#include "proxy/session/dial.h"
#include "proxy/tunnel/channel.h"
#include "tls/identity.h"
#include "tls/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* The relay answers when its own dialling is over. */
#define ANSWER_MS 30000

struct opening {
    struct channel_reader reader;
    unsigned relay;
};

static struct stream *wrap_tls(struct session *s, struct stream *tcp, const struct cfg_endpoint *endpoint)
{
    const struct opening *o = s->scratch;

    (void)endpoint;
    return tls_stream_connect(s->worker->site->agent_tls, tcp, o->relay);
}

static const struct worker_relay *first_relay_up(const struct worker *w, unsigned *ret_index)
{
    for (unsigned i = 0; i < w->cfg->relays_count; i++)
        if (w->relays[i].is_up) {
            *ret_index = i;
            return &w->relays[i];
        }
    return NULL;
}

static void open_dial(struct session *s)
{
    struct opening *o = calloc(1, sizeof(*o));
    const struct worker_relay *relay;

    if (o == NULL) {
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
        return;
    }
    s->scratch = o;
    relay = first_relay_up(s->worker, &o->relay);
    if (relay == NULL) {
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_RELAY);
        return;
    }
    memcpy(s->ask.instance, relay->instance, sizeof(s->ask.instance));
    session_dial_address(s, &relay->address, s->worker->cfg->advise_ports, wrap_tls);
}

static void open_greeted(struct session *s)
{
    struct frame f = {.type = FRAME_OPEN, .client = s->ask.client};
    enum reason why = identity_check_relay(s->back);

    if (why != REASON_NONE) {
        session_refuse(s, SESSION_AT_BACK, why);
        return;
    }
    if (getrandom(&s->ask.stream_id, sizeof(s->ask.stream_id), 0) != sizeof(s->ask.stream_id) || s->ask.stream_id == 0)
        s->ask.stream_id = s->handle.serial;
    f.number = s->ask.stream_id;
    memcpy(f.instance, s->ask.instance, sizeof(f.instance));
    memcpy(f.text, s->ask.name, strlen(s->ask.name) + 1);
    if (!channel_write(s->back, &f)) {
        session_refuse(s, SESSION_AT_BACK, REASON_CHANNEL_LOST);
        return;
    }
    session_early(s, ANSWER_MS);
}

static void open_lost(struct session *s, enum reason why)
{
    session_refuse(s, SESSION_AT_BACK, why == REASON_ANSWER_TIMEOUT ? why : REASON_CHANNEL_LOST);
}

static void open_readable(struct session *s)
{
    struct opening *o = s->scratch;
    struct frame f;
    enum channel_result result = channel_read(&o->reader, s->back, &f);

    if (result == CHANNEL_AGAIN)
        return;
    if (result != CHANNEL_FRAME)
        session_refuse(s, SESSION_AT_BACK, channel_reason(result, s->back));
    else if (f.type == FRAME_OPENED)
        session_relay(s);
    else if (f.type == FRAME_REFUSED)
        session_refuse(s, SESSION_AT_BACK, reason_by_name(f.text, (unsigned)strlen(f.text)));
    else
        session_refuse(s, SESSION_AT_BACK, REASON_PROTOCOL_ERROR);
}

const struct session_back agent_open_back = {
    .name = "tunnel",
    .dial = open_dial,
    .greeted = open_greeted,
    .failed = session_dial_next,
    .readable = open_readable,
    .lost = open_lost,
};
