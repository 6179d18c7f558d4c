/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How long the relay waits for an agent that was asked for something over a spare channel, and how many frames it may answer
 * with.
 *
 * docs/tunnel-protocol.md, sections 4, 5 and 9.
 */
#pragma once

#include <stdint.h>

/** The answer must come by then, once the agent has said that it dials. */
#define TUNNEL_ANSWER_MS 30000

/** Frames before the answer: PONGs may have been under way. */
#define TUNNEL_FRAMES_MAX 3

/** A way that takes longer than this is not waited for. */
#define TUNNEL_ROUND_MAX_MS 5000

/** A sign of life must come within this, or another channel is taken. `round_ms`: what the channel's last PONG took. */
static inline uint64_t tunnel_sign_ms(uint64_t round_ms)
{
    return 1000 + 2 * (round_ms < TUNNEL_ROUND_MAX_MS ? round_ms : TUNNEL_ROUND_MAX_MS);
}
