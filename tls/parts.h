/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of tls/ share; nobody else includes it.
 *
 * A context holds one SSL_CTX that every connection starts with (`start`), and for a door one more per choice: the tunnel, and a
 * *site* for each set of host names. The client hello callback moves the connection to one of them.
 */
#pragma once

#include "proxy/base/reason.h"
#include "proxy/net/stream.h"
#include "tls/context.h"
#include "tls/hello.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/** Relays that an agent's context remembers a session for. */
#define TLS_RELAY_MAX 16

/** Length of a session id context: a SHA-256. */
#define TLS_SID_BYTES 32

/** A tunnel's chain is one certificate, a web chain three or four; a peer may send no more than this. */
#define TLS_PEER_CHAIN_BYTES (32 * 1024)

/** The ECDSA and RSA certificates of one set of host names. */
struct tls_site {
    SSL_CTX *ctx;
    char **names; /**< dNSNames, sorted */
    size_t names_count;
    size_t web;      /**< index of the web front door */
    int min_version; /**< of its policy */
    uint8_t sid[TLS_SID_BYTES];
};

struct tls_context {
    atomic_uint references;
    SSL_CTX *start;
    struct tls_tickets *tickets; /**< borrowed; NULL for an agent */

    SSL_CTX *tunnel; /**< NULL: the address serves none */
    uint8_t tunnel_sid[TLS_SID_BYTES];
    struct tls_site *sites; /**< in the order of the configuration; the first is the default */
    size_t sites_count;

    pthread_mutex_t sessions_lock; /**< agent only: workers share the context */
    SSL_SESSION *sessions[TLS_RELAY_MAX];
};

/** What the callbacks of one handshake know, and what they leave behind. The SSL's app data; a member of the stream. */
struct tls_greeting {
    struct tls_context *context; /**< borrowed until close */
    unsigned relay;
    enum reason why; /**< set by a callback that refused */
    bool is_tunnel;
    size_t web;
    char server_name[HELLO_NAME_MAX + 1];
};

/** Where problems go; `count` says whether there was one. */
struct tls_problems {
    tls_problem_fn *tell;
    void *arg;
    unsigned count;
};

/** Tells one problem; a sentence of at most 1023 characters. */
void tls_problem(struct tls_problems *p, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** The sentence of the last error in OpenSSL's queue, which is emptied. A constant string. */
const char *tls_last_error(void);

/** An SSL_CTX with everything that is the same for all: versions, ciphers, groups, options, modes. NULL without memory. */
SSL_CTX *tls_ctx_new(const SSL_METHOD *method);

/** Fills in what a door and an agent share. -1 without memory. */
int tls_context_init(struct tls_context *context);

/** Makes `ctx` write and read tickets with the keys that the greeting's context has. */
void tls_tickets_use(SSL_CTX *ctx);

/** A copy of the last session got from that relay, or NULL. The caller owns it. Any thread. */
SSL_SESSION *tls_context_session(struct tls_context *context, unsigned relay);

/** The connection under a stream that tls/stream.c made; asserts that it is one. */
SSL *tls_stream_ssl(const struct stream *s);
