/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The addresses of every endpoint of the configuration (`server`, `servers`, `relays`) as one thread knows them.
 *
 * Each worker and the main loop has its own copy, so that no lock is needed; the main loop's resolver spreads changes by mail.
 * A host that did not answer is remembered as down for a moment, so that links to it are refused at once and only one
 * connection in DOWN_MS waits for it.
 */
#pragma once

#include "config/model.h"
#include "proxy/net/resolver.h"

/** How long a host that did not answer is not tried again. */
#define HOST_DOWN_MS 2000

struct known_host {
    const struct cfg_endpoint *endpoint;
    struct host_addresses addresses;
    uint64_t down_until_ms; /**< 0: up, as far as we know */
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

/** The host did not answer. */
void host_set_down(struct known_host *host);
void host_set_up(struct known_host *host);
bool host_is_down(const struct known_host *host);
