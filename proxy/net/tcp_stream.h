/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The plain TCP stream: a struct stream (proxy/net/stream.h) straight on a socket.
 */
#pragma once

#include "proxy/net/account.h"
#include "proxy/net/stream.h"

/** A stream over an accepted, connected socket. **Takes** `fd`, also on failure (NULL without memory: `fd` is closed). */
struct stream *tcp_stream_accept(int fd, const struct address *peer, const struct address *local, struct chunk_pool *pool);

/** A stream over a socket of socket_dial() whose connect may be under way; greet finishes it. It is counted for `purpose`.
 * **Takes** `fd`, also on failure. */
struct stream *tcp_stream_connect(int fd, const struct address *peer, enum account_purpose purpose, struct chunk_pool *pool);

/** Frees the stream but not its socket: the caller owns the returned fd. */
int tcp_stream_release(struct stream *s);

/** The socket for splice(2), or -1 if the stream's bytes do not travel plain. */
int tcp_stream_splice_fd(const struct stream *s);

/** Fills in `local` from the kernel. */
void tcp_stream_learn_local(struct stream *s);
