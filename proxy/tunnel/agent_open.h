/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The agent's asking end: a link goes through the tunnel to the first relay that is up.
 *
 * docs/tunnel-protocol.md, section 5. On workers.
 */
#pragma once

#include "proxy/session/session.h"

/** Back ops for SESSION_LINK at an agent: the carrier of links. */
extern const struct session_back agent_open_back;
