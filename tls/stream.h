/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The TLS stream: a struct stream (proxy/net/stream.h) whose bytes travel in TLS records over a TCP socket.
 *
 * Reading takes as much ciphertext from the socket as a chunk holds with one call and decrypts from memory; writing encrypts
 * everything that it is given into one chunk and sends that with one call. Both chunks are borrowed from the stream's pool and
 * go back as soon as they are empty, so an idle stream holds none.
 *
 * Ends: the peer's close_notify is STREAM_END; a FIN without it is FAILED with REASON_TLS_TRUNCATED; a TCP reset is
 * FAILED with REASON_FRONT_RESET. stream_shut_write() sends close_notify, and once that has left, shuts the socket's write side;
 * reading goes on. Renegotiation is refused.
 */
#pragma once

#include "proxy/net/stream.h"
#include "tls/context.h"

/** How the handshake ended, for logs; all pointers are constant strings or live as long as the stream. */
struct tls_facts {
    const char *version; /**< "TLSv1.3" */
    const char *cipher;
    const char *server_name; /**< the SNI that the client sent, or NULL */
    bool is_tunnel;          /**< ALPN chose the tunnel */
    bool is_resumed;
    size_t web; /**< index of the web front door within the context's list, if not is_tunnel */
};

/**
 * A stream over an accepted socket. **Takes** `fd` (also on failure: then it is closed). `peer`, `local` as for accept.
 * NULL without memory. The context gains a reference until close.
 */
struct stream *tls_stream_accept(struct tls_context *context, int fd, const struct address *peer, const struct address *local,
                                 struct chunk_pool *pool);

/**
 * A stream over `under`, a TCP stream whose connect may be under way. **Takes** `under` (also on failure: then it is closed).
 * `relay` is the index of the relay, for session resumption per relay (0-15).
 */
struct stream *tls_stream_connect(struct tls_context *context, struct stream *under, unsigned relay);

/** Facts of a greeted stream. */
void tls_stream_facts(const struct stream *s, struct tls_facts *ret);
