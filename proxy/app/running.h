/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the georelay that runs with a configuration says of itself: its status document (docs/status.md), by the control socket.
 * For commands. One thread.
 */
#pragma once

#include "config/model.h"

#include <stdbool.h>

struct running;

/** Asks; blocks for CONTROL_ASK_MS at most. NULL if there is no control socket, or nobody who answers there. */
struct running *running_ask(const struct cfg *cfg);

/** NULL is ignored. */
void running_free(struct running *r);

/** Texts live as long as `r`. */
const char *running_version(const struct running *r);
long running_pid(const struct running *r);
unsigned long running_max_files(const struct running *r);
bool running_is_island(const struct running *r);

/** The other end of a tunnel. */
struct running_tunnel {
    bool is_up;
    const char *peer;    /**< "IP:PORT" */
    const char *version; /**< of its program; NULL: it did not say */
    unsigned protocol;   /**< that both speak; 0: not told */
    const char *why;     /**< of a tunnel that is down: why it ended last, by name; NULL: it was never up, or not told */
};

/** The agent of a relay, or the relay of an agent, by the name that the configuration has. False: it is not known there. */
bool running_agent(const struct running *r, const char *name, struct running_tunnel *ret);
bool running_relay(const struct running *r, const char *name, struct running_tunnel *ret);

/** Calls `found` for each session whose client this process connects to itself, or would. */
typedef void running_client_fn(void *arg, const struct address *client);
void running_clients(const struct running *r, running_client_fn *found, void *arg);
