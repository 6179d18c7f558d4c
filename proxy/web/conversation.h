/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A conversation: all requests of one connection to a web front door in mode "http", one after the other.
 *
 *     HEAD ──────► EXCHANGE ──────► HEAD (the next request) or the end
 *       a request    │ request up, response down, both as they come
 *       is read      ▼
 *       └──────► ANSWER             an answer of our own is sent
 *
 * Request heads are taken in request.c, servers got in back.c, response heads taken in response.c, own answers made in answer.c,
 * lines written in access.c. Bytes move in flow.c. This file's session (proxy/session/session.h) is in SERVE, or in DIAL while a
 * server is connected to. An upgrade (101) ends the conversation: the session goes on to RELAY.
 *
 * Lives in `session.scratch`, on the session's worker; between two requests a struct rest (proxy/web/rest.h) is there instead.
 */
#pragma once

#include "proxy/session/session.h"
#include "proxy/web/exchange.h"
#include "proxy/web/flow.h"
#include "proxy/web/rules.h"
#include "tls/stream.h"

#define CONVERSATION_STATES(X)                                                                                                   \
    X(HEAD, "head")         /* a request is waited for, or its head not complete */                                              \
    X(EXCHANGE, "exchange") /* the request goes to a server, its response comes */                                               \
    X(ANSWER, "answer")     /* an answer of our own is being sent */                                                             \
    X(OVER, "over")         /* the session ends or pumps */                                                                      \
    X(REST, "rest")         /* nothing is under way, and only a struct rest (rest.h) is there */

enum conversation_state {
#define X(constant, name) CONVERSATION_##constant,
    CONVERSATION_STATES(X)
#undef X
};

struct conversation {
    enum conversation_state state; /**< never REST; first, as in struct rest */
    unsigned runs;                 /**< calls of the run op that are under way, one within the other */
    struct session *s;
    const struct web_rules *rules;
    struct rest *rest; /**< memory for when it rests; NULL: it did not yet */
    struct flow up;
    struct flow down;
    struct http_scan scan;               /**< of the head that is read: the request's in HEAD, the response's in EXCHANGE */
    struct exchange x;                   /**< the one at hand */
    const struct cfg_endpoint *endpoint; /**< of the back stream */
    const struct web_upstream *pinned;   /**< the back stream is this client's own, see back.h; NULL: it is not */
    struct tls_client_certificate *certificate; /**< what the client showed; NULL: nothing, or not asked for yet */
    bool has_certificate_been_read;
    unsigned long requests;  /**< taken so far */
    enum reason turned_away; /**< the first request is answered with 429 or 503 for that; NONE: it is not */
    bool is_tls;
    bool is_redirect;     /**< everything is answered with the https address */
    bool has_begun;       /**< HEAD: the head's first byte is there, its time runs */
    bool closes;          /**< no request after this one */
    bool is_up_over;      /**< EXCHANGE: the whole request was passed on */
    bool is_up_lost;      /**< EXCHANGE: the server takes no more of it */
    bool front_is_ready;  /**< this turn: the front may have bytes */
    bool back_is_ready;   /**< this turn: the back may have bytes */
    uint64_t down_before; /**< down.bytes when the exchange began */
    uint64_t moved_ms;    /**< last time that bytes of the request's body came */
    uint64_t rate_bytes;  /**< of the body, when its rate was looked at last */
};

/**
 * The connection ends after the answer at hand: georelay stops, or a newer generation serves. In the latter case a client who is
 * logged on with the connection may stay: a logon can't be moved, and one that is half done would fail.
 */
static inline bool conversation_takes_leave(const struct conversation *c)
{
    const struct worker *w = c->s->worker;

    return w->is_draining || (w->is_retired && c->pinned == NULL && !c->x.logs_on);
}

/** The front ops of web front doors in mode "http" (with or without TLS), and of doors that redirect to https. */
extern const struct session_front conversation_front;
extern const struct session_front conversation_redirect_front;

/** Of a session that does not rest. */
static inline struct conversation *conversation_of(const struct session *s)
{
    return s->scratch;
}

/** The only writer of the state. */
void conversation_set_state(struct conversation *c, enum conversation_state state);

/** Sets the deadline; 0: none. */
void conversation_set_time(struct conversation *c, uint64_t ms);

/** The exchange is over and everything was sent: log it, then wait for the next request or end. False: the conversation has
 * ended. */
bool conversation_finish(struct conversation *c);

/** Ends the session at once, without another word to anybody: logs the exchange, closes for `why`. */
void conversation_break(struct conversation *c, enum session_end at, enum reason why);

/** In EXCHANGE from now on, with the session's back stream. */
void conversation_attach(struct conversation *c, const struct cfg_endpoint *endpoint);
