/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Two ends of a loopback connection: our streams, or OpenSSL alone as a stranger. Failures stop the program.
 */
#pragma once

#include "proxy/net/stream.h"
#include "tls/stream.h"

#include <openssl/ssl.h>

/** A connected pair of non-blocking loopback sockets; `buffer` bytes of socket buffer, 0 for the kernel's default. */
void pair_sockets(int fd[2], int buffer);

/** A stranger on `fd`: OpenSSL's own socket code, no certificate checks. Frees with stranger_free(), which closes `fd` without
 * ceremony. */
SSL *stranger_new(SSL_CTX *ctx, int fd, bool is_client);
void stranger_free(SSL *ssl);

/** Our end of a door on `fd`. */
struct stream *pair_accept(struct tls_context *door, int fd, struct chunk_pool *pool);

/** Our end of an agent on `fd`. */
struct stream *pair_connect(struct tls_context *agent, int fd, unsigned relay, struct chunk_pool *pool);

/** Steps both ends until both are done or failed. `b` or `stranger` may be NULL. Gives a's last step, b's in `ret_b`. */
enum stream_step pair_greet(struct stream *a, struct stream *b, SSL *stranger, enum stream_step *ret_b);

/** Reads until `size` bytes, an end or a failure: the count, or STREAM_END, STREAM_FAILED if that came first. */
ssize_t pair_read(struct stream *s, void *bytes, size_t size);

/** The same of a stranger: the count, or SSL_ERROR_… negated. */
int stranger_read(SSL *ssl, void *bytes, int size);

/** Waits for the events that the stream wants. */
void pair_wait(struct stream *s, unsigned interest);
