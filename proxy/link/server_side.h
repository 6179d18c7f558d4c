/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The server side of a link: the carrier that dials the server's node, from the address that the client's identity leases.
 *
 * On workers; the leases themselves are with the hub (proxy/link/hub.h).
 */
#pragma once

#include "proxy/session/session.h"

/** Back ops for SESSION_LINK at the relay. `ask` must name link, agent (or NULL) and client. */
extern const struct session_back server_side_back;

/** The hub's answer: `ask.lease` and the opening's `source` are set; dial. */
void server_side_granted(struct session *s);
