/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the context for connections to the servers of an upstream: whom it believes, and by which name. Made by the main thread;
 * each connection gets its name on its worker.
 */
#include "tls/certificate.h"

#include <assert.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Besides our own list: Windows Server up to 2012 R2 has nothing newer for an RSA certificate. With forward secrecy and
 * SHA-2, and behind everything better.
 */
#define OLDER_CIPHERS ":ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256"

static int set_up(SSL_CTX *ctx, const struct cfg_upstream *upstream)
{
    static const uint8_t alpn[] = "\x08" TLS_ALPN_HTTP;
    static_assert(sizeof(TLS_ALPN_HTTP) - 1 == 0x08, "the length byte before the name");
    if (upstream->tls_min == CFG_TLS_MIN_1_3 && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1)
        return -1;
    if (SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS_1_2 OLDER_CIPHERS) != 1)
        return -1;
    if (SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0) /* 0 is success here */
        return -1;
    tls_sessions_use(ctx);
    return 0;
}

/** True if a folder of the list, with colons between, has a file in it. */
static bool has_file(const char *folders)
{
    char *copy = strdup(folders);
    char *rest = NULL;
    bool is_found = false;
    for (char *one = copy == NULL ? NULL : strtok_r(copy, ":", &rest); one != NULL && !is_found;
         one = strtok_r(NULL, ":", &rest)) {
        DIR *folder = opendir(one);
        const struct dirent *entry = NULL;
        while (folder != NULL && !is_found && (entry = readdir(folder)) != NULL)
            is_found = entry->d_name[0] != '.';
        if (folder != NULL)
            closedir(folder);
    }
    free(copy);
    return is_found;
}

/**
 * Trusts what the system trusts. OpenSSL reads a bundle now and looks into its folder at the first handshakes; that neither is
 * there it would only say by refusing every server.
 */
static void trust_system(SSL_CTX *ctx, const struct cfg_upstream *upstream, struct tls_problems *p)
{
    const char *folders = getenv(X509_get_default_cert_dir_env());
    if (folders == NULL)
        folders = X509_get_default_cert_dir();
    if (SSL_CTX_set_default_verify_paths(ctx) != 1)
        tls_problem(p, upstream->line, "the system's CA certificates can't be used: %s", tls_last_error());
    else if (sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx))) == 0 && !has_file(folders))
        tls_problem(p, upstream->line,
                    "the system has no CA certificates (none in %s); install the package ca-certificates, or name the CA with ca",
                    folders);
    ERR_clear_error();
}

static void trust(struct tls_context *context, const struct cfg_upstream *upstream, struct tls_problems *p)
{
    SSL_CTX *ctx = context->start;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    context->name_flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    if (upstream->ca == NULL) {
        /* "A reference identity of type CN-ID MUST NOT be used by clients" (RFC 9110 section 4.3.4). */
        context->name_flags |= X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
        trust_system(ctx, upstream, p);
        return;
    }
    /* Under a CA of the site's own the common name still counts if there is no DNS name: the certificates of old servers have
     * nothing else, and who could not verify them would not verify at all. */
    X509_STORE *ca = certificate_load_ca(upstream->ca, upstream->ca_line, TRUST_SERVERS, p);
    if (ca != NULL)
        SSL_CTX_set1_cert_store(ctx, ca);
    X509_STORE_free(ca);
}

static struct tls_context *new_context(const struct cfg_upstream *upstream)
{
    struct tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL || tls_context_init(context) != 0) {
        free(context);
        return NULL;
    }
    context->is_upstream = true;
    context->is_verified = upstream->tls == CFG_UPSTREAM_TLS_VERIFY;
    context->start = tls_ctx_new(TLS_client_method());
    if (upstream->server_name != NULL)
        context->server_name = strdup(upstream->server_name);
    if (context->start == NULL || set_up(context->start, upstream) != 0 ||
        (upstream->server_name != NULL && context->server_name == NULL)) {
        tls_context_put(context);
        return NULL;
    }
    return context;
}

struct tls_context *tls_context_new_upstream(const struct cfg_upstream *upstream, tls_problem_fn *problem, void *arg)
{
    struct tls_problems problems = {problem, arg, 0};
    assert(upstream->tls != CFG_UPSTREAM_TLS_OFF);
    struct tls_context *context = new_context(upstream);
    if (context == NULL)
        tls_problem(&problems, upstream->line, "no memory for TLS: %s", tls_last_error());
    else if (context->is_verified)
        trust(context, upstream, &problems);
    if (problems.count > 0) {
        tls_context_put(context);
        return NULL;
    }
    return context;
}

int tls_upstream_name(SSL *ssl, const struct tls_context *context, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char name[HELLO_NAME_MAX + 2];
    if ((size_t)snprintf(name, sizeof(name), "%s", context->server_name != NULL ? context->server_name : host) >= sizeof(name))
        return -1;
    /* An address is compared with the certificate's iPAddress names (RFC 9110 section 4.3.5), and "Literal IPv4 and IPv6
     * addresses are not permitted" as a server name (RFC 6066 section 3). */
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
        return 0;
    ERR_clear_error();
    /* To OpenSSL an empty name is none to check, and one with a dot in front is every name below it. */
    if (name[0] == '\0' || name[0] == '.')
        return -1;
    /* A server name is written "without a trailing dot" (RFC 6066 section 3). */
    if (name[strlen(name) - 1] == '.')
        name[strlen(name) - 1] = '\0';
    X509_VERIFY_PARAM_set_hostflags(param, context->name_flags);
    return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1 ? 0 : -1;
}
