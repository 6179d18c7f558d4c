/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the agent's spare channels. On workers; opened on order of the main loop (proxy/tunnel/uplinks.c). */
#include "proxy/tunnel/spare.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/link/client_side.h"
#include "proxy/link/machine.h"
#include "proxy/link/ranges.h"
#include "proxy/link/server_side.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/session/door.h"
#include "proxy/session/session_log.h"
#include "proxy/tunnel/answer.h"
#include "proxy/tunnel/channel.h"
#include "proxy/tunnel/uplinks.h"
#include "tls/identity.h"
#include "tls/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The relay pings at least every minute (docs/tunnel-protocol.md, section 2); three times that is silence. */
#define SILENCE_MS ((uint64_t)3 * 60000)

/* Frames read in one turn. */
#define FRAME_BUDGET 8

struct spare {
    struct channel_reader reader;
    unsigned relay;
};

static const struct session_front spare_front;

static void spare_ended(struct session *s)
{
    const struct spare *spare = s->scratch;

    uplinks_spare_done(s->worker, spare->relay, s->ask.instance, false);
}

static const struct session_back spare_back = {.name = "spare", .ended = spare_ended};

/* -- the relay asks ------------------------------------------------------------------------------------------------------------
 */

static enum reason check_delivery(const struct worker *w, const struct address *client)
{
    if (!machine_lets_in(w, client, NULL))
        return REASON_CLIENT_NOT_ALLOWED;
    if (machine_listens_at(w, client))
        return REASON_PORT_NOT_ALLOWED;
    return port_range_contains(&w->cfg->advise_ports, address_port(client)) ? REASON_NONE : REASON_PORT_NOT_ALLOWED;
}

/* The relay has taken the channel: no longer a spare one. */
static void become(struct session *s, enum session_kind kind, const struct frame *f)
{
    s->back_ops = NULL;
    s->is_quiet = false;
    s->kind = kind;
    s->started_ms = clock_ms();
    s->ask.client = f->client;
    s->ask.stream_id = f->number;
    (void)session_keep(s, f->text, &s->ask.name);
    s->front_ops = &answer_front_notice;
}

static void take_delivery(struct session *s, const struct frame *f)
{
    enum reason why = check_delivery(s->worker, &f->client);

    become(s, SESSION_ADVISE, f);
    if (why != REASON_NONE)
        session_refuse(s, SESSION_AT_RELAY, why);
    else
        session_dial(s, SESSION_ADVISE, &client_side_deliver);
}

static const struct cfg_link *entry_by_name(const struct cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->servers_count; i++)
        if (strcmp(cfg->servers[i].name, name) == 0)
            return &cfg->servers[i];
    return NULL;
}

/* A name that could be an agent's, or none: it goes into the log and the state file. */
static bool is_group(const char *behind)
{
    return behind[0] == '\0' || (identity_name_is_valid(behind) && strcmp(behind, "direct") != 0);
}

/* The relay itself, whose health checks need no lease. */
static bool is_anonymous(const struct frame *f)
{
    return address_is_any(&f->client);
}

static enum reason check_ask(const struct session *s, const struct frame *f)
{
    const struct cfg_link *entry = entry_by_name(s->worker->cfg, f->text);

    if (!is_group(f->behind))
        return REASON_PROTOCOL_ERROR;
    if (entry == NULL)
        return REASON_LINK_UNKNOWN;
    if (is_anonymous(f) && entry->advise.addressing != CFG_ADDRESSING_OFF)
        return REASON_CLIENT_NOT_ALLOWED;
    if (s->worker->is_draining)
        return REASON_SHUTDOWN;
    return ranges_check(entry, f->port);
}

/* Counts as a connection from outside does. */
static enum reason enter(struct session *s)
{
    enum reason why = quota_enter(s->worker->site->quota, false);

    s->has_entered = why == REASON_NONE;
    return why;
}

static void take_ask(struct session *s, const struct frame *f)
{
    enum reason why = check_ask(s, f);

    become(s, SESSION_LINK, f);
    if (is_group(f->behind) && !session_keep(s, f->behind, &s->ask.behind))
        why = REASON_NO_MEMORY;
    s->ask.peer_name = s->ask.behind;
    if (why == REASON_NONE)
        why = enter(s);
    if (why != REASON_NONE) {
        session_refuse(s, SESSION_AT_RELAY, why);
        return;
    }
    s->ask.port = f->port;
    s->ask.link = entry_by_name(s->worker->cfg, f->text);
    if (is_anonymous(f))
        s->ask.client = (struct address){0};
    if (is_anonymous(f) || door_admit_client(s))
        session_dial(s, SESSION_LINK, &server_side_back);
}

/*
 * DELIVER or ASK. The next channel is ordered when what the relay asked for is under way, or done where the client answers at
 * once: whoever waits for that goes before a handshake.
 */
static void be_taken(struct session *s, const struct frame *f)
{
    unsigned relay = ((const struct spare *)s->scratch)->relay;
    uint8_t instance[FRAME_INSTANCE];

    memcpy(instance, s->ask.instance, sizeof(instance));
    if (f->type == FRAME_DELIVER)
        take_delivery(s, f);
    else
        take_ask(s, f);
    uplinks_spare_done(s->worker, relay, instance, true);
}

/* Spare channels come and go with the tunnel, which has its own lines. Of their ends only those are told that need mending. */
static void end_spare(struct session *s, enum reason why)
{
    s->is_quiet = why == REASON_CHANNEL_LOST || why == REASON_STALE_CHANNEL || why == REASON_SURPLUS;
    session_close(s, why);
}

static bool take_frame(struct session *s, const struct frame *f)
{
    struct frame pong = {.type = FRAME_PONG, .number = f->number};

    switch (f->type) {
    case FRAME_PING:
        session_set_deadline(s, SILENCE_MS);
        if (channel_write(s->front, &pong))
            return true;
        end_spare(s, REASON_CHANNEL_LOST);
        return false;
    case FRAME_DELIVER:
    case FRAME_ASK:
        be_taken(s, f);
        return false;
    case FRAME_REFUSED:
        end_spare(s, reason_by_name(f->text, (unsigned)strlen(f->text)));
        return false;
    default:
        end_spare(s, REASON_PROTOCOL_ERROR);
        return false;
    }
}

static void spare_readable(struct session *s)
{
    struct spare *spare = s->scratch;

    for (int i = 0; i < FRAME_BUDGET; i++) {
        struct frame f;
        enum channel_result result = channel_read(&spare->reader, s->front, &f);

        if (result == CHANNEL_AGAIN)
            return;
        if (result != CHANNEL_FRAME) {
            end_spare(s, channel_reason(result, s->front));
            return;
        }
        if (!take_frame(s, &f))
            return;
    }
}

/* -- opening -------------------------------------------------------------------------------------------------------------------
 */

static void spare_greeted(struct session *s)
{
    struct frame f = {.type = FRAME_SPARE};
    enum reason why = identity_check_relay(s->front);

    if (why != REASON_NONE) {
        session_close(s, why);
        return;
    }
    memcpy(f.instance, s->ask.instance, sizeof(f.instance));
    s->is_quiet = true; /* not before: a relay that can't be reached here would have advises fail without a word at this end */
    if (!channel_write(s->front, &f)) {
        end_spare(s, REASON_CHANNEL_LOST);
        return;
    }
    session_set_deadline(s, SILENCE_MS);
    spare_readable(s);
}

static void spare_timeout(struct session *s)
{
    session_close(s, REASON_HEARTBEAT_LOST);
}

static const struct session_front spare_front = {
    .name = "spare",
    .greeted = spare_greeted,
    .readable = spare_readable,
    .timeout = spare_timeout,
};

struct open_mail {
    struct mail mail;
    unsigned relay;
    struct address to;
    uint8_t instance[FRAME_INSTANCE];
};

static struct stream *dial_relay(struct worker *w, const struct open_mail *mail, enum reason *ret_why)
{
    int fd = socket_dial(&mail->to, NULL, w->cfg->advise_ports, ret_why);
    struct stream *tcp = fd >= 0 ? tcp_stream_connect(fd, &mail->to, ACCOUNT_RELAY, &w->loop.chunks) : NULL;

    return tcp != NULL ? tls_stream_connect(site_agent_tls(w->site), tcp, mail->relay) : NULL;
}

static void log_not_opened(struct worker *w, const struct open_mail *mail, enum reason why)
{
    struct log_line l;
    uint64_t skipped;

    if (!session_log_may(&w->refusals[why], &skipped) || !log_begin(&l, LOG_LEVEL_INFO, "refuse"))
        return;
    log_text(&l, "kind", "tunnel");
    log_address(&l, "front", &mail->to);
    log_text(&l, "at", "relay");
    log_text(&l, "why", reason_name(why));
    if (skipped > 0)
        log_number(&l, "skipped", skipped);
    log_end(&l);
}

static bool open_now(struct worker *w, const struct open_mail *mail)
{
    enum reason why = REASON_NO_MEMORY;
    struct spare *spare = calloc(1, sizeof(*spare));
    struct stream *front = spare != NULL ? dial_relay(w, mail, &why) : NULL;
    struct session *s = front != NULL ? session_new(w, front, &spare_front) : NULL;

    if (s == NULL) {
        log_not_opened(w, mail, why);
        free(spare);
        return false;
    }
    spare->relay = mail->relay;
    s->scratch = spare;
    s->back_ops = &spare_back;
    s->kind = SESSION_TUNNEL;
    memcpy(s->ask.instance, mail->instance, sizeof(s->ask.instance));
    session_start(s, (uint64_t)w->cfg->timeouts.dial_ms + (uint64_t)w->cfg->timeouts.handshake_s * 1000);
    return true;
}

static void open_on_worker(struct mail *m, struct loop *loop)
{
    const struct open_mail *mail = (struct open_mail *)m;
    struct worker *w = worker_of(loop);

    if (!open_now(w, mail))
        uplinks_spare_done(w, mail->relay, mail->instance, false);
    free(m);
}

static void open_mail_drop(struct mail *m)
{
    free(m);
}

bool spare_open(struct worker *w, unsigned relay, const struct address *to, const uint8_t instance[FRAME_INSTANCE])
{
    struct open_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL)
        return false;
    mail->mail.deliver = open_on_worker;
    mail->mail.drop = open_mail_drop;
    mail->relay = relay;
    mail->to = *to;
    memcpy(mail->instance, instance, FRAME_INSTANCE);
    loop_post(&w->loop, &mail->mail);
    return true;
}

void spare_close_stale(struct worker *w, unsigned relay, const uint8_t instance[FRAME_INSTANCE])
{
    struct session *s, *next;

    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        if (s->front_ops == &spare_front && ((struct spare *)s->scratch)->relay == relay &&
            memcmp(s->ask.instance, instance, FRAME_INSTANCE) != 0)
            end_spare(s, REASON_STALE_CHANNEL);
    }
}
