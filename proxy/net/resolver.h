/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Looks up host names without holding up any loop, and again: regularly, and soon after a failure.
 *
 * Lives on one loop (main). Each name has at most one look-up in flight, on a thread of its own (proxy/net/job.h). When the
 * addresses of a name change, `changed` is called; it spreads them to the workers. A look-up that fails keeps the addresses known
 * before.
 */
#pragma once

#include "proxy/base/address.h"
#include "proxy/net/loop.h"

/** More addresses of a name are ignored. */
#define HOST_ADDRESSES_MAX 8

struct host_addresses {
    unsigned count; /**< 0: not (yet) known */
    struct address list[HOST_ADDRESSES_MAX];
};

struct resolver;

/** `index` as returned by resolver_add(). */
typedef void resolver_fn(void *arg, unsigned index, const struct host_addresses *addresses);

/** `period_ms`: pause between two look-ups of a name. NULL without memory. */
struct resolver *resolver_new(struct loop *loop, uint64_t period_ms, resolver_fn *changed, void *arg);

/** Adds a name and starts its first look-up. Indexes count from 0. -1 without memory. */
int resolver_add(struct resolver *r, const char *host, uint16_t port);

/** A connection to this name failed: look it up again now, unless that was done within the last second. */
void resolver_hint(struct resolver *r, unsigned index);

/** True once every name has had its first answer, good or bad. */
bool resolver_is_settled(const struct resolver *r);

/** Look-ups in flight are dropped when they end. NULL is ignored. */
void resolver_free(struct resolver *r);
