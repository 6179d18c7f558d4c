/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Streams to servers that an agent dials for us (endpoints NAME@AGENT), whatever they are for.
 *
 * The tunnel says how (proxy/tunnel/asking.h), so that who wants such a stream need not know it. The answer comes later, on the
 * asker's own thread, as a stream that is greeted already.
 */
#pragma once

#include "config/model.h"
#include "proxy/base/reason.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

/** What is wanted. */
struct reach_for {
    const struct cfg_endpoint *endpoint; /**< its `agent` is set */
    const char *behind;                  /**< the agent that the client is behind; "": direct */
    struct address client;               /**< with its port; unset: we ourselves */
    uint16_t port;                       /**< the server's port that is wanted; 0: that of the agent's entry */
    uint64_t stream_id;                  /**< for both logs */
};

/** The answer: **gives** `stream`, or it is NULL and `why` says why not. */
typedef void reached_fn(void *arg, struct stream *stream, enum reason why);

struct reaching;

struct reach_ops {
    struct reaching *(*start)(struct loop *loop, const struct reach_for *what, reached_fn *reached, void *arg);
    void (*forget)(struct reaching *r);
};

/** Who reaches; once, before any thread asks. */
void reach_init(const struct reach_ops *ops);

/**
 * Asks, from the thread of `loop`. `reached` is called there once, never before this returns, and `r` is dead then; not after
 * reach_forget(). `arg` is borrowed until then. NULL without memory.
 */
struct reaching *reach_start(struct loop *loop, const struct reach_for *what, reached_fn *reached, void *arg);

/** Nobody waits for the answer any more. NULL is ignored. */
void reach_forget(struct reaching *r);

/** A new id for a stream; `fallback` if there is no randomness. */
uint64_t reach_draw_id(uint64_t fallback);
