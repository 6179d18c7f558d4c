/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of tls/ share; nobody else includes it.
 *
 * A context holds one SSL_CTX that every connection starts with (`start`), and for a door one more per choice: the tunnel, and a
 * *site* for each set of host names. The client hello callback moves the connection to one of them. Contexts that dial, an
 * agent's and an upstream's, have `start` alone and a store of sessions.
 */
#pragma once

#include "proxy/base/reason.h"
#include "proxy/net/stream.h"
#include "tls/context.h"
#include "tls/hello.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/** Peers that a dialling context remembers a session for: an agent's relays, an upstream's servers. */
#define TLS_SLOT_MAX 16

/** Length of a session id context: a SHA-256. */
#define TLS_SID_BYTES 32

/** A tunnel's chain is one certificate, a web chain three or four; a peer may send no more than this. */
#define TLS_PEER_CHAIN_BYTES (32 * 1024)

/** Kinds of keys that a site may have a certificate for: ECDSA and RSA. */
#define TLS_KEY_KINDS 2

/** Ciphers have 128 or 256 secret bits. */
#define TLS_SECRET_KINDS 2

/** What is told of one certificate of ours (tls/arr_ssl.h). */
struct tls_shown {
    const X509 *certificate; /**< lives as long as the site's SSL_CTX */
    char *arr_ssl[TLS_SECRET_KINDS];
};

/** The ECDSA and RSA certificates of one set of host names. */
struct tls_site {
    SSL_CTX *ctx;
    char **names; /**< dNSNames, sorted */
    size_t names_count;
    size_t web;      /**< index of the web front door */
    int min_version; /**< of its policy */
    int verify_mode; /**< SSL_VERIFY_…: whether clients are asked for a certificate */
    struct tls_shown shown[TLS_KEY_KINDS];
    size_t shown_count;
    uint8_t sid[TLS_SID_BYTES];
};

struct agent_sessions;

struct tls_context {
    atomic_uint references;
    SSL_CTX *start;
    struct tls_tickets *tickets; /**< borrowed; NULL for a dialling context */

    SSL_CTX *tunnel; /**< NULL: the address serves none */
    uint8_t tunnel_sid[TLS_SID_BYTES];
    struct tls_site *sites; /**< in the order of the configuration; the first is the default */
    size_t sites_count;

    bool is_upstream;
    bool is_verified;    /**< upstream: the server's certificate counts */
    char *server_name;   /**< upstream: NULL for the endpoint's own */
    unsigned name_flags; /**< upstream: X509_CHECK_FLAG_… */

    pthread_mutex_t sessions_lock; /**< dialling only: workers share the sessions */
    SSL_SESSION *sessions[TLS_SLOT_MAX];
};

/** What the callbacks of one handshake know, and what they leave behind. A member of the stream. */
struct tls_greeting {
    struct tls_context *context; /**< borrowed until close */
    unsigned slot;               /**< dialling: which peer */
    enum reason why;             /**< set by a callback that refused */
    bool is_tunnel;
    bool is_session_new;         /**< the tunnel's session was found and is of the newest rotation */
    X509 *refused;               /**< a peer's certificate that was not good; owned; NULL: none */
    const struct tls_site *site; /**< who answers at a web front door; NULL for a tunnel, and for whoever dials */
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

/** The ciphers of TLS 1.2, by our preference. AES-128-GCM first: it is the fastest on every processor with AES instructions. */
#define TLS_CIPHERS_1_2                                                                                                          \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"       \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/** An SSL_CTX with everything that is the same for all: versions, ciphers, groups, options, modes. NULL without memory. */
SSL_CTX *tls_ctx_new(const SSL_METHOD *method);

/** Fills in what all kinds of contexts share. -1 without memory. */
int tls_context_init(struct tls_context *context);

/** Makes `ctx` write and read tickets with the keys that the greeting's context has. */
void tls_tickets_use(SSL_CTX *ctx);

/** The sessions of agents that are kept beside the tickets, as long as these. */
struct agent_sessions *tls_tickets_agents(struct tls_tickets *tickets);

/** True if the certificate is valid today. A date that can't be read is not. Any thread. */
bool tls_is_current(const X509 *x);

/** Makes `ctx`, which dials, hand the sessions it gets to its greeting's context. */
void tls_sessions_use(SSL_CTX *ctx);

/** A copy of the last session got from that peer, or NULL. The caller owns it. Any thread. */
SSL_SESSION *tls_context_session(struct tls_context *context, unsigned slot);

/**
 * Tells a connection to an upstream's server which name to ask for and to insist on: the context's, else `host`. -1 if that
 * is no name for TLS, or without memory.
 */
int tls_upstream_name(SSL *ssl, const struct tls_context *context, const char *host);

/** That of the connection, for the callbacks. */
struct tls_greeting *tls_greeting_of(const SSL *ssl);

/** True if it is a stream that tls/stream.c made. */
bool tls_stream_is(const struct stream *s);

/** For SSL_set_verify(): keeps the certificate that is refused in the greeting, and changes nothing. */
int tls_keep_refused(int is_good, X509_STORE_CTX *check);

/** The connection under a stream that tls/stream.c made; asserts that it is one. */
SSL *tls_stream_ssl(const struct stream *s);

/** The certificate at the other end of a greeted stream of a tunnel; NULL for every other stream. Lives as long as the stream. */
const X509 *tls_stream_tunnel_peer(const struct stream *s);
