/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The end of agents' hours at their seats: control channels end, where hours_end is "close". Main loop.
 *
 * Links, advises and spare channels of the agent end on their workers (proxy/session/curfew.h).
 */
#pragma once

#include "proxy/tunnel/seats.h"

struct seats_curfew {
    struct site *site;
    struct seats *seats;
    struct deadline deadline;
};

/** Starts looking each second, if any agent has such hours. `site` and `seats` are borrowed until the end. */
void seats_curfew_init(struct seats_curfew *c, struct loop *loop, struct site *site, struct seats *seats);

/** The site has moved to a newer configuration. */
void seats_curfew_move(struct seats_curfew *c);

/** Before seats_free(). All zero is ignored. */
void seats_curfew_fini(struct seats_curfew *c);
