/* SPDX-License-Identifier: Apache-2.0 */
/* Owns tunnel connections between greeting and their first request, and parked spare channels. On the session's worker. */
#include "proxy/tunnel/relay_accept.h"

#include "proxy/base/clock.h"
#include "proxy/link/ranges.h"
#include "proxy/link/server_side.h"
#include "proxy/session/admit.h"
#include "proxy/session/door.h"
#include "proxy/tunnel/answer.h"
#include "proxy/tunnel/hand.h"
#include "proxy/tunnel/seats.h"
#include "tls/identity.h"
#include "tls/revoked.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Unanswered frames that were on their way when a channel changed its use are few. */
#define FRAME_BUDGET 8

/* -- parked spare channels -----------------------------------------------------------------------------------------------------
 */

struct parked {
    struct channel_reader reader; /* first: it may have begun the next frame already */
    uint64_t pinged_ms;           /* when that was */
    uint64_t round_ms;            /* how long the last answer took */
    uint64_t ping;                /* the number of the PING that was sent last */
    bool is_answered;
    bool is_offered; /* the seat knows it */
};

static uint64_t heartbeat_ms(const struct session *s)
{
    return (uint64_t)s->worker->cfg->tunnel.heartbeat_ms;
}

static void ping_spare(struct session *s)
{
    struct parked *p = s->scratch;
    struct frame f = {.type = FRAME_PING, .number = ++p->ping};

    p->is_answered = false;
    p->pinged_ms = clock_ms();
    if (!channel_write(s->front, &f)) {
        session_close(s, REASON_CHANNEL_LOST);
        return;
    }
    session_set_deadline(s, heartbeat_ms(s));
}

/* That a channel is gone is ordinary and quiet; that its other end breaks the protocol is not. */
static void end_parked(struct session *s, enum reason why)
{
    s->is_quiet = why == REASON_CHANNEL_LOST;
    session_close(s, why);
}

static void parked_timeout(struct session *s)
{
    const struct parked *p = s->scratch;

    if (!p->is_answered)
        session_close(s, REASON_HEARTBEAT_LOST);
    else
        ping_spare(s);
}

static void parked_readable(struct session *s)
{
    struct parked *p = s->scratch;

    for (int i = 0; i < FRAME_BUDGET; i++) {
        struct frame f;
        enum channel_result result = channel_read(&p->reader, s->front, &f);

        if (result == CHANNEL_AGAIN)
            return;
        if (result != CHANNEL_FRAME || f.type != FRAME_PONG || f.number != p->ping) {
            end_parked(s, result == CHANNEL_FRAME ? REASON_PROTOCOL_ERROR : channel_reason(result, s->front));
            return;
        }
        if (!p->is_answered)
            p->round_ms = clock_ms() - p->pinged_ms;
        p->is_answered = true;
        if (!p->is_offered) {
            p->is_offered = true;
            seats_spare_ready(s->worker, s->ask.agent, s->ask.instance, s->handle);
        }
    }
}

static const struct session_front parked_front = {
    .name = "spare",
    .greeted = parked_readable,
    .readable = parked_readable,
    .timeout = parked_timeout,
    .refuse = answer_refuse,
};

static void parked_ended(struct session *s)
{
    seats_spare_gone(s->worker, s->ask.agent, s->handle);
}

static const struct session_back parked_back = {.name = "spare", .ended = parked_ended};

static void park(struct session *s, const struct frame *f)
{
    struct parked *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
        return;
    }
    free(s->scratch);
    s->scratch = p;
    s->is_quiet = true;
    s->front_ops = &parked_front;
    s->back_ops = &parked_back;
    memcpy(s->ask.instance, f->instance, sizeof(s->ask.instance));
    session_end_greeting(s);
    ping_spare(s);
}

struct close_mail {
    struct mail mail;
    struct session_handle spare;
    enum reason why;
};

static void close_mail_drop(struct mail *m)
{
    free(m);
}

static void close_on_worker(struct mail *m, struct loop *loop)
{
    struct close_mail *mail = (struct close_mail *)m;
    struct session *s = worker_find(worker_of(loop), mail->spare);

    if (s != NULL && s->front_ops == &parked_front && s->state == SESSION_CHOOSE) {
        session_refuse(s, SESSION_AT_RELAY, mail->why);
        session_update(s);
    }
    free(mail);
}

void relay_close_spare(struct site *site, struct session_handle spare, enum reason why)
{
    struct close_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL)
        return; /* its agent closes it, or its heartbeat */
    mail->mail.deliver = close_on_worker;
    mail->mail.drop = close_mail_drop;
    mail->spare = spare;
    mail->why = why;
    site_post(site, spare.worker, &mail->mail);
}

void relay_close_spares(struct worker *w)
{
    struct session *s, *next;

    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        if (s->front_ops != &parked_front || s->state != SESSION_CHOOSE)
            continue;
        session_refuse(s, SESSION_AT_RELAY, REASON_SURPLUS);
        session_update(s);
    }
}

/* -- an agent that is known no more --------------------------------------------------------------------------------------------
 */

struct cut_mail {
    struct mail mail;
    char agent[SESSION_NAME_MAX + 1];
    enum reason why;
};

static void cut_mail_drop(struct mail *m)
{
    free(m);
}

static bool is_of_agent(const struct session *s, const char *name)
{
    const struct session_ask *ask = &s->ask;

    if (ask->agent != NULL && strcmp(ask->agent->name, name) == 0)
        return true;
    if (strcmp(ask->behind, name) == 0 || strcmp(ask->peer_name, name) == 0)
        return true;
    return ask->link != NULL && ask->link->server.agent != NULL && strcmp(ask->link->server.agent, name) == 0;
}

static void cut_on_worker(struct mail *m, struct loop *loop)
{
    struct cut_mail *mail = (struct cut_mail *)m;
    struct worker *w = worker_of(loop);
    struct session *s, *next;

    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        if (is_of_agent(s, mail->agent))
            session_close(s, mail->why);
    }
    free(mail);
}

void relay_cut_agent(struct site *site, const char *name, enum reason why)
{
    SITE_EACH(w, site)
    {
        struct cut_mail *mail = calloc(1, sizeof(*mail));

        if (mail == NULL)
            abort(); /* who has lost its rights must not stay */
        mail->mail.deliver = cut_on_worker;
        mail->mail.drop = cut_mail_drop;
        mail->why = why;
        snprintf(mail->agent, sizeof(mail->agent), "%s", name);
        loop_post(&w->loop, &mail->mail);
    }
}

struct stream *relay_take_spare(struct worker *w, struct session_handle spare, struct channel_reader *ret_reader,
                                uint64_t *ret_round_ms)
{
    struct session *s = worker_find(w, spare);
    const struct parked *p;

    if (s == NULL || s->front_ops != &parked_front || s->state != SESSION_CHOOSE)
        return NULL;
    p = s->scratch;
    *ret_reader = p->reader;
    *ret_round_ms = p->round_ms;
    s->back_ops = NULL; /* the seat itself has given the channel out: no mail that it is gone */
    return session_release_front(s);
}

/* -- the first frame -----------------------------------------------------------------------------------------------------------
 */

const struct cfg_agent *relay_agent_by_name(const struct cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (strcmp(cfg->tunnel.agents[i].name, name) == 0)
            return &cfg->tunnel.agents[i];
    return NULL;
}

static const struct cfg_link *link_by_name(const struct cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        if (strcmp(cfg->links[i].name, name) == 0)
            return &cfg->links[i];
    return NULL;
}

bool relay_agent_has_link(const struct cfg_agent *agent, const char *link)
{
    for (size_t i = 0; i < agent->links_count; i++)
        if (strcmp(agent->links[i].text, link) == 0)
            return true;
    return false;
}

bool relay_agent_has_client(const struct cfg_agent *agent, const struct address *client)
{
    for (size_t i = 0; i < agent->clients_count; i++)
        if (network_contains(&agent->clients[i].network, client))
            return true;
    return false;
}

static enum reason check_open(const struct session *s, const struct frame *f)
{
    const struct cfg_link *link = link_by_name(s->worker->cfg, f->text);

    if (link == NULL)
        return REASON_LINK_UNKNOWN;
    if (!relay_agent_has_link(s->ask.agent, f->text))
        return REASON_LINK_NOT_ALLOWED;
    if (!relay_agent_has_client(s->ask.agent, &f->client))
        return REASON_CLIENT_NOT_ALLOWED;
    if (admit_hours(&s->ask.agent->schedule) != REASON_NONE || admit_hours(&link->schedule) != REASON_NONE)
        return REASON_OUT_OF_HOURS;
    return ranges_check(link, f->port);
}

static void open_link(struct session *s, const struct frame *f)
{
    enum reason why = check_open(s, f);

    s->kind = SESSION_LINK;
    s->ask.client = f->client;
    s->ask.behind = s->ask.agent->name;
    s->ask.port = f->port;
    s->ask.stream_id = f->number;
    s->ask.link = link_by_name(s->worker->cfg, f->text);
    if (s->ask.link != NULL)
        s->ask.name = s->ask.link->name;
    else
        (void)session_keep(s, f->text, &s->ask.name);
    memcpy(s->ask.instance, f->instance, sizeof(s->ask.instance));
    if (why != REASON_NONE) {
        session_refuse(s, SESSION_AT_RELAY, why);
        return;
    }
    if (!door_admit_client(s))
        return;
    s->front_ops = &answer_front;
    session_dial(s, SESSION_LINK, &server_side_back);
}

static void say_hello(struct session *s, const struct frame *f)
{
    struct worker *w = s->worker;
    const struct cfg_agent *agent = s->ask.agent;
    enum reason why = admit_hours(&agent->schedule);

    if (why != REASON_NONE) {
        session_refuse(s, SESSION_AT_RELAY, why);
        return;
    }
    seats_control_arrived(w, agent, session_release_front(s), f);
}

static void first_readable(struct session *s)
{
    struct frame f;
    enum channel_result result = channel_read(s->scratch, s->front, &f);

    if (result == CHANNEL_AGAIN)
        return;
    if (result != CHANNEL_FRAME) {
        if (result == CHANNEL_BAD)
            session_refuse(s, SESSION_AT_FRONT, REASON_PROTOCOL_ERROR);
        else
            session_close(s, channel_reason(result, s->front));
        return;
    }
    switch (f.type) {
    case FRAME_HELLO:
        say_hello(s, &f);
        break;
    case FRAME_SPARE:
        park(s, &f);
        break;
    case FRAME_OPEN:
    case FRAME_OPEN_AT:
        open_link(s, &f);
        break;
    case FRAME_HAND:
        hand_accept(s, &f);
        break;
    default:
        session_refuse(s, SESSION_AT_FRONT, REASON_PROTOCOL_ERROR);
    }
}

static void accept_greeted(struct session *s)
{
    char name[IDENTITY_NAME_MAX + 1];
    enum reason why = identity_agent_name(s->front, name);

    s->kind = SESSION_TUNNEL;
    if (why == REASON_NONE) {
        if (tls_revoked_holds(s->worker->site->revoked, s->front))
            why = REASON_REVOKED;
        s->ask.agent = relay_agent_by_name(s->worker->cfg, name);
        if (s->ask.agent != NULL)
            s->ask.peer_name = s->ask.agent->name;
        else
            (void)session_keep(s, name, &s->ask.peer_name);
        if (s->ask.agent == NULL)
            why = REASON_AGENT_UNKNOWN;
    }
    if (why == REASON_NONE) {
        s->scratch = calloc(1, sizeof(struct channel_reader));
        if (s->scratch == NULL)
            why = REASON_NO_MEMORY;
    }
    if (why != REASON_NONE)
        session_refuse(s, SESSION_AT_FRONT, why);
    else
        first_readable(s);
}

const struct session_front relay_accept_front = {
    .name = "tunnel",
    .greeted = accept_greeted,
    .readable = first_readable,
    .refuse = answer_refuse,
};
