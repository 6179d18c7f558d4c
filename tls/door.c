/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the choice who answers a client hello: the tunnel by ALPN (RFC 7301), else a site by server name (RFC 6066). Runs inside
 * the handshake, on the worker of the connection; reads the context and writes the greeting of that connection only.
 */
#include "tls/door.h"

#include "tls/agent_sessions.h"

#include <string.h>

/** Reads what the hello asks for. -1 if one of the extensions is malformed. */
static int read_hello(SSL *ssl, char server_name[HELLO_NAME_MAX + 1], bool *ret_wants_tunnel)
{
    const unsigned char *bytes = NULL;
    size_t length = 0;
    *ret_wants_tunnel = false;
    server_name[0] = '\0';
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &length) == 1 &&
        hello_server_name(bytes, length, server_name) != 0)
        return -1;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &bytes, &length) == 1 &&
        hello_offers(bytes, length, TLS_ALPN_TUNNEL, ret_wants_tunnel) != 0)
        return -1;
    return 0;
}

const struct tls_site *door_find_site(const struct tls_context *context, const char *server_name)
{
    const struct tls_site *best = &context->sites[0];
    enum hello_match best_match = HELLO_MATCH_NONE;
    for (size_t i = 0; i < context->sites_count; i++) {
        for (size_t k = 0; k < context->sites[i].names_count; k++) {
            enum hello_match match = hello_match(context->sites[i].names[k], server_name);
            if (match > best_match) {
                best = &context->sites[i];
                best_match = match;
            }
        }
    }
    return best;
}

int tls_keep_refused(int is_good, X509_STORE_CTX *check)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(check, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_greeting *g = is_good ? NULL : tls_greeting_of(ssl);
    X509 *x = is_good ? NULL : X509_STORE_CTX_get0_cert(check);

    if (x != NULL && g->refused == NULL && X509_up_ref(x) == 1)
        g->refused = x;
    return is_good;
}

/**
 * Moves the connection to another SSL_CTX. That brings its certificates, ciphers, trust and callbacks; versions, peer
 * verification and the id that tickets are bound to belong to the connection and are set one by one.
 */
static int use_ctx(SSL *ssl, SSL_CTX *ctx, int min_version, int verify_mode, const uint8_t sid[TLS_SID_BYTES])
{
    SSL_set_verify(ssl, verify_mode, tls_keep_refused);
    if (SSL_set_SSL_CTX(ssl, ctx) == NULL || SSL_set_min_proto_version(ssl, min_version) != 1)
        return -1;
    return SSL_set_session_id_context(ssl, sid, TLS_SID_BYTES) == 1 ? 0 : -1;
}

static int use_tunnel(SSL *ssl, struct tls_greeting *g)
{
    g->is_tunnel = true;
    agent_sessions_choose(ssl);
    /* OpenSSL checks the chain, the dates and the purpose "client"; the role is the owner's question (tls/identity.h). */
    return use_ctx(ssl, g->context->tunnel, TLS1_3_VERSION, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                   g->context->tunnel_sid);
}

static int use_site(SSL *ssl, struct tls_greeting *g, const char *server_name)
{
    const struct tls_site *site = door_find_site(g->context, server_name);
    g->site = site;
    return use_ctx(ssl, site->ctx, site->min_version, site->verify_mode, site->sid);
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_greeting *g = tls_greeting_of(ssl);
    char server_name[HELLO_NAME_MAX + 1];
    bool wants_tunnel;
    int result;
    (void)arg;
    if (read_hello(ssl, server_name, &wants_tunnel) != 0) {
        *alert = SSL_AD_DECODE_ERROR;
        g->why = REASON_TLS_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (wants_tunnel && g->context->tunnel != NULL) {
        result = use_tunnel(ssl, g);
    } else if (g->context->sites_count > 0) {
        result = use_site(ssl, g, server_name);
    } else {
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        g->why = REASON_TLS_NO_ALPN;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (result != 0) {
        *alert = SSL_AD_INTERNAL_ERROR;
        g->why = REASON_NO_MEMORY;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/** True if the list of length-prefixed names, which OpenSSL has checked, holds `name`. */
static bool is_offered(const unsigned char *list, unsigned length, const char *name)
{
    for (unsigned at = 0; at < length; at += 1U + list[at])
        if (list[at] == strlen(name) && memcmp(list + at + 1, name, list[at]) == 0)
            return true;
    return false;
}

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_length, const unsigned char *list, unsigned length,
                   void *arg)
{
    struct tls_greeting *g = tls_greeting_of(ssl);
    const char *answer = g->is_tunnel ? TLS_ALPN_TUNNEL : TLS_ALPN_HTTP;
    (void)arg;
    if (is_offered(list, length, answer)) {
        *ret = (const unsigned char *)answer;
        *ret_length = (unsigned char)strlen(answer);
        if (g->is_tunnel)
            agent_sessions_spare_ticket(ssl);
        return SSL_TLSEXT_ERR_OK;
    }
    /*
     * RFC 7301 section 3.2 wants a fatal alert when no name is in common. IIS goes on without a name, and clients that offer
     * "h2" alone then speak HTTP/1.1 as they do to any server that knows no ALPN.
     */
    if (!g->is_tunnel)
        return SSL_TLSEXT_ERR_NOACK;
    /* The name was in the first hello and is not in the second one, after a retry (RFC 8446 section 4.1.2 forbids that). */
    g->why = REASON_TLS_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void door_choose_on(SSL_CTX *start)
{
    /* Only here: after a retry the connection is on another SSL_CTX, and a second hello can't change the choice. */
    SSL_CTX_set_client_hello_cb(start, on_hello, NULL);
}

void door_answer_alpn_on(SSL_CTX *ctx)
{
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
}
