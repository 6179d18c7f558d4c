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

/** Opens what the configuration needs. 0, or -1 told on standard error with the remedy; hub_sockets_close() also then. */
int hub_sockets_open(struct hub_sockets *s, const struct cfg *cfg);

/** Closes what nobody has taken. */
void hub_sockets_close(struct hub_sockets *s);
