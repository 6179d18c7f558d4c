/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An active lease: where its advises are caught, its grace time, its end.
 *
 * With addressing "transparent" nothing is listened on for it: the intercept listener (proxy/link/intercept.h) takes everything.
 * Main loop only.
 */
#pragma once

#include "proxy/link/hub.h"

/** Opens the advise ports of the lease. REASON_NONE, or DIAL_NO_SOURCE, LEASE_LISTEN, NO_FILES, NO_MEMORY (logged). */
enum reason lease_open(struct hub *h, struct lease *lease);

/** An advise has come: the server finds its way back. Else ev=advise_missing says after a while that none did. */
void lease_note_advise(struct lease *lease);

/** One session more, one less; the last one starts the grace time, after which the lease ends. */
void lease_hold(struct lease *lease);
void lease_let_go(struct lease *lease);

/** Addressing "rewrite": one link more, one less that announced `port`. See announced_get(). */
enum reason lease_announce(struct lease *lease, uint16_t port, uint16_t *ret_ours);
void lease_withdraw(struct lease *lease, uint16_t port);

/** True if the lease, which is active, listens on one of these ports. */
bool lease_listens_in(const struct lease *lease, const struct port_range *range);

/** The client's port for an advise at our `port`; 0: the lease does not catch it. */
uint16_t lease_client_port(const struct lease *lease, uint16_t port, bool is_intercepted);

/** Closes the listeners and ends the advises of this activation now. Frees the lease, unless it is one that is remembered. */
void lease_close(struct lease *lease);
