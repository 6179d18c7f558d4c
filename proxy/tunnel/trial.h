/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One connection to a relay, to see whether it lets us in with a new certificate: greeted, SPARE said, PING heard, closed. Main
 * loop.
 */
#pragma once

#include "proxy/net/watch.h"
#include "proxy/session/worker.h"
#include "proxy/tunnel/channel.h"

/** NONE: it does. May free what holds the trial. */
typedef void trial_fn(void *arg, enum reason why);

struct trial {
    struct loop *loop;
    trial_fn *done;
    void *arg;
    struct stream *stream; /**< NULL: none is under way */
    struct watch watch;
    struct deadline deadline;
    struct channel_reader reader;
    bool is_greeted;
    uint8_t instance[FRAME_INSTANCE];
};

/** Starts; `t` is all zero or has ended. `done` comes later, once, unless trial_stop() was first. */
void trial_start(struct trial *t, struct loop *loop, const struct cfg *cfg, struct tls_context *tls, const struct address *relay,
                 const uint8_t instance[FRAME_INSTANCE], trial_fn *done, void *arg);

/** Ends it without a word. Idempotent. */
void trial_stop(struct trial *t);
