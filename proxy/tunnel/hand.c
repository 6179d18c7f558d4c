/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the checks of a HAND and the way to its client. On the session's worker, but for one question to the seats. */
#include "proxy/tunnel/hand.h"

#include "proxy/link/client_side.h"
#include "proxy/tunnel/answer.h"
#include "proxy/tunnel/asking.h"
#include "proxy/tunnel/relay_accept.h"
#include "proxy/tunnel/seats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct handing {
    struct asking *asking; /* of the client's agent, while it has not answered */
};

/* -- who may have it -----------------------------------------------------------------------------------------------------------
 */

static bool leads_to(const struct cfg_link *link, const struct cfg_agent *agent, const char *entry)
{
    return link->server.agent != NULL && strcmp(link->server.agent, agent->name) == 0 && strcmp(link->server.host, entry) == 0;
}

/*
 * A client without an agent must be connected here now, and is dialled by ourselves at an advise port of the link: nobody else
 * is, whatever that agent says.
 */
static enum reason check_direct(const struct session *s, const struct cfg_link *link, const struct address *client)
{
    if (link->listen_count == 0 || !quota_has_client(s->worker->site->quota, "", client))
        return REASON_CLIENT_NOT_ALLOWED;
    if (link->advise.delivery == CFG_DELIVERY_DIRECT && !port_range_contains(&link->advise.ports, address_port(client)))
        return REASON_PORT_NOT_ALLOWED;
    return REASON_NONE;
}

static enum reason check_client(const struct session *s, const struct cfg_link *link, const struct frame *f)
{
    const struct cfg_agent *agent;

    if (f->behind[0] == '\0')
        return check_direct(s, link, &f->client);
    agent = relay_agent_by_name(s->worker->cfg, f->behind);
    if (agent == NULL || !relay_agent_has_link(agent, link->name) || !relay_agent_has_client(agent, &f->client))
        return REASON_CLIENT_NOT_ALLOWED;
    return REASON_NONE;
}

/* The link to this entry that the client may use. */
static const struct cfg_link *find_link(const struct session *s, const struct frame *f, enum reason *ret_why)
{
    const struct cfg *cfg = s->worker->cfg;

    *ret_why = REASON_LINK_UNKNOWN;
    for (size_t i = 0; i < cfg->links_count; i++) {
        const struct cfg_link *link = &cfg->links[i];

        if (!leads_to(link, s->ask.agent, f->text))
            continue;
        *ret_why = check_client(s, link, f);
        if (*ret_why == REASON_NONE)
            return link;
    }
    return NULL;
}

/* -- the client's agent --------------------------------------------------------------------------------------------------------
 */

static void client_reached(void *arg, struct stream *stream, enum reason why)
{
    struct session *s = session_of(arg);
    struct handing *h = s->scratch;

    h->asking = NULL;
    if (stream != NULL)
        session_take_back(s, stream, (uint64_t)s->worker->cfg->timeouts.dial_ms);
    else
        session_refuse(s, SESSION_AT_BACK, why);
    session_update(s);
}

static void ask_agent(struct session *s, const char *agent)
{
    struct handing *h = s->scratch;
    struct frame f = {.type = FRAME_DELIVER, .number = s->ask.stream_id, .client = s->ask.client};

    strcpy(f.text, s->ask.name);
    h->asking = asking_start(&s->worker->loop, agent, &f, client_reached, s);
    if (h->asking == NULL)
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
}

/* -- who delivers --------------------------------------------------------------------------------------------------------------
 */

struct hand_mail {
    struct mail mail;
    struct site *site;
    struct session_handle session;
    struct session_ask ask;
    struct identity identity;             /* holds the ask's text: the session may end meanwhile */
    char deliverer[SESSION_NAME_MAX + 1]; /* "": we ourselves */
    enum reason why;
};

static void hand_mail_drop(struct mail *m)
{
    free(m);
}

static void deliver(struct session *s, const struct hand_mail *mail)
{
    if (mail->why != REASON_NONE) {
        session_refuse(s, SESSION_AT_RELAY, mail->why);
    } else if (mail->deliverer[0] != '\0') {
        ask_agent(s, mail->deliverer);
    } else {
        s->back_ops = &client_side_deliver;
        client_side_deliver.dial(s);
    }
}

static void checked_on_worker(struct mail *m, struct loop *loop)
{
    const struct hand_mail *mail = (struct hand_mail *)m;
    struct session *s = worker_find(worker_of(loop), mail->session);

    if (s != NULL && s->state == SESSION_DIAL) {
        deliver(s, mail);
        session_update(s);
    }
    free(m);
}

static void check_on_main(struct mail *m, struct loop *loop)
{
    struct hand_mail *mail = (struct hand_mail *)m;

    (void)loop;
    mail->why = seats_check_hand(mail->site->hub, mail->ask.agent, mail->ask.instance, &mail->ask, mail->deliverer);
    mail->mail.deliver = checked_on_worker;
    site_post(mail->site, mail->session.worker, &mail->mail);
}

static void hand_dial(struct session *s)
{
    struct hand_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL) {
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
        return;
    }
    mail->mail.deliver = check_on_main;
    mail->mail.drop = hand_mail_drop;
    mail->site = s->worker->site;
    mail->session = s->handle;
    mail->ask = s->ask;
    mail->identity = identity_of(&s->ask);
    mail->ask.behind = mail->identity.behind;
    mail->ask.name = mail->ask.peer_name = "";
    loop_post(s->worker->site->main, &mail->mail);
}

/* The scratch goes when the session relays; until then it is ours. */
static void hand_ended(struct session *s)
{
    struct handing *h = s->scratch;

    if (h == NULL)
        return;
    asking_forget(h->asking);
    h->asking = NULL;
}

static void hand_failed(struct session *s, enum reason why)
{
    session_refuse(s, SESSION_AT_BACK, why);
}

static const struct session_back hand_back = {
    .name = "hand",
    .dial = hand_dial,
    .greeted = session_relay,
    .failed = hand_failed,
    .ended = hand_ended,
};

void hand_accept(struct session *s, const struct frame *f)
{
    enum reason why;
    struct handing *h = calloc(1, sizeof(*h));
    const struct cfg_link *link = find_link(s, f, &why);

    s->kind = SESSION_ADVISE;
    if (link != NULL)
        s->ask.name = link->name;
    else
        (void)session_keep(s, f->text, &s->ask.name);
    if (!session_keep(s, f->behind, &s->ask.behind)) {
        why = REASON_NO_MEMORY;
        link = NULL;
    }
    s->ask.client = f->client;
    s->ask.stream_id = f->number;
    s->ask.link = link;
    memcpy(s->ask.instance, f->instance, sizeof(s->ask.instance));
    if (h == NULL)
        why = REASON_NO_MEMORY;
    if (h == NULL || link == NULL) {
        free(h);
        session_refuse(s, SESSION_AT_RELAY, why);
        return;
    }
    free(s->scratch);
    s->scratch = h;
    s->ask.peer_name = s->ask.behind; /* the log's agent= is the client's, as for every advise; via= is who hands it over */
    s->front_ops = &answer_front;
    session_dial(s, SESSION_ADVISE, &hand_back);
}
