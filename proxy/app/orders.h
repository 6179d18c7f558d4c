/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What an administrator can order over the control socket: that sessions end (kill), or that nobody is let in (island). Each
 * order is logged with the user who gave it. Main loop.
 */
#pragma once

#include "proxy/app/status.h"

/** The order was carried out: **gives** the answer, a line of key=value from malloc; NULL: the program ends, or no memory. */
typedef void order_fn(void *arg, char *answer);

/** Ends the sessions that `word` means (proxy/app/cut.h), and with them the control channel of an agent. `uid`: whose order. */
void order_kill(const struct status_view *view, const char *word, unsigned uid, order_fn *done, void *arg);

/** `word`: "on" or "off", see proxy/app/island.h. */
void order_island(const struct status_view *view, const char *word, unsigned uid, order_fn *done, void *arg);
