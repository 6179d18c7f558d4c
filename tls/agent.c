/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the agent's context: how it shows who it is, and whom it believes. Made by the main thread. */
#include "tls/certificate.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static int set_up(SSL_CTX *ctx, const struct certificate *own, X509_STORE *ca)
{
    static const uint8_t alpn[] = "\x0a" TLS_ALPN_TUNNEL;
    static_assert(sizeof(TLS_ALPN_TUNNEL) - 1 == 0x0a, "the length byte before the name");
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 || certificate_use(own, ctx) != 0)
        return -1;
    if (SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0) /* 0 is success here */
        return -1;
    SSL_CTX_set1_cert_store(ctx, ca);
    /*
     * No host name is checked: a relay is reached by many names and addresses, through NAT and port forwards, and the CA signs
     * nothing but georelay's own. That the holder is a relay is what counts, and identity_check_relay() looks at that.
     */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, tls_keep_refused);
    tls_sessions_use(ctx);
    return 0;
}

struct tls_context *tls_context_new_agent(const struct cfg_certificate *identity, const char *ca, tls_problem_fn *problem,
                                          void *arg)
{
    struct tls_problems problems = {problem, arg, 0};
    struct certificate own;
    struct tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL || tls_context_init(context) != 0) {
        tls_problem(&problems, identity->line, "no memory");
        free(context);
        return NULL;
    }
    int is_own_good = certificate_load(&own, identity, &problems);
    X509_STORE *store = certificate_load_ca(ca, identity->line, TRUST_TUNNEL, &problems);
    if (is_own_good == 0 && store != NULL && certificate_check_own(&own, identity, store, ca, false, &problems) == 0) {
        context->start = tls_ctx_new(TLS_client_method());
        if (context->start == NULL || set_up(context->start, &own, store) != 0)
            tls_problem(&problems, identity->line, "%s can't be used: %s", identity->chain, tls_last_error());
    }
    X509_STORE_free(store);
    certificate_fini(&own);
    if (problems.count > 0) {
        tls_context_put(context);
        return NULL;
    }
    return context;
}
