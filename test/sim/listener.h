/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One listening TCP socket. When descriptors run out it stops accepting for a moment instead of spinning.
 */
#ifndef GEOSIM_LISTENER_H
#define GEOSIM_LISTENER_H

#include "test/sim/address.h"
#include "test/sim/loop.h"

/** Takes an accepted, non-blocking fd. */
typedef void (*listener_fn)(void *arg, int fd);

struct listener {
    struct loop *loop;
    struct watch watch; /* fd -1 when closed */
    struct timer again;
    listener_fn fn;
    void *arg;
};

/**
 * Listen on `at`; with port 0 the kernel chooses, and `at` is updated.
 * Returns 0, or -1 with errno. Borrows `l` until listener_close().
 */
int listener_open(struct listener *l, struct loop *loop, struct address *at, listener_fn fn, void *arg);

/** Close; a closed one may be closed again. */
void listener_close(struct listener *l);

#endif
