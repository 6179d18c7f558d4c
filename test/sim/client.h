/* SPDX-License-Identifier: Apache-2.0 */
/* The command `geosim client`. */
#ifndef GEOSIM_CLIENT_H
#define GEOSIM_CLIENT_H

#include "test/sim/options.h"

/** Run client machines until their goal is reached, their time is up or a signal comes. Returns the exit code. */
int client_main(const struct options *o);

#endif
