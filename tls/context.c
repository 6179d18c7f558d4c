/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what every TLS connection of georelay has in common, and the life of a context; doors are made in
 * door_load.c, the agent's contexts in agent.c, those for upstreams in upstream.c. Contexts are made by the main thread and used
 * by workers, who change nothing but the counter. The policy is "intermediate" of Mozilla's Server Side TLS guidelines 5.7
 * without its DHE ciphers; "modern" is the same from TLS 1.3 on.
 */
#include "tls/site.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* As in TLS 1.2 (tls/parts.h). Forward secrecy and AEAD everywhere. */
#define CIPHERS_TLS13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS        "X25519:prime256v1:secp384r1"

/** A ticket is good for this long; its key is usually gone earlier (tls_tickets_rotate()). */
#define TICKET_SECONDS (4 * 3600)

void tls_problem(struct tls_problems *p, unsigned line, const char *format, ...)
{
    char sentence[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    p->count++;
    p->tell(p->arg, line, sentence);
}

const char *tls_last_error(void)
{
    const char *sentence = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return sentence == NULL ? "no further detail" : sentence;
}

/** Options of which none can fail. */
static void set_options(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    /* With auto-retry a peer that sends nothing but key updates would keep SSL_read() inside for ever. */
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    /* Partial and moving writes: a caller whose bytes were taken in part comes back with the rest at another address. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_security_level(ctx, 2);
    /* Tickets hold all there is to know of a session: no cache to fill, to lock or to share. (A tunnel's: agent_sessions.h.) */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, TICKET_SECONDS);
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_recv_max_early_data(ctx, 0);
    SSL_CTX_set_max_cert_list(ctx, TLS_PEER_CHAIN_BYTES);
    /* OpenSSL reads from our memory, a record at a time; reading ahead would hide bytes from has_pending(). */
    SSL_CTX_set_read_ahead(ctx, 0);
}

SSL_CTX *tls_ctx_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL)
        return NULL;
    set_options(ctx);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS_1_2) != 1 || SSL_CTX_set_ciphersuites(ctx, CIPHERS_TLS13) != 1 ||
        SSL_CTX_set1_groups_list(ctx, GROUPS) != 1 || SSL_CTX_set_num_tickets(ctx, 1) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool tls_is_current(const X509 *x)
{
    return X509_cmp_current_time(X509_get0_notBefore(x)) < 0 && X509_cmp_current_time(X509_get0_notAfter(x)) > 0;
}

int tls_context_init(struct tls_context *context)
{
    atomic_init(&context->references, 1);
    return pthread_mutex_init(&context->sessions_lock, NULL) == 0 ? 0 : -1;
}

struct tls_context *tls_context_get(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void tls_context_put(struct tls_context *context)
{
    if (context == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    for (size_t i = 0; i < context->sites_count; i++)
        site_fini(&context->sites[i]);
    free(context->sites);
    for (size_t i = 0; i < TLS_SLOT_MAX; i++)
        SSL_SESSION_free(context->sessions[i]);
    SSL_CTX_free(context->tunnel);
    SSL_CTX_free(context->start);
    free(context->server_name);
    pthread_mutex_destroy(&context->sessions_lock);
    free(context);
}

const char *tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
