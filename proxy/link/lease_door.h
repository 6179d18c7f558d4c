/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An active lease: its advise listeners, its grace time, and what the server opens there.
 *
 * Main loop only.
 */
#pragma once

#include "proxy/link/hub.h"

/** Opens the advise ports of the lease's address. REASON_NONE, or DIAL_NO_SOURCE, LEASE_LISTEN, NO_FILES, NO_MEMORY (logged). */
enum reason lease_open(struct hub *h, struct lease *lease);

/** One session more, one less; the last one starts the grace time, after which the lease ends. */
void lease_hold(struct lease *lease);
void lease_let_go(struct lease *lease);

/** Closes the listeners and ends the advises of this activation now. */
void lease_close(struct lease *lease);
