/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A catcher: one listening socket at an address and port that servers may dial, for all leases that catch advises there.
 *
 * With addressing "ports" or "rewrite" several leases share an address, and leases of different links also a port: the server's
 * address then tells whose advise it is (proxy/link/arrival.h). The socket is opened with the first and closed with the last, so
 * that a dial-back for which there is no client is refused by the kernel itself. Main loop only.
 */
#pragma once

#include "proxy/link/hub.h"

struct catcher;

/** One holder more. NULL with DIAL_NO_SOURCE, LEASE_LISTEN, NO_FILES or NO_MEMORY in `ret_why`; told in the log, naming `link`.
 */
struct catcher *catcher_get(struct hub *h, const struct cfg_link *link, const struct address *at, enum reason *ret_why);

/** One holder less. */
void catcher_put(struct hub *h, struct catcher *c);

/** True if somebody catches there. */
bool catcher_is_at(const struct hub *h, const struct address *at);
