/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The addresses of a link's pool and who holds them. Pure: no sockets, no clock.
 *
 * The same identity gets the same address again, for as long as the pool has room for everybody: pinned ones always; else the one
 * that it had last; else one that nobody had; else the one whose holder has been away longest. An address whose lease is active
 * is never given to another.
 */
#pragma once

#include "proxy/link/carrier.h"

struct lease {
    struct lease *next; /**< in its table's hash bucket */
    struct lease_table *table;
    struct identity identity;
    struct address address; /**< port 0 */
    bool is_pinned;
    int64_t used_s;   /**< wall clock, seconds: when it was last active */
    bool is_active;   /**< holders, or within the grace time */
    unsigned holders; /**< sessions */
    uint64_t serial;  /**< of this activation */
    void *doorstep;   /**< the broker's: listeners and grace time while active */
};

struct lease_table {
    const struct cfg_link *link;
    struct lease **buckets;
    size_t buckets_count; /**< a power of two */
    bool *is_taken;       /**< per address of the pool: has a lease, active or remembered, or is pinned */
    size_t size;          /**< addresses in the pool */
    size_t next;          /**< where to look first for one that nobody had */
    size_t leases_count;
    size_t active_count;
};

/** 0, or -1 without memory. `link` is borrowed until fini. */
int lease_table_init(struct lease_table *t, const struct cfg_link *link);
void lease_table_fini(struct lease_table *t);

/** The lease of an identity, or NULL. */
struct lease *lease_find(const struct lease_table *t, const struct identity *identity);

/** The lease of an identity, made or taken over if need be; NULL: every address is active or pinned (or no memory). */
struct lease *lease_get(struct lease_table *t, const struct identity *identity);

/** Enters a remembered lease. False if it no longer fits: outside the pool, taken, pinned to another, a second one of the
 * identity. */
bool lease_remember(struct lease_table *t, const struct identity *identity, const struct address *address, int64_t used_s);

/** Calls `each` for every lease. `each` must not add or remove leases. */
void lease_each(struct lease_table *t, void (*each)(struct lease *lease, void *arg), void *arg);
