/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's asking end: an advise is delivered over a spare channel of its agent.
 *
 * docs/tunnel-protocol.md, section 4. If the channel breaks before the agent has answered, the advise goes back to the seat
 * (proxy/tunnel/seats.h) with every byte that was read, and takes another channel.
 */
#pragma once

#include "proxy/link/carrier.h"

/** Sends a call to the worker of `call->channel`. **Takes** the call. Main loop. */
void deliver_call(struct advise_call *call);
