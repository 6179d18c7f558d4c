/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Connections to servers that no session uses at the moment, kept for the next request of any client.
 *
 * Each is watched: one that the server closes, or says something on unasked, is closed at once. Nothing of a client stays with a
 * connection: HTTP's messages carry all that there is. One per worker; its thread only.
 */
#pragma once

#include "config/model.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/net/watch.h"

#include <sys/queue.h>

/** Of all servers together, per worker; beyond it the one that waited longest is closed. */
#define IDLE_MAX 512

struct tls_revoked;
struct idle;
struct idle_pool {
    struct loop *loop;
    struct deadline oldest;           /**< when the last of the list has waited long enough */
    uint64_t most_ms;                 /**< how long each waits */
    TAILQ_HEAD(idle_list, idle) list; /**< the one used last is first */
    unsigned count;
};

/** Each connection is closed when it was idle for `most_ms`; 0: none is kept. */
void idle_pool_init(struct idle_pool *pool, struct loop *loop, uint64_t most_ms);
void idle_pool_fini(struct idle_pool *pool);

/** Closes those that stand on a tunnel whose agent's certificate is of the set. */
void idle_pool_cut(struct idle_pool *pool, struct tls_revoked *revoked);

/** **Takes** `back`, a greeted stream to `endpoint` with nothing pending, and its watch. */
void idle_put(struct idle_pool *pool, const struct cfg_endpoint *endpoint, struct stream *back, struct watch *watch);

/**
 * The connection to `endpoint` that was used last, if that was at most `age_ms` ago; NULL if there is none. **Gives** it and its
 * watch.
 */
struct stream *idle_get(struct idle_pool *pool, const struct cfg_endpoint *endpoint, uint64_t age_ms, struct watch **ret_watch);
