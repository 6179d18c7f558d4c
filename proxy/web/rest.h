/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A conversation at rest: what stays of one between two requests.
 *
 * Most connections are idle most of the time, and a struct conversation is ten times what must be remembered then. So it is
 * there only while something moves: conversation_rest() puts a struct rest into `session.scratch` in its place,
 * conversation_wake() takes it back. The worker keeps some unused conversations, so that a request costs no malloc() by that.
 */
#pragma once

#include "proxy/web/conversation.h"

struct rest {
    enum conversation_state state; /**< REST; first, as in struct conversation */
    bool has_certificate_been_read;
    bool is_tls;
    bool is_redirect;
    const struct web_rules *rules;
    struct tls_client_certificate *certificate;
    unsigned long requests;
    uint64_t up; /**< bytes so far */
    uint64_t down;
};

/** Which of the two `session.scratch` is now. */
static inline bool conversation_is_resting(const struct session *s)
{
    return *(const enum conversation_state *)s->scratch == CONVERSATION_REST;
}

/** A conversation that waits for its first request, of this session; the caller puts it into `session.scratch`. NULL without
 * memory. */
struct conversation *conversation_new(struct session *s, const struct web_rules *rules);

/** If nothing is under way, from now on only the rest is there, and `c` must not be used any more. */
void conversation_rest(struct conversation *c);

/** The conversation of a session that rests, waiting for a request. NULL without memory: it rests still. */
struct conversation *conversation_wake(struct session *s);

/** A session that rests has ended. */
void conversation_end_rest(struct session *s);

/** What a session in SERVE has passed on so far, resting or not. */
void conversation_bytes(const struct session *s, uint64_t *ret_up, uint64_t *ret_down);
