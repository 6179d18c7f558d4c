/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The agent's asking end: a link of a client, or an advise of a server beside it, goes through the tunnel to a relay.
 *
 * docs/tunnel-protocol.md, sections 6 and 7. On workers.
 */
#pragma once

#include "proxy/session/session.h"

/** Back ops for SESSION_LINK at an agent: the carrier of links. To the first relay that is up. */
extern const struct session_back agent_open_back;

/** Back ops for SESSION_ADVISE at an agent beside the server: to the relay with the control channel `ask.instance`, over which
 * the link came; if that is gone, to the first that is up. */
extern const struct session_back agent_hand_back;
