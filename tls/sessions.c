/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the sessions that a dialling context resumes (RFC 5077, RFC 8446 section 2.2): one for each relay of an agent, one for
 * each server of an upstream. Workers put them in and copy them out.
 *
 * They lie behind a mutex: workers share the context, and beside a handshake's arithmetic the lock is nothing. Only copies go in
 * and out. OpenSSL marks the session of a connection that ended without close_notify as not resumable; on a shared object that
 * would hit its neighbours, and race with them.
 */
#include "tls/parts.h"

#include <assert.h>

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_greeting *g = tls_greeting_of(ssl);
    struct tls_context *context = g->context;
    SSL_SESSION *copy = SSL_SESSION_is_resumable(session) ? SSL_SESSION_dup(session) : NULL;
    if (copy == NULL)
        return 0;
    pthread_mutex_lock(&context->sessions_lock);
    SSL_SESSION *old = context->sessions[g->slot];
    context->sessions[g->slot] = copy;
    pthread_mutex_unlock(&context->sessions_lock);
    SSL_SESSION_free(old);
    return 0; /* OpenSSL keeps its own */
}

void tls_sessions_use(SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
}

/**
 * A resumed handshake shows no certificate, and each one brings the next ticket: without a look at the date a server would stay
 * trusted for ever. An agent looks at its relay's after the handshake (tls/identity.h).
 */
static bool is_still_good(const struct tls_context *context, SSL_SESSION *session)
{
    const X509 *x = SSL_SESSION_get0_peer(session);
    return !context->is_upstream || !context->is_verified || (x != NULL && tls_is_current(x));
}

SSL_SESSION *tls_context_session(struct tls_context *context, unsigned slot)
{
    SSL_SESSION *copy = NULL;
    assert(slot < TLS_SLOT_MAX);
    pthread_mutex_lock(&context->sessions_lock);
    /*
     * A ticket serves several connections: spare channels and connections to a server are opened side by side. RFC 8446 section
     * C.4 would have one for each, lest somebody who listens links them; he sees the same two addresses anyway.
     */
    if (context->sessions[slot] != NULL && is_still_good(context, context->sessions[slot]))
        copy = SSL_SESSION_dup(context->sessions[slot]);
    pthread_mutex_unlock(&context->sessions_lock);
    return copy;
}
