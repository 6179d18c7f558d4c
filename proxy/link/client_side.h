/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The client side of a link: takes links from clients, and dials clients to deliver an advise.
 *
 * At the relay for direct clients, at an agent for the clients beside it. On workers, but for client_side_carrier().
 */
#pragma once

#include "proxy/link/carrier.h"

/** Front ops of a plain link door. What the link asks for goes to the carrier set by client_side_init(). */
extern const struct session_front client_side_front;

/** Back ops that dial `ask.client` to deliver an advise. The caller has checked that it may be dialled. */
extern const struct session_back client_side_deliver;

/** The carrier of links: server_side_back at the relay, the tunnel's at an agent. Once, before workers run. */
void client_side_init(const struct session_back *link_carrier);

/** Fills in the hub's local carrier of advises: delivery by dialling the client from here. */
void client_side_carrier(struct hub *h);
