/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Real TCP connections over loopback, and what a peer does with its end. All without waiting, unless said. Failures stop the
 * program.
 */
#pragma once

#include "proxy/net/stream.h"

/** A connected pair; fd[0] is the end that connected. `buffer`: bytes of socket buffer at each end, 0 for the kernel's default.
 */
void loopback_pair(int fd[2], int buffer);

/** A plain TCP stream on `fd`, with its addresses. */
struct stream *loopback_stream(int fd, struct chunk_pool *pool);

/** Sends all, waiting up to five seconds. */
void loopback_send(int fd, const void *bytes, size_t size);

/** What a peer's end tells now: bytes read (into `bytes`), 0 its end, -1 nothing, -2 reset. */
enum { LOOPBACK_END = 0, LOOPBACK_NOTHING = -1, LOOPBACK_RESET = -2 };
ssize_t loopback_read(int fd, void *bytes, size_t size);

/** Waits up to five seconds until there is something to read: bytes, the end or a reset. */
void loopback_wait(int fd);

/** Closes with RST. */
void loopback_reset(int fd);

/** How many fds are open in this process. */
size_t open_fds(void);
