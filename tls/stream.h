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
    bool is_tunnel; /**< ALPN chose the tunnel */
    bool is_resumed;
    bool has_client_certificate; /**< the client of a web front door showed one, and it is good */
    size_t web;                  /**< index of the web front door within the context's list, if one answered */
};

/** A client's certificate as text, printable ASCII all of it. */
struct tls_client_certificate {
    const char *subject; /**< RFC 2253: "CN=operator,O=Example,C=NO" */
    const char *issuer;
    const char *serial; /**< hexadecimal, upper case, whole bytes */
    const char *sha256; /**< of the whole certificate, 64 hexadecimal digits in lower case */
    const char *base64; /**< the whole certificate (DER), in one line */
};

/**
 * A stream over an accepted socket. **Takes** `fd` (also on failure: then it is closed). `peer`, `local` as for accept.
 * NULL without memory. The context gains a reference until close.
 */
struct stream *tls_stream_accept(struct tls_context *context, int fd, const struct address *peer, const struct address *local,
                                 struct chunk_pool *pool);

/**
 * A stream over `under`, a TCP stream whose connect may be under way. **Takes** `under` (also on failure: then it is closed).
 * `relay` is the index of the relay, for session resumption per relay (0-15). NULL without memory.
 */
struct stream *tls_stream_connect(struct tls_context *context, struct stream *under, unsigned relay);

/**
 * The same to a server of an upstream, with a context of tls_context_new_upstream(). `host` is the endpoint's host name or IP
 * address (without brackets), borrowed for the call; `slot` the server's index within its upstream (0-15), always the same for
 * one host. NULL also if `host` can't be a name in TLS.
 */
struct stream *tls_stream_connect_upstream(struct tls_context *context, struct stream *under, const char *host, unsigned slot);

/** Facts of a greeted stream. */
void tls_stream_facts(const struct stream *s, struct tls_facts *ret);

/**
 * The certificate that the client of a web front door showed on this greeted stream; NULL if it showed none, or without memory.
 * Of a resumed session it is the one that was shown when it began. One object with all its texts: the caller frees it with
 * free().
 */
struct tls_client_certificate *tls_stream_client_certificate(const struct stream *s);

/**
 * The same for whoever is at the other end of any stream: also one that was refused for it, and the holder of a tunnel's end.
 * NULL if no certificate was shown, or it is no TLS stream.
 */
struct tls_client_certificate *tls_stream_peer_certificate(const struct stream *s);

/** True for a TLS stream whose other end asked for the tunnel, or is asked for it. */
bool tls_stream_is_tunnel(const struct stream *s);

/** The first certificate of a PEM file; NULL if there is none. */
struct tls_client_certificate *tls_certificate_of_file(const char *path);

/**
 * What X-ARR-SSL says of this greeted stream of a web front door (tls/arr_ssl.h); NULL for any other. Lives as long as the
 * stream's context.
 */
const char *tls_stream_arr_ssl(const struct stream *s);
