/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sockets of the server side that must be opened while the process has its rights: the intercept listeners and the raw
 * sockets of the SYN watch. Main thread, before any other thread runs.
 */
#pragma once

#include "config/model.h"

#define HUB_FAMILIES 2 /**< IPv4, IPv6 */

struct hub_sockets {
    int intercept[HUB_FAMILIES]; /**< -1: none */
    int syns[HUB_FAMILIES];      /**< -1: none */
};

/** Why they could not be opened. */
struct hub_sockets_fault {
    char sentence[512];
    const char *remedy;
};

/**
 * Opens what the configuration needs; `has_intercept`: intercept listeners are there already. 0, or -1 with a sentence and its
 * remedy in `ret`; hub_sockets_close() also then.
 */
int hub_sockets_open(struct hub_sockets *s, const struct cfg *cfg, bool has_intercept, struct hub_sockets_fault *ret);

/** Closes what nobody has taken. */
void hub_sockets_close(struct hub_sockets *s);
