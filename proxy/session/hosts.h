/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The addresses of every endpoint of the configuration (`server`, `servers`, `relays`) as one thread knows them.
 *
 * Each worker and the main loop has its own copy, so that no lock is needed; the main loop's resolver spreads changes by mail.
 * A host that did not answer is remembered as down for a moment, so that links to it are refused at once. A dial from a leased
 * address that gets no answer says little: perhaps the server's firewall knows that address not. So it counts for this
 * address only, until a second address fails too and none has got through since. A server that health checks found ill
 * (proxy/web/health.h) is down until they say otherwise, whoever dials.
 */
#pragma once

#include "config/model.h"
#include "proxy/net/resolver.h"

/** How long a host that did not answer is not tried again. */
#define HOST_DOWN_MS 2000

/** Sources remembered per host; two that share a place overwrite each other, which only costs a dial. */
#define HOST_SOURCES 64

struct host_source {
    struct address address;
    uint64_t down_until_ms;
};

struct known_host {
    const struct cfg_endpoint *endpoint;
    struct host_addresses addresses;
    bool is_unhealthy;            /**< health checks say so; set by the main loop or by its mail */
    uint64_t down_until_ms;       /**< for every source; 0: up, as far as we know */
    struct address failed_source; /**< the last one that got no answer, with no success since */
    struct host_source sources[HOST_SOURCES];
};

struct hosts {
    struct known_host *list; /**< in an order that is the same in every thread */
    unsigned count;
};

/** 0, or -1 without memory. `cfg` is borrowed until hosts_fini(). */
int hosts_init(struct hosts *h, const struct cfg *cfg);
void hosts_fini(struct hosts *h);

/** The entry of an endpoint of that configuration. */
struct known_host *hosts_find(struct hosts *h, const struct cfg_endpoint *endpoint);

/** What is known about addresses of names that are also in `from` is known in `to`. */
void hosts_inherit(struct hosts *to, const struct hosts *from);

/** The host did not answer to a dial from `source` (unset: any). */
void host_set_down(struct known_host *host, const struct address *source);

/** It did. */
void host_set_up(struct known_host *host, const struct address *source);

/** True if it is not worth dialling from `source` now. */
bool host_is_down(const struct known_host *host, const struct address *source);
