/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a link between the client's connect and the relay's answer, and an advise between the server's connect and that. On the
 * session's worker. */
#include "proxy/tunnel/agent_open.h"

#include "proxy/session/dial.h"
#include "proxy/session/reach.h"
#include "proxy/tunnel/channel.h"
#include "tls/identity.h"
#include "tls/stream.h"

#include <stdlib.h>
#include <string.h>

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
    return tls_stream_connect(site_agent_tls(s->worker->site), tcp, o->relay);
}

/* The one with this control channel, else the first that is up. */
static const struct worker_relay *find_relay(const struct worker *w, const uint8_t *instance, unsigned *ret_index)
{
    const struct worker_relay *found = NULL;

    for (unsigned i = (unsigned)w->cfg->relays_count; i-- > 0;) {
        const struct worker_relay *relay = &w->relays[i];
        bool is_the_one = instance != NULL && memcmp(relay->instance, instance, sizeof(relay->instance)) == 0;

        if (!relay->is_up)
            continue;
        found = relay;
        *ret_index = i;
        if (is_the_one)
            break;
    }
    return found;
}

/* What it is asked for came with this version of the protocol (docs/tunnel-protocol.md, section 10). */
static unsigned version_of(const struct session *s)
{
    return s->kind == SESSION_ADVISE || s->ask.port != 0 ? 2 : 1;
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
    relay = find_relay(s->worker, s->kind == SESSION_ADVISE ? s->ask.instance : NULL, &o->relay);
    if (relay == NULL || relay->version < version_of(s)) {
        session_refuse(s, SESSION_AT_RELAY, relay == NULL ? REASON_NO_RELAY : REASON_VERSION_MISMATCH);
        return;
    }
    memcpy(s->ask.instance, relay->instance, sizeof(s->ask.instance));
    session_dial_address(s, &relay->address, s->worker->cfg->advise_ports, wrap_tls);
}

static enum frame_type request_of(const struct session *s)
{
    if (s->kind == SESSION_ADVISE)
        return FRAME_HAND;
    return s->ask.port != 0 ? FRAME_OPEN_AT : FRAME_OPEN;
}

static void open_greeted(struct session *s)
{
    struct frame f = {.type = request_of(s), .client = s->ask.client, .port = s->ask.port};
    enum reason why = identity_check_relay(s->back);

    if (why != REASON_NONE) {
        session_refuse(s, SESSION_AT_BACK, why);
        return;
    }
    s->ask.stream_id = reach_draw_id(s->handle.serial);
    f.number = s->ask.stream_id;
    memcpy(f.instance, s->ask.instance, sizeof(f.instance));
    strcpy(f.text, s->ask.name);
    strcpy(f.behind, s->ask.behind);
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
    .purpose = ACCOUNT_RELAY,
    .dial = open_dial,
    .greeted = open_greeted,
    .failed = session_dial_next,
    .readable = open_readable,
    .lost = open_lost,
};

const struct session_back agent_hand_back = {
    .name = "tunnel",
    .purpose = ACCOUNT_RELAY,
    .dial = open_dial,
    .greeted = open_greeted,
    .failed = session_dial_next,
    .readable = open_readable,
    .lost = open_lost,
};
