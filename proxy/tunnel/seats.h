/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's agents: who is connected, with which spare channels, and the advises that wait for one. On the main loop.
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

/** Says DRAIN to all agents. */
void seats_drain(struct seats *seats);

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
