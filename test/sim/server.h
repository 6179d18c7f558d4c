/* SPDX-License-Identifier: Apache-2.0 */
/* The command `geosim server`. */
#ifndef GEOSIM_SERVER_H
#define GEOSIM_SERVER_H

#include "test/sim/options.h"

/** Run a server until its time is up or a signal comes. Returns the exit code. */
int server_main(const struct options *o);

#endif
