/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice between kept and new connections, and repeating. On the session's thread. */
#include "proxy/web/back.h"

#include "proxy/session/dial.h"
#include "proxy/web/answer.h"
#include "tls/stream.h"

/* Servers that are asked for one request. */
#define TRIES_MAX 3

/*
 * A server closes connections that were idle for its own keep-alive time, and a request that crosses that close is lost. One that
 * may not be repeated goes only over a connection that was in use a moment ago: no server's time is that short.
 */
#define FRESH_MS 1000

static struct stream *wrap_tls(struct session *s, struct stream *tcp, const struct cfg_endpoint *endpoint)
{
    const struct web_upstream *upstream = conversation_of(s)->x.choice.upstream;

    return tls_stream_connect_upstream(web_upstream_tls(upstream), tcp, endpoint->host,
                                       (unsigned)(endpoint - upstream->cfg->servers));
}

static void back_dial(struct session *s)
{
    const struct web_upstream *upstream = conversation_of(s)->x.choice.upstream;

    session_dial_hosts(s, upstream->cfg->servers, upstream->cfg->servers_count, NULL, (struct port_range){0, 0},
                       web_upstream_tls(upstream) != NULL ? wrap_tls : NULL);
}

static void back_greeted(struct session *s)
{
    const struct cfg_endpoint *endpoint = session_dial_done(s);

    session_serve(s);
    conversation_attach(conversation_of(s), endpoint);
    s->front_ops->serve->run(s, STREAM_READ | STREAM_WRITE, STREAM_READ | STREAM_WRITE);
}

static const struct session_back web_back = {
    .name = "web",
    .purpose = ACCOUNT_UPSTREAM,
    .dial = back_dial,
    .greeted = back_greeted,
    .failed = session_dial_next,
};

/* A kept connection to the first server that is up. The servers behind it are for when it is down. */
static struct stream *find_kept(struct conversation *c, const struct cfg_endpoint **ret_endpoint, struct watch **ret_watch)
{
    const struct cfg_upstream *upstream = c->x.choice.upstream->cfg;
    struct worker *w = c->s->worker;
    uint64_t age_ms = c->x.is_repeatable ? UINT64_MAX : FRESH_MS;

    for (size_t i = 0; i < upstream->servers_count; i++) {
        struct address any = {0};

        if (host_is_down(hosts_find(&w->hosts, &upstream->servers[i]), &any))
            continue;
        *ret_endpoint = &upstream->servers[i];
        return idle_get(&w->idle, &upstream->servers[i], age_ms, ret_watch);
    }
    return NULL;
}

/* RFC 9110 11.6.1: one field may list several challenges, and parameters of theirs; a parameter taken for one does no harm. */
static bool lists_logon(const struct http_head *head, enum http_name name)
{
    const struct http_field *field;

    for (size_t n = 0; (field = http_find(head, name, n)) != NULL; n++) {
        struct slice rest = field->value;
        struct slice element;

        while (slice_next_element(&rest, &element))
            if (slice_starts_nocase(element, "NTLM") || slice_starts_nocase(element, "Negotiate"))
                return true;
    }
    return false;
}

bool back_must_pin(const struct http_head *head)
{
    return lists_logon(head, HTTP_NAME_WWW_AUTHENTICATE) || lists_logon(head, HTTP_NAME_AUTHORIZATION);
}

void back_check_pinned(struct conversation *c)
{
    uint8_t byte;

    if (c->s->back != NULL && stream_read(c->s->back, &byte, 1) != STREAM_AGAIN)
        session_close_back(c->s, STREAM_CLOSE_ORDERLY);
}

/*
 * The client's own connection, if it has one to this upstream. If not, nothing is pinned from now on: the next connection,
 * perhaps to another upstream, must not be taken for that one.
 */
static bool take_pinned(struct conversation *c, bool may_reuse)
{
    back_check_pinned(c);
    if (c->s->back != NULL && may_reuse && c->pinned == c->x.choice.upstream)
        return true;
    if (c->s->back != NULL)
        session_close_back(c->s, STREAM_CLOSE_ORDERLY);
    if (may_reuse) /* the first attempt: what is known is of the request before */
        c->endpoint = NULL;
    c->pinned = NULL;
    return false;
}

void back_get(struct conversation *c, bool may_reuse)
{
    const struct cfg_endpoint *endpoint = NULL;
    struct watch *watch = NULL;
    struct stream *kept;

    c->x.tries++;
    if (take_pinned(c, may_reuse)) {
        conversation_attach(c, c->endpoint);
        return;
    }
    kept = may_reuse && !c->x.request.has_upgrade ? find_kept(c, &endpoint, &watch) : NULL;
    if (kept != NULL) {
        session_give_back(c->s, kept, watch);
        conversation_attach(c, endpoint);
        return;
    }
    session_dial(c->s, SESSION_WEB, &web_back);
}

static bool may_repeat(const struct conversation *c)
{
    return c->x.is_repeatable && c->x.tries < TRIES_MAX && c->x.interims == 0 && flow_length(&c->down) == 0 &&
           flow_is_whole(&c->up);
}

void back_failed(struct conversation *c, enum reason why)
{
    bool may = may_repeat(c);

    session_close_back(c->s, STREAM_CLOSE_RESET);
    if (!may) {
        answer_reason(c, why);
        return;
    }
    flow_rewind(&c->up);
    c->is_up_over = c->is_up_lost = false;
    back_get(c, false);
}

/* After HEAD it is closed: a server that sends a body all the same would poison the next answer, and nobody could tell. */
static bool may_keep(const struct conversation *c)
{
    return !c->x.is_head && c->is_up_over && !c->is_up_lost && c->x.has_response && c->x.response.keeps_alive &&
           !c->down.has_ended && flow_length(&c->down) == 0 && !conversation_takes_leave(c) &&
           c->x.response.kind != HTTP_BODY_TO_CLOSE;
}

void back_let_go(struct conversation *c)
{
    struct stream *back;
    struct watch *watch;

    if (c->s->back == NULL)
        return;
    if (may_keep(c) && c->pinned != NULL) {
        c->back_is_ready = false;
    } else if (may_keep(c)) {
        back = session_release_back(c->s, &watch);
        idle_put(&c->s->worker->idle, c->endpoint, back, watch);
    } else {
        session_close_back(c->s, c->x.has_response && c->is_up_over ? STREAM_CLOSE_ORDERLY : STREAM_CLOSE_RESET);
    }
}
