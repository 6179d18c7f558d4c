/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What `georelay learn` has seen: the first bytes of links and the ports that servers dialled, in memory only.
 *
 * Bounded: the oldest link goes when there are too many, and what was dialled for its client is then no longer asked for in the
 * others. Memory is wiped before it is given back. Main thread.
 */
#pragma once

#include "proxy/link/carrier.h"
#include "proxy/wire/port_find.h"

#include <sys/queue.h>

/** Links that are kept; pairs of client and port. */
#define LEARN_LINKS 1024
#define LEARN_DIALS 4096

/** A link of which nothing came for so long has been read by the server: what it announces has been dialled. */
#define LEARN_SETTLE_MS 3000

struct learn_link {
    TAILQ_ENTRY(learn_link) entry;
    struct session_handle session;
    const struct cfg_link *link;
    struct identity identity;
    uint64_t moved_ms; /**< when the last bytes came */
    size_t count;
    uint8_t bytes[PORT_FIND_BYTES];
};

struct learn_dial {
    const struct cfg_link *link;
    struct identity identity;
    uint16_t port;
    bool is_excused;
};

struct learn_store {
    TAILQ_HEAD(learn_links, learn_link) links; /**< the oldest first */
    size_t links_count;
    struct learn_dial *dials; /**< LEARN_DIALS */
    size_t dials_count;
    uint64_t changes; /**< counts up when something was added */
};

/** What there is of one link of the configuration. */
struct learn_seen {
    size_t links;
    size_t clients;
    size_t dials;  /**< different clients and ports */
    size_t others; /**< of these, ports outside of advise.ports */
};

/** 0, or -1 without memory. */
int learn_store_init(struct learn_store *store);

/** Wipes and frees. Idempotent. */
void learn_store_fini(struct learn_store *store);

/** The next bytes of a session's link. */
void learn_store_add(struct learn_store *store, struct session_handle session, const struct cfg_link *link,
                     const struct identity *identity, const uint8_t *bytes, size_t count);

/** The server dialled this port of the identity. */
void learn_store_dialled(struct learn_store *store, const struct cfg_link *link, const struct identity *identity, uint16_t port);

/** The rules that fit what was seen of one link of the configuration. 0, or -1 without memory. */
int learn_store_find(const struct learn_store *store, const struct cfg_link *link, struct port_found *ret,
                     struct learn_seen *ret_seen);
