/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A door: one listening address on one worker, and what comes in through it.
 *
 * Accepting only checks the limits and makes a session; the greeting then decides by ALPN whether a TLS connection is the
 * tunnel's or the web's. The application fills in who serves each.
 */
#pragma once

#include "proxy/net/listener.h"
#include "proxy/session/session.h"
#include "tls/context.h"

struct web_rules;

struct door {
    struct worker *worker;
    struct listener *listener;
    struct tls_context *tls;      /**< NULL: plain */
    const char *name;             /**< for logs */
    enum account_purpose purpose; /**< of what comes in */
    const struct cfg_web *web;
    const struct cfg_link *link;
    const struct cfg_tunnel *tunnel;        /**< or NULL */
    const struct web_rules *rules;          /**< of `web`, if it is in mode "http" (proxy/web/rules.h) */
    const struct session_front *plain_ops;  /**< without TLS */
    const struct session_front *web_ops;    /**< TLS, not the tunnel's */
    const struct session_front *tunnel_ops; /**< TLS, the tunnel's */
};

/** What is to be used for the next handshake; the main thread may exchange it at any moment. */
static inline struct tls_context *door_tls(const struct door *door)
{
    return __atomic_load_n(&door->tls, __ATOMIC_ACQUIRE);
}

/** Opens `door` on its worker with the listening socket `fd` (**borrowed** until it is closed). Before the worker runs. -1
 * without memory. */
int door_open(struct door *door, int fd);

/** Stops accepting. Worker's thread, or after it has ended. */
void door_close(struct door *door);

/** The same, but whoever waits in its queue is let in first. */
void door_finish(struct door *door);

/** The door that a session came through, or NULL. */
static inline const struct door *door_of(const struct session *s)
{
    return s->door;
}

/** Counts the client of `s->ask` for limits.per_client; false if it was refused for that. */
bool door_admit_client(struct session *s);
