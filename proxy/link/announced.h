/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Addressing "rewrite": the ports that a client announced, and those of relay_ports that stand for them towards the server.
 *
 * The same port gets the same one of ours while the lease lives, as long as there are enough: of those whose links have ended the
 * oldest makes room. A port of ours stands for one client's at a time, whatever the link, and all others are given before
 * it is given again: a server that dials late finds nobody rather than somebody else. Main loop only.
 */
#pragma once

#include "proxy/link/hub.h"

struct announced_port;

struct announced {
    struct announced_port *list;
    size_t count, room;
    uint64_t turn; /**< counts calls: the larger, the later */
};

/** One link more that announced `port`. NONE with ours in `ret_ours`; or NO_PORT, LEASE_LISTEN, DIAL_NO_SOURCE, NO_FILES,
 * NO_MEMORY. */
enum reason announced_get(struct announced *a, struct hub *h, const struct lease *lease, uint16_t port, uint16_t *ret_ours);

/** One link less. */
void announced_put(struct announced *a, uint16_t port);

/** The client's port for which `ours` stands; 0: none. */
uint16_t announced_find(const struct announced *a, uint16_t ours);

/** True if one of ours is in the range. */
bool announced_is_in(const struct announced *a, const struct port_range *range);

/** Closes all listeners. */
void announced_fini(struct announced *a, struct hub *h);
