/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's end of an advise that the agent beside the server has taken up (HAND): who may have it, and who delivers it.
 *
 * docs/tunnel-protocol.md, section 7. The session's front is that agent's tunnel; its back a channel of the client's agent, or
 * the client itself. On workers.
 */
#pragma once

#include "proxy/session/session.h"
#include "proxy/wire/frame.h"

/** In CHOOSE: the first frame of the session's tunnel connection was this HAND. Goes on as an advise, or refuses. */
void hand_accept(struct session *s, const struct frame *f);
