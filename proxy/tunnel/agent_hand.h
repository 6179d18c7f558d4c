/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The carrier of advises at an agent beside the server: what the server opens is handed to a relay, which knows the client.
 *
 * docs/tunnel-protocol.md, section 7. On the main loop, up to the session (proxy/tunnel/agent_open.h).
 */
#pragma once

#include "proxy/link/hub.h"
#include "proxy/tunnel/uplinks.h"

/** Fills in the hub's carriers, for clients behind agents and for those without. `u` is borrowed until the call with NULL, which
 * empties them. */
void agent_hand_carrier(struct hub *h, struct uplinks *u);
