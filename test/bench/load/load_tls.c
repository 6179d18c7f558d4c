/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSL_CTX of the clients. See SSL_CTX_set_cert_verify_callback(3), EC_KEY_METHOD_new(3).
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* EC_KEY_METHOD */
#include "test/bench/load/load_tls.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <stdio.h>

#include "test/bench/load/load_certificate.h"
#include "test/bench/load/wire.h"

const char *load_tls_fault(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return reason == NULL ? "OpenSSL gives no reason" : reason;
}

static int trust_any_chain(X509_STORE_CTX *store, void *argument)
{
    (void)store;
    (void)argument;
    return 1;
}

static int trust_any_signature(int type, const unsigned char *digest, int digest_size, const unsigned char *signature,
                               int signature_size, EC_KEY *key)
{
    (void)type, (void)digest, (void)digest_size, (void)signature, (void)signature_size, (void)key;
    return 1;
}

/**
 * An ECDSA verification costs more than the signature under test; an RSA one is cheap and stays.
 * Without this the clients are the bottleneck of full handshakes, no more.
 */
static int trust_signatures(void)
{
    EC_KEY_METHOD *trusting = EC_KEY_METHOD_new(EC_KEY_OpenSSL()); /* in use until the process ends */

    if (trusting == NULL)
        return -1;
    EC_KEY_METHOD_set_verify(trusting, trust_any_signature, NULL);
    EC_KEY_set_default_method(trusting);
    return 0;
}

static int set_trust(SSL_CTX *ctx, const struct load_options *o)
{
    if (o->checks) {
        load_certificate_forget();
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        return SSL_CTX_load_verify_locations(ctx, o->ca, NULL) == 1 ? 0 : -1;
    }
    SSL_CTX_set_cert_verify_callback(ctx, trust_any_chain, NULL);
    return trust_signatures();
}

/** OpenSSL gives the ticket to the wire, which keeps the newest. Returns 1: the reference is taken. */
static int keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct wire *w = SSL_get_app_data(ssl);

    if (w->ticket != NULL)
        SSL_SESSION_free(w->ticket);
    w->ticket = ticket;
    return 1;
}

static int set_up(SSL_CTX *ctx, const struct load_options *o)
{
    if (SSL_CTX_set_min_proto_version(ctx, o->tls_least) != 1 || SSL_CTX_set_max_proto_version(ctx, o->tls_most) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") != 1)
        return -1;
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (o->what.life == LOAD_HELD)
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1); /* one recv() for many records */
    SSL_CTX_set_session_cache_mode(ctx,
                                   o->what.resumes ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
    if (o->what.resumes)
        SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
    return set_trust(ctx, o);
}

SSL_CTX *load_tls_new(const struct load_options *o)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx != NULL && set_up(ctx, o) == 0)
        return ctx;
    fprintf(stderr, "bench_load cannot set up TLS: %s\n", load_tls_fault());
    SSL_CTX_free(ctx);
    return NULL;
}
