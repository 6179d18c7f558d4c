/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from a conversation to its rest and back, and the memory of both. On the session's thread. */
#include "proxy/web/rest.h"

#include "proxy/session/tally.h"

#include <stdlib.h>

/* Sanitizers shall see each use of a conversation that rests: with them none is kept. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

static struct conversation *take(struct worker *w)
{
    return w->unused_count > 0 ? w->unused[--w->unused_count] : malloc(sizeof(struct conversation));
}

static void give(struct worker *w, struct conversation *c)
{
    if (is_sanitized || w->unused_count == WORKER_UNUSED_MAX)
        free(c);
    else
        w->unused[w->unused_count++] = c;
}

struct conversation *conversation_new(struct session *s, const struct web_rules *rules)
{
    struct loop *loop = &s->worker->loop;
    struct conversation *c = take(s->worker);

    if (c == NULL)
        return NULL;
    *c = (struct conversation){.state = CONVERSATION_HEAD, .s = s, .rules = rules};
    flow_init(&c->up, loop, s->front, NULL);
    c->up.most = (uint64_t)s->worker->cfg->limits.body_bytes;
    flow_init(&c->down, loop, NULL, s->front);
    c->up.sum = &tally_mine.bytes[SESSION_WEB][TALLY_UP]; /* a session stays on its thread */
    c->down.sum = &tally_mine.bytes[SESSION_WEB][TALLY_DOWN];
    return c;
}

static bool may_rest(const struct conversation *c)
{
    return c->state == CONVERSATION_HEAD && !c->has_begun && !c->closes && c->turned_away == REASON_NONE && c->pinned == NULL &&
           c->s->state == SESSION_SERVE && c->s->back == NULL && c->up.in == NULL && !c->up.has_ended && c->down.in == NULL &&
           c->up.out == NULL && c->down.out == NULL;
}

void conversation_rest(struct conversation *c)
{
    struct session *s = c->s;
    struct rest *r = c->rest;

    if (!may_rest(c) || (r == NULL && (r = malloc(sizeof(*r))) == NULL))
        return;
    *r = (struct rest){
        .state = CONVERSATION_REST,
        .has_certificate_been_read = c->has_certificate_been_read,
        .is_tls = c->is_tls,
        .is_redirect = c->is_redirect,
        .rules = c->rules,
        .certificate = c->certificate,
        .requests = c->requests,
        .up = c->up.bytes,
        .down = c->down.bytes,
    };
    s->scratch = r;
    give(s->worker, c);
}

struct conversation *conversation_wake(struct session *s)
{
    struct rest *r = s->scratch;
    struct conversation *c = conversation_new(s, r->rules);

    if (c == NULL)
        return NULL;
    c->rest = r;
    c->has_certificate_been_read = r->has_certificate_been_read;
    c->is_tls = r->is_tls;
    c->is_redirect = r->is_redirect;
    c->certificate = r->certificate;
    c->requests = r->requests;
    c->up.bytes = r->up;
    c->down.bytes = c->down_before = r->down;
    s->scratch = c;
    return c;
}

void conversation_end_rest(struct session *s)
{
    struct rest *r = s->scratch;

    s->up.bytes = r->up;
    s->down.bytes = r->down;
    free(r->certificate);
    r->certificate = NULL;
}

void conversation_bytes(const struct session *s, uint64_t *ret_up, uint64_t *ret_down)
{
    const struct rest *r = s->scratch;
    const struct conversation *c = conversation_of(s);
    bool is_resting = conversation_is_resting(s);

    *ret_up = is_resting ? r->up : c->up.bytes;
    *ret_down = is_resting ? r->down : c->down.bytes;
}
