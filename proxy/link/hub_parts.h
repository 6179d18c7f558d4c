/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the hub's own files need of each other; see proxy/link/hub.h. Main loop.
 */
#pragma once

#include "proxy/link/hub.h"

/** The newest table of a link, by its name; NULL if the configuration has no such link any more. */
struct lease_table *hub_table(const struct hub *h, const struct cfg_link *link);

/** The active lease of this activation, wherever it is; NULL if it has ended. */
struct lease *hub_lease(const struct hub *h, const struct cfg_link *link, const struct identity *identity, uint64_t serial);

/** The addresses of a link's server, of whichever configuration it is; NULL: not known any more. */
const struct host_addresses *hub_servers(const struct hub *h, const struct cfg_link *link);

/** The configuration of a lease's link, held for somebody. */
const struct cfg *hub_hold_cfg(const struct hub *h, const struct lease *lease);

/** A newer configuration counts: leases may be worth keeping now. */
void hub_state_moved(struct hub *h);

/** True if the lease, which is not active, would catch what one that could not be moved still catches. */
bool hub_is_occupied(struct hub *h, const struct lease *lease);

/** A lease has been closed: if it is an older configuration's, its address is free again, and first of all its identity's. */
void hub_settle(struct hub *h, struct lease *lease);

/** A lease has been closed: links that had stayed for it may go. */
void hub_tidy(struct hub *h);

void hub_state_init(struct hub *h);

/** True if some entry has a pool of addresses, whose leases are kept. */
bool hub_has_pool(const struct hub *h);

/** Reads the state file, if some link keeps leases. 0, or -1 with errno. */
int hub_state_load(struct hub *h);

/** A lease was added: the file is written within moments. */
void hub_state_save_soon(struct hub *h);

/** Writes the file for the last time. */
void hub_state_fini(struct hub *h);
