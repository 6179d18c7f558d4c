/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The carrier: how the client side and the server side of a link ask each other for streams, wherever the other one is.
 *
 *     client side ──"open link N for identity I"──► server side        struct session_back (proxy/session/session.h)
 *     server side ──"deliver an advise to I at P"─► client side        struct advise_carrier, here
 *
 * Either is *local* (both sides in one process: proxy/link/) or goes through a *tunnel* (proxy/tunnel/). The two sides know
 * only this header of each other.
 *
 * A request for a link is made by a session: its back ops are the carrier. A request for an advise starts with a connection
 * from the server for which there is no session yet: an advise call.
 */
#pragma once

#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/session/session.h"

#include <string.h>

struct hub;

/** Who a client machine is. Plain data, copied. */
struct identity {
    char behind[SESSION_NAME_MAX + 1]; /**< the name of the agent that it is behind; "": direct */
    struct address client;             /**< port 0 */
};

static inline bool identity_is_same(const struct identity *a, const struct identity *b)
{
    return strcmp(a->behind, b->behind) == 0 && address_same_ip(&a->client, &b->client);
}

static inline bool identity_is_direct(const struct identity *identity)
{
    return identity->behind[0] == '\0';
}

/** "direct" or the agent's name: for logs, the state file and pins. */
static inline const char *identity_group(const struct identity *identity)
{
    return identity_is_direct(identity) ? "direct" : identity->behind;
}

/** The identity that a session asks for. */
struct identity identity_of(const struct session_ask *ask);

/** How often a call may be handed to another channel because the one before broke. */
#define ADVISE_TRIES 4

/** How long a call, or whoever else wants a channel, may wait for one. */
#define ADVISE_WAIT_MS 5000

struct carrier_want;

/** What becomes of somebody who waits for a channel. On the main loop; each **takes** the want. */
struct carrier_want_ops {
    /** Is it still wanted? REASON_NONE, or why not. NULL: always. */
    enum reason (*check)(struct carrier_want *want);
    void (*take)(struct carrier_want *want, struct session_handle channel);
    void (*refuse)(struct carrier_want *want, enum reason why);
};

/** Somebody who waits in a carrier's queue for a channel. Embedded. */
struct carrier_want {
    TAILQ_ENTRY(carrier_want) entry;
    const struct carrier_want_ops *ops;
    uint64_t since_ms;
};

/**
 * An advise that waits for somebody to deliver it. It travels between main and workers as a mail and owns what it holds;
 * advise_call_refuse() or a session ends it.
 */
struct advise_call {
    struct mail mail;
    struct carrier_want want;
    struct site *site;
    const struct cfg *cfg;   /**< held: `ask` points into it; NULL: into none */
    int fd;                  /**< the server's connection, or -1 if `front` is set */
    struct stream *front;    /**< the same, after a first try */
    struct chunk *early;     /**< bytes read from it in that try, to be passed on first; may be NULL */
    bool is_front_ended;     /**< its end came after these bytes */
    struct address peers[2]; /**< the server's end and ours */
    struct identity identity;
    struct session_ask
        ask; /**< link, name, client with the port to deliver at, lease, stream id; its agent's texts are identity's */
    struct session_handle channel; /**< tunnel: the spare channel to take */
    unsigned tries;
    bool is_quiet;    /**< is refused without a line */
    uint64_t skipped; /**< others like it were, before */
    uint64_t started_ms;
};

/** Who delivers advises. Functions are called on the main loop. */
struct advise_carrier {
    const char *name;
    /** Could an advise be delivered to this identity now? REASON_NONE, or why not. */
    enum reason (*can_deliver)(void *arg, const struct identity *identity, const uint8_t instance[16]);
    /** **Takes** the call. */
    void (*deliver)(void *arg, struct advise_call *call);
    void *arg;
};

/** Resets the server's connection, logs ev=refuse, frees. Any thread that holds the call. */
void advise_call_refuse(struct advise_call *call, enum reason why);

/** A session on worker `w` for a call, whose front is the server's connection: ask and early bytes are in place. **Takes** the
 * call. */
struct session *advise_call_start(struct worker *w, struct advise_call *call, const struct session_front *front,
                                  const struct session_back *back);

/** The reverse: a session in EARLY or DIAL gives its front and kept bytes back as a call and ends without a line. NULL without
 * memory: refused. */
struct advise_call *advise_call_from(struct session *s);
