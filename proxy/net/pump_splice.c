/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the use of a pump's pipe. splice(2): the sockets are non-blocking themselves, since SPLICE_F_NONBLOCK speaks only of the
 * pipe. */
#include "proxy/net/pump_splice.h"

#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

bool pump_splice_start(struct pump *p)
{
    assert(p->pipe == NULL && chunk_fill(p->chunk) == 0);
    if (tcp_stream_splice_fd(p->from) < 0 || tcp_stream_splice_fd(p->to) < 0)
        return false;
    p->pipe = pipe_get(&p->loop->pipes);
    return p->pipe != NULL;
}

ssize_t pump_splice_fill(struct pump *p)
{
    ssize_t n;

    /* A pipe that holds anything may be full by its slots, and then EAGAIN could mean either end: only an empty one is filled. */
    assert(p->pipe->fill == 0);
    do
        n = splice(p->from->fd, NULL, p->pipe->write_fd, NULL, p->pipe->size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    if (n >= 0) {
        p->pipe->fill += (size_t)n;
        return n;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return STREAM_AGAIN;
    p->why = socket_io_reason(errno);
    return STREAM_FAILED;
}

enum stream_step pump_splice_flush(struct pump *p)
{
    while (p->pipe->fill > 0) {
        ssize_t n = splice(p->pipe->read_fd, NULL, p->to->fd, NULL, p->pipe->fill, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

        if (n > 0) {
            p->pipe->fill -= (size_t)n;
            p->bytes += (uint64_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return STREAM_STEP_AGAIN;
        p->why = n < 0 ? socket_io_reason(errno) : REASON_FRONT_ERROR;
        return STREAM_STEP_FAILED;
    }
    return STREAM_STEP_DONE;
}

void pump_splice_stop(struct pump *p)
{
    pipe_put(&p->loop->pipes, &p->pipe);
}
