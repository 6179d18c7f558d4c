/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What arrives from a server: whose advise it is.
 *
 * It belongs to the active lease of the address that was dialled, which catches the port, and on whose link this peer is the
 * server (or one of advise.from). Where there is none it is reset and told (ev=refuse, source_not_allowed or no_lease). Main loop
 * only.
 */
#pragma once

#include "proxy/link/hub.h"

/**
 * **Takes** a connection from `peer` to `local`. `is_intercepted`: a TPROXY rule led it to us, so it may have come to any address
 * and port.
 */
void arrival_take(struct hub *h, int fd, const struct address *peer, const struct address *local, bool is_intercepted);

/** The active lease at this address on whose link `peer` may dial; NULL: none. The port is not looked at. */
struct lease *arrival_lease_at(struct hub *h, const struct address *peer, const struct address *local);

/** The first active lease of those that may be at this address: they are linked by `next_there`. */
struct lease *arrival_first(struct hub *h, const struct address *at);

/** True if an advise on one of the links could be one on the other. */
bool arrival_share_server(struct hub *h, const struct cfg_link *a, const struct cfg_link *b);

/** True if advises of this link may come from `peer`. */
bool arrival_is_from(struct hub *h, const struct cfg_link *link, const struct address *peer);

/** True if an active lease of another identity has the client's own address towards the same server. */
bool arrival_is_contested(struct hub *h, const struct cfg_link *link, const struct identity *identity);

/** The lease is active from now on, or no longer. */
void arrival_add(struct hub *h, struct lease *lease);
void arrival_remove(struct hub *h, struct lease *lease);
