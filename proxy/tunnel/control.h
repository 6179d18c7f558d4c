/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A control channel, at either end: frames both ways, heartbeats, one end. Lives on the main loop.
 *
 * docs/tunnel-protocol.md, section 3. Heartbeats are answered and watched here; every other frame goes to the owner.
 */
#pragma once

#include "proxy/net/loop.h"
#include "proxy/tunnel/channel.h"

struct control;

struct control_ops {
    /** A frame other than PING and PONG. May close the channel. */
    void (*frame)(void *arg, const struct frame *f);
    /** The channel has ended by the other end or by trouble; `c` is closed and freed at the end of the turn. Not called after
     * control_close(). */
    void (*ended)(void *arg, enum reason why);
};

/** **Takes** `stream`, a greeted one (also on failure: NULL without memory). `arg` is borrowed until the end. Watching starts
 * with control_start(). */
struct control *control_new(struct loop *loop, struct stream *stream, const struct control_ops *ops, void *arg);

/** Starts reading; heartbeats every `heartbeat_ms`. May be called again with another pause. */
void control_start(struct control *c, uint64_t heartbeat_ms);

/** Sends a frame. False if the channel can't take it: it will end by itself. */
bool control_send(struct control *c, const struct frame *f);

/** Says BYE with the reason (unless NONE) and closes. NULL is ignored. */
void control_close(struct control *c, enum reason why);

/** Its stream, to be looked at. */
const struct stream *control_stream(const struct control *c);

const struct address *control_peer(const struct control *c);
const struct address *control_local(const struct control *c);
