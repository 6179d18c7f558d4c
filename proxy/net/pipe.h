/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Kernel pipes for splice(2), borrowed from the loop only while bulk data moves.
 *
 * A pipe goes back to the pool empty or is closed. Linux only, like everything about it (proxy/net/pump_splice.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** Wanted room. Without CAP_SYS_RESOURCE the kernel's fs.pipe-max-size (1 MiB by default) and the user's total may give less. */
#define PIPE_BYTES ((size_t)1 << 20)

/** A pool keeps at most this many unused pipes. */
#define PIPE_POOL_KEEP 16

/** A loop lends at most this many pipes at one time, two fds each; a pump that gets none copies. */
#define PIPE_POOL_LEND 256

struct pipe {
    struct pipe *next;
    int read_fd;
    int write_fd;
    size_t size; /**< room in bytes */
    size_t fill; /**< bytes inside */
};

struct pipe_pool {
    struct pipe *unused;
    size_t unused_count;
    size_t lent_count;
};

/** An empty pipe, or NULL: none to be had now. */
struct pipe *pipe_get(struct pipe_pool *pool);

/** Gives a pipe back and clears the caller's pointer; NULL is ignored. One that still holds bytes is closed. */
void pipe_put(struct pipe_pool *pool, struct pipe **pipe);

void pipe_pool_fini(struct pipe_pool *pool);
