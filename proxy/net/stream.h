/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A stream: one byte pipe to one peer, plain TCP (proxy/net/tcp_stream.c) or TLS over TCP (tls/stream.c).
 *
 * A stream never calls up, never waits and touches no event: its owner asks stream_wants() which socket events to watch
 * and calls again when they come. It belongs to one thread at a time; it may move to another while no event
 * watches it. Every fd is non-blocking and close-on-exec.
 *
 * The life of a stream: greet until GREETED, then read and write in any order, shut_write once, close once.
 */
#pragma once

#include "proxy/base/address.h"
#include "proxy/base/reason.h"
#include "proxy/net/chunk.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Results of read and write below zero; 0 from read is STREAM_END. */
enum {
    STREAM_END = 0,    /**< read only: the peer's orderly end (FIN; for TLS close_notify) */
    STREAM_AGAIN = -1, /**< nothing now; wait for the events of stream_wants() */
    STREAM_FAILED = -2 /**< broken, see `why`; only close is allowed now */
};

/** Results of greet and shut_write. */
enum stream_step { STREAM_STEP_DONE, STREAM_STEP_AGAIN, STREAM_STEP_FAILED };

/** Interests and socket events. */
enum { STREAM_READ = 1, STREAM_WRITE = 2 };

enum stream_close {
    STREAM_CLOSE_ORDERLY, /**< FIN if none was sent yet */
    STREAM_CLOSE_RESET    /**< RST: the peer must not take what it got for complete */
};

struct stream;

struct stream_ops {
    const char *name; /**< "tcp" or "tls" */
    enum stream_step (*greet)(struct stream *s);
    ssize_t (*read)(struct stream *s, void *bytes, size_t size);
    ssize_t (*write)(struct stream *s, const void *bytes, size_t size);
    enum stream_step (*flush)(struct stream *s);
    enum stream_step (*shut_write)(struct stream *s);
    void (*close)(struct stream *s, enum stream_close how);
    unsigned (*wants)(const struct stream *s, unsigned interest);
    bool (*has_pending)(const struct stream *s);
};

struct stream {
    const struct stream_ops *ops;
    int fd;                  /**< -1 when closed */
    struct address peer;     /**< who is at the other end */
    struct address local;    /**< our end; filled in once connected */
    enum reason why;         /**< after FAILED. Reasons that have a side are given in their FRONT_ form; the owner turns them */
    bool is_guarded;         /**< the owner's: socket_guard() was called for it */
    struct chunk_pool *pool; /**< of the thread that the stream belongs to now; set by the owner */
};

/**
 * Do what must happen before bytes can move: finish a TCP connect, then the TLS handshake.
 * Call at once after creation and after each event until it is DONE or FAILED.
 */
static inline enum stream_step stream_greet(struct stream *s)
{
    return s->ops->greet(s);
}

/** Read up to `size` (> 0) bytes: the count, STREAM_END, STREAM_AGAIN or STREAM_FAILED. */
static inline ssize_t stream_read(struct stream *s, void *bytes, size_t size)
{
    return s->ops->read(s, bytes, size);
}

/**
 * Take up to `size` (> 0) bytes for the peer: the count taken, STREAM_AGAIN or STREAM_FAILED. A TLS stream may hold taken bytes
 * encrypted until the socket accepts them: then stream_wants() asks for STREAM_WRITE whatever the interest, and stream_flush() or
 * the next write sends them.
 */
static inline ssize_t stream_write(struct stream *s, const void *bytes, size_t size)
{
    return s->ops->write(s, bytes, size);
}

/** Send what the stream holds of bytes taken before: DONE if it holds nothing any more. */
static inline enum stream_step stream_flush(struct stream *s)
{
    return s->ops->flush(s);
}

/**
 * Send our end of stream (TLS: close_notify, then FIN) after everything written. AGAIN: call again on the next event.
 * Reading goes on afterwards. Calling it again after DONE does nothing.
 */
static inline enum stream_step stream_shut_write(struct stream *s)
{
    return s->ops->shut_write(s);
}

/** Close the socket, free the stream. The pointer is dead afterwards. */
static inline void stream_close(struct stream *s, enum stream_close how)
{
    s->ops->close(s, how);
}

/** Which socket events (STREAM_READ | STREAM_WRITE) to watch, given what the owner is interested in. */
static inline unsigned stream_wants(const struct stream *s, unsigned interest)
{
    return s->ops->wants(s, interest);
}

/** True if a read may return bytes although the socket is silent: the owner must call again without an event. */
static inline bool stream_has_pending(const struct stream *s)
{
    return s->ops->has_pending(s);
}
