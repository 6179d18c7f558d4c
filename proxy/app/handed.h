/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Listening sockets that whoever started us has opened and handed over (socket activation, sd_listen_fds(3)): LISTEN_FDS of them
 * from descriptor 3 on, if LISTEN_PID is us. Then ports below 1024 need no right at all.
 *
 * A socket is used for the listen address of the configuration that it is bound to; one that nobody takes is an error. Main
 * thread, at the start.
 */
#pragma once

#include "config/model.h"
#include "proxy/base/address.h"

/** So many may be handed over. */
#define HANDED_MAX 256

/**
 * Takes the environment's variables away, looks at each socket, makes it close-on-exec and non-blocking. 0, also without any; or
 * -1 and every problem is told on standard error with its remedy.
 */
int handed_open(void);

/**
 * A descriptor, the caller's own, of a socket for this address, or -1: there is none. If there are several, as with
 * SO_REUSEPORT, each worker in turn gets another one; if there is one, all share it.
 */
int handed_take(const struct address *at, unsigned worker);

/** Closes what is left. 0, or -1 if there was one for no address of the configuration: each is told on standard error. */
int handed_close(const struct cfg *cfg);
