/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's agents: who is connected, with which spare channels, and who waits for one. On the main loop.
 *
 * One seat per agent of the configuration. The newest control channel of a name has the seat.
 */
#pragma once

#include "proxy/link/hub.h"
#include "proxy/wire/frame.h"

struct seats;

/** Makes the seats and fills in the hub's tunnel carrier. NULL without memory. `hub` is borrowed until seats_free(). */
struct seats *seats_new(struct hub *hub);

/** Says BYE to all. NULL is ignored. */
void seats_free(struct seats *seats);

/** Says BYE to this agent, if it is connected. */
void seats_dismiss(struct seats *seats, const struct cfg_agent *agent, enum reason why);

/** Says DRAIN to all agents. */
void seats_drain(struct seats *seats);

/** Enters the queue of `agent` (NULL: there is none of that name), which must speak `version` of the protocol. **Takes** the
 * want: its ops are called, perhaps at once. */
void seats_want(struct hub *hub, const struct cfg_agent *agent, unsigned version, struct carrier_want *want);

/**
 * An agent wants to hand an advise over (HAND): is its control channel this one, and who delivers? REASON_NONE with the agent
 * that does, NULL if we do ourselves (`delivery` of a direct client's link); else why not.
 */
enum reason seats_check_hand(struct hub *hub, const struct cfg_agent *from, const uint8_t instance[FRAME_INSTANCE],
                             const struct session_ask *ask, const struct cfg_agent **ret_deliverer);

unsigned seats_taken(const struct seats *seats);
unsigned seats_spares(const struct seats *seats);

/* From workers, by mail: */

/** A control channel has said HELLO. **Takes** `stream`, which no event watches. */
void seats_control_arrived(struct worker *w, const struct cfg_agent *agent, struct stream *stream, const struct frame *hello);

/** A spare channel is verified, or gone. */
void seats_spare_ready(struct worker *w, const struct cfg_agent *agent, const uint8_t instance[FRAME_INSTANCE],
                       struct session_handle spare);
void seats_spare_gone(struct worker *w, const struct cfg_agent *agent, struct session_handle spare);

/** The channel that a call was to take is gone: find another. **Takes** the call. */
void seats_try_again(struct worker *w, struct advise_call *call);
