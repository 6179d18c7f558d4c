/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The island: at the administrator's word georelay is cut off from all agents, relays and clients, and stays so, also after a
 * restart, until the word is taken back. Servers are still looked after, and control socket and admin port answer.
 *
 * Cutting off takes effect at once; then a file in the state folder is made, which the start looks for. Main loop.
 */
#pragma once

#include "proxy/app/status.h"

struct island_done {
    size_t sessions;  /**< that have ended */
    unsigned tunnels; /**< control channels that were closed */
    int error;        /**< errno; not 0: the next start will not know of it */
};

/** NULL: the program ends. */
typedef void island_fn(void *arg, const struct island_done *result);

/**
 * Is it one from before? Before any worker runs. `view` is borrowed until island_stop(). 0, or -1 with errno.
 */
int island_start(const struct status_view *view);

/** Nothing is called any more. */
void island_stop(void);

/** An order is being carried out. */
bool island_is_busy(void);

/** `done` is called once, later. Not while it is busy. */
void island_set(bool is_on, island_fn *done, void *arg);

/** Where it is written down. */
const char *island_path(void);
