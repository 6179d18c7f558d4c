/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's end of a tunnel connection that has just been greeted: whose it is, and of which kind.
 *
 * Reads the first frame: HELLO moves the stream to the main loop (proxy/tunnel/seats.h), SPARE parks it here until it is taken
 * (proxy/tunnel/deliver.h, proxy/tunnel/asking.h), OPEN and OPEN_AT make the session a link, HAND an advise
 * (proxy/tunnel/hand.h). Every right of the agent is checked here. On workers.
 */
#pragma once

#include "proxy/session/session.h"
#include "proxy/tunnel/channel.h"

/** Front ops of tunnel connections at a door. */
extern const struct session_front relay_accept_front;

/** An agent of the configuration, or NULL. */
const struct cfg_agent *relay_agent_by_name(const struct cfg *cfg, const char *name);

/** True if the agent may speak for this client machine, and is to deliver to it. */
bool relay_agent_has_client(const struct cfg_agent *agent, const struct address *client);

/** True if the agent may open the link. */
bool relay_agent_has_link(const struct cfg_agent *agent, const char *link);

/** Closes a parked spare channel, wherever it lives. Main loop. */
void relay_close_spare(struct site *site, struct session_handle spare, enum reason why);

/** Closes all parked spare channels of a worker that retires. Its thread. */
void relay_close_spares(struct worker *w);

/**
 * The configuration names this agent no more: ends its sessions on every worker, and those whose server or client is behind it.
 * Main loop.
 */
void relay_cut_agent(struct site *site, const char *name, enum reason why);

/**
 * Takes a parked spare channel away from its session. The caller owns the stream and gets what was read of the next frame, and
 * how long the channel's last PONG took. NULL: it is gone.
 */
struct stream *relay_take_spare(struct worker *w, struct session_handle spare, struct channel_reader *ret_reader,
                                uint64_t *ret_round_ms);
