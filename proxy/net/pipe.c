/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the pipes of one loop. Loop's thread only. */
#include "proxy/net/pipe.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct pipe *pipe_open(void)
{
    struct pipe *pipe = calloc(1, sizeof(*pipe));
    int fds[2], size;

    if (pipe == NULL)
        return NULL;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(pipe);
        return NULL;
    }
    (void)fcntl(fds[1], F_SETPIPE_SZ, (int)PIPE_BYTES); /* less is fine */
    size = fcntl(fds[1], F_GETPIPE_SZ);
    pipe->read_fd = fds[0];
    pipe->write_fd = fds[1];
    pipe->size = size > 0 ? (size_t)size : 4096;
    return pipe;
}

static void pipe_close(struct pipe *pipe)
{
    close(pipe->read_fd);
    close(pipe->write_fd);
    free(pipe);
}

struct pipe *pipe_get(struct pipe_pool *pool)
{
    struct pipe *pipe = pool->unused;

    if (pipe != NULL) {
        pool->unused = pipe->next;
        pool->unused_count--;
    } else {
        if (pool->lent_count >= PIPE_POOL_LEND)
            return NULL;
        pipe = pipe_open();
        if (pipe == NULL)
            return NULL;
    }
    assert(pipe->fill == 0);
    pool->lent_count++;
    return pipe;
}

void pipe_put(struct pipe_pool *pool, struct pipe **pipe)
{
    struct pipe *p = *pipe;

    if (p == NULL)
        return;
    *pipe = NULL;
    pool->lent_count--;
    if (p->fill > 0 || pool->unused_count >= PIPE_POOL_KEEP) {
        pipe_close(p);
        return;
    }
    p->next = pool->unused;
    pool->unused = p;
    pool->unused_count++;
}

void pipe_pool_fini(struct pipe_pool *pool)
{
    while (pool->unused != NULL) {
        struct pipe *p = pool->unused;

        pool->unused = p->next;
        pipe_close(p);
    }
    pool->unused_count = 0;
}
