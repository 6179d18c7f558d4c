/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The intercept listener: takes what TPROXY rules lead to it, whatever address and port a server dialled. Addressing
 * "transparent", and "alias" with any_port.
 *
 * A connection that was made to it directly, or for which there is no lease, is reset at once. Main loop only.
 */
#pragma once

#include "proxy/link/hub.h"

/** **Takes** the listening sockets. 0, or -1 without memory. */
int intercept_start(struct hub *h, struct hub_sockets *sockets);
void intercept_stop(struct hub *h);
