/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who is who among the peers of a relay or agent, by its configuration: the clients' networks, the servers, the relays, the
 * audit's syslog receiver. Names are looked up once, when the list is made, and that blocks. For "georelay prove".
 */
#pragma once

#include "config/model.h"

enum prove_kind { PROVE_CLIENTS = 0, PROVE_SERVER, PROVE_SERVER_SOURCE, PROVE_RELAY, PROVE_RECEIVER };

/** One entry of the configuration. A name that has several addresses makes several. */
struct prove_peer {
    enum prove_kind kind;
    struct network network;
    uint16_t port;    /**< of servers, relays and receivers; 0: any */
    const char *text; /**< as written, or the name of a clients' network's agent; borrowed from the configuration */
    bool is_unknown;  /**< a name that could not be looked up: `network` is empty */
};

/** All zero is an empty list. */
struct prove_peers {
    struct prove_peer *list;
    size_t count;
};

/** 0, or -1 without memory; prove_peers_fini() frees either way. Borrows the configuration until then. */
int prove_peers_init(struct prove_peers *p, const struct cfg *cfg);

/** The entry of that kind in which this IP is, whatever its port; NULL: none. */
const struct prove_peer *prove_peers_find(const struct prove_peers *p, enum prove_kind kind, const struct address *ip);

/** The same, and the port is that of the entry, or the entry has none. */
const struct prove_peer *prove_peers_find_port(const struct prove_peers *p, enum prove_kind kind, const struct address *peer);

void prove_peers_fini(struct prove_peers *p);
