/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the seats' own files need of each other; see proxy/tunnel/seats.h. Main loop.
 */
#pragma once

#include "proxy/tunnel/seats.h"

struct seat;

/** The seat of an agent of the newest configuration; NULL: there is no such agent, or the program ends. */
struct seat *seats_find(struct hub *hub, const char *name);

/** A control channel has said HELLO. **Takes** the stream. */
void seat_take_control(struct seat *seat, struct stream *stream, const struct frame *hello);

/** A spare channel of this instance can be used. It is closed if nobody wants it. */
void seat_add_spare(struct seat *seat, struct session_handle spare, const uint8_t instance[FRAME_INSTANCE]);

/** It can no longer. */
void seat_remove_spare(struct seat *seat, struct session_handle spare);

/** Finds another channel for a call whose last one broke. **Takes** the call. */
void seats_deliver(struct hub *hub, struct advise_call *call);
