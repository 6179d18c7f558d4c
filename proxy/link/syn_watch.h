/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The SYN watch: sees advises that nobody takes up. Addressing "alias".
 *
 * A client whose Sockets range is full announces another port; without any_port, or where its TPROXY rule is missing, the kernel
 * then refuses the server's dial-back and nobody would ever know. A raw socket shows us every SYN; one from a server to an active
 * leased address at a port that is not caught is told (ev=advise_missed). Payload is never seen: a SYN has none that we read.
 * Main loop only.
 */
#pragma once

#include "proxy/link/hub.h"

/** **Takes** the raw sockets, if there are any. 0, or -1 without memory. */
int syn_watch_start(struct hub *h, struct hub_sockets *sockets);
void syn_watch_stop(struct hub *h);

/** The intercept listener has accepted a connection: its SYN was not missed. */
void syn_watch_accepted(struct hub *h, const struct address *peer, const struct address *local);
