/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the hub's own files need of each other; see proxy/link/hub.h. Main loop.
 */
#pragma once

#include "proxy/link/hub.h"

void hub_state_init(struct hub *h);

/** True if some entry has a pool of addresses, whose leases are kept. */
bool hub_has_pool(const struct hub *h);

/** Reads the state file, if some link keeps leases. 0, or -1 with errno. */
int hub_state_load(struct hub *h);

/** A lease was added: the file is written within moments. */
void hub_state_save_soon(struct hub *h);

/** Writes the file for the last time. */
void hub_state_fini(struct hub *h);
