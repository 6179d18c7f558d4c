/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's end of a tunnel connection that has just been greeted: whose it is, and which of the three kinds.
 *
 * Reads the first frame: HELLO moves the stream to the main loop (proxy/tunnel/seats.h), SPARE parks it here until it is taken
 * (proxy/tunnel/deliver.h), OPEN makes the session a link. Every right of the agent is checked here. On workers.
 */
#pragma once

#include "proxy/session/session.h"
#include "proxy/tunnel/channel.h"

/** Front ops of tunnel connections at a door. */
extern const struct session_front relay_accept_front;

/** Closes a parked spare channel, wherever it lives. Main loop. */
void relay_close_spare(struct site *site, struct session_handle spare, enum reason why);

/**
 * Takes a parked spare channel away from its session. The caller owns the stream and gets what was read of the next frame, and
 * how long the channel's last PONG took. NULL: it is gone.
 */
struct stream *relay_take_spare(struct worker *w, struct session_handle spare, struct channel_reader *ret_reader,
                                uint64_t *ret_round_ms);
