/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who is who towards a link's server: the address, and the ports, that an identity holds. Pure: no sockets, no clock.
 *
 *     addressing     address                 ports that the server may dial
 *     alias          one of the pool         advise.ports, and with any_port all others
 *     transparent    the client's own        all
 *     ports          advise.address          the client's own range
 *     rewrite        advise.address          those of relay_ports that stand for announced ones (proxy/link/lease_door.h)
 *
 * Only leases of a pool are remembered when they have ended. The same identity gets the same address again, for as long as the
 * pool has room for everybody: pinned ones always; else the one that it had last; else one that nobody had; else the one whose
 * holder has been away longest. An address whose lease is active is never given to another.
 */
#pragma once

#include "proxy/link/carrier.h"

struct lease {
    struct lease *next; /**< in its table's hash bucket */
    struct lease_table *table;
    struct identity identity;
    struct address address;   /**< towards the server; port 0 */
    struct port_range ports;  /**< {0, 0}: none, or given one by one ("rewrite") */
    uint8_t instance[16];     /**< of the control channel over which its last link came */
    struct lease *next_there; /**< among the active leases of one place of the hub's index */
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

/**
 * The lease of an identity, made or taken over if need be. NULL with POOL_EXHAUSTED (every address is active or pinned), NO_RANGE
 * or NO_MEMORY in `ret_why`.
 */
struct lease *lease_get(struct lease_table *t, const struct identity *identity, enum reason *ret_why);

/** Removes and frees a lease that is not active. */
void lease_forget(struct lease *lease);

/** True if the lease is remembered when it has ended. */
static inline bool lease_is_kept(const struct lease *lease)
{
    return lease->table->size > 0;
}

/** True if the server may dial this port, by configuration. `is_intercepted`: a TPROXY rule led it to us. */
bool lease_catches(const struct lease *lease, uint16_t port, bool is_intercepted);

/** The ports of our side that servers may dial: links to them are never dialled from such a one. */
struct port_range lease_advise_ports(const struct cfg_link *link);

/** Enters a remembered lease. False if it no longer fits: outside the pool, taken, pinned to another, a second one of the
 * identity. */
bool lease_remember(struct lease_table *t, const struct identity *identity, const struct address *address, int64_t used_s);

/**
 * Moves a lease to the newer table of its link: an active one if the same server there could dial it at the same address and
 * ports, any other if the address is still one of the pool. False: it stays. Never fails for memory.
 */
bool lease_move(struct lease *lease, struct lease_table *to);

/** An address of the pool, if it is one, is not given to anybody that has it not already, until it is released. */
void lease_table_avoid(struct lease_table *t, const struct address *address);

/** The end of lease_table_avoid(). */
void lease_table_release(struct lease_table *t, const struct address *address);

/** Calls `each` for every lease. `each` must not add leases, and remove none but the one that it is called for. */
void lease_each(struct lease_table *t, void (*each)(struct lease *lease, void *arg), void *arg);
