/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the making of a door context from the configuration: one site for each set of host names, ECDSA and RSA side by side, whom
 * each trusts, and the tunnel's own SSL_CTX. Main thread. Every mistake is told before giving up.
 */
#include "tls/agent_sessions.h"
#include "tls/certificate.h"
#include "tls/door.h"
#include "tls/site.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

/** The start of what a ticket is bound to; the certificates' digests are added. */
static EVP_MD_CTX *sid_begin(const char *kind, const char *name)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(md, kind, strlen(kind) + 1) != 1 ||
        EVP_DigestUpdate(md, name, strlen(name) + 1) != 1) {
        EVP_MD_CTX_free(md);
        return NULL;
    }
    return md;
}

static int sid_add(EVP_MD_CTX *md, const X509 *x)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    return X509_digest(x, EVP_sha256(), digest, &length) == 1 && EVP_DigestUpdate(md, digest, length) == 1 ? 0 : -1;
}

static int sid_end(EVP_MD_CTX *md, uint8_t sid[TLS_SID_BYTES])
{
    unsigned length = 0;
    return EVP_DigestFinal_ex(md, sid, &length) == 1 && length == TLS_SID_BYTES ? 0 : -1;
}

static SSL_CTX *new_ctx(void)
{
    SSL_CTX *ctx = tls_ctx_new(TLS_server_method());
    if (ctx != NULL) {
        tls_tickets_use(ctx);
        site_tickets_on(ctx);
        door_answer_alpn_on(ctx);
    }
    return ctx;
}

static int compare_names(const void *a, const void *b)
{
    return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/** The certificate's dNSNames, sorted. -1 without memory. Names with a zero byte inside are left out: nobody can ask for them. */
static int read_names(X509 *x, char ***ret_names, size_t *ret_count)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    size_t count = 0;
    int result = 0;
    char **names = calloc((size_t)(sk_GENERAL_NAME_num(all) > 0 ? sk_GENERAL_NAME_num(all) : 1), sizeof(*names));
    if (names == NULL)
        result = -1;
    for (int i = 0; result == 0 && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type != GEN_DNS)
            continue;
        size_t length = (size_t)ASN1_STRING_length(name->d.dNSName);
        const char *bytes = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        if (length == 0 || memchr(bytes, 0, length) != NULL)
            continue;
        names[count] = OPENSSL_strndup(bytes, length);
        if (names[count++] == NULL)
            result = -1;
    }
    GENERAL_NAMES_free(all);
    if (names != NULL)
        qsort(names, count, sizeof(*names), compare_names);
    *ret_names = names;
    *ret_count = count;
    return result;
}

/** The site of the same front door whose certificate has the same names, or NULL. */
static struct tls_site *find_same_names(struct tls_context *context, const struct tls_site *fresh)
{
    for (size_t i = 0; i < context->sites_count; i++) {
        struct tls_site *site = &context->sites[i];
        bool is_same = site->web == fresh->web && site->names_count == fresh->names_count;
        for (size_t k = 0; is_same && k < site->names_count; k++)
            is_same = strcasecmp(site->names[k], fresh->names[k]) == 0;
        if (is_same)
            return site;
    }
    return NULL;
}

static void drop_names(struct tls_site *site)
{
    for (size_t i = 0; i < site->names_count; i++)
        OPENSSL_free(site->names[i]);
    free(site->names);
}

/** True if `ctx` has a certificate with a key of that kind already. */
static bool has_key_kind(SSL_CTX *ctx, const EVP_PKEY *key)
{
    for (long way = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST); way == 1;
         way = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
        if (EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(ctx)) == EVP_PKEY_get_base_id(key))
            return true;
    return false;
}

/** Puts a loaded certificate into the site of its names, which is made if it is the first of them. */
static int add_to_site(struct tls_context *context, const struct cfg_web *web, size_t index, const struct certificate *c,
                       const struct cfg_certificate *files, struct tls_problems *p)
{
    struct tls_site fresh = {.web = index, .min_version = web->tls == CFG_TLS_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION};
    if (read_names(c->leaf, &fresh.names, &fresh.names_count) != 0) {
        drop_names(&fresh);
        return -1;
    }
    struct tls_site *site = find_same_names(context, &fresh);
    if (site != NULL) {
        drop_names(&fresh);
        if (has_key_kind(site->ctx, c->key))
            tls_problem(p, files->line,
                        "another certificate before %s has the same names and the same kind of key, so it would never be used; "
                        "remove one of them",
                        files->chain);
        return certificate_use(c, site->ctx);
    }
    fresh.ctx = new_ctx();
    if (fresh.ctx == NULL) {
        drop_names(&fresh);
        return -1;
    }
    context->sites[context->sites_count++] = fresh; /* the list has room for all certificates */
    return certificate_use(c, fresh.ctx);
}

/** Makes all sites of a web front door ask their clients for certificates, if the door is to. */
static void load_clients(struct tls_context *context, const struct cfg_web *web, size_t index, struct tls_problems *p)
{
    unsigned line = web->client_ca_line != 0 ? web->client_ca_line : web->line;
    if (web->client_certificate == CFG_CLIENT_CERT_OFF)
        return;
    X509_STORE *trusted = certificate_load_ca(web->client_ca, line, TRUST_CLIENTS, p);
    for (size_t i = 0; trusted != NULL && i < context->sites_count; i++)
        if (context->sites[i].web == index &&
            site_ask_clients(&context->sites[i], trusted, (enum cfg_client_cert)web->client_certificate) != 0)
            tls_problem(p, line, "%s can't be used: %s", web->client_ca, tls_last_error());
    X509_STORE_free(trusted);
}

static void load_web(struct tls_context *context, const struct cfg_web *web, size_t index, struct tls_problems *p)
{
    for (size_t i = 0; i < web->certificates_count; i++) {
        const struct cfg_certificate *files = &web->certificates[i];
        struct certificate c;
        if (certificate_load(&c, files, p) == 0 && add_to_site(context, web, index, &c, files, p) != 0)
            tls_problem(p, files->line, "%s can't be used: %s", files->chain, tls_last_error());
        certificate_fini(&c);
    }
    if (web->certificates_count == 0)
        tls_problem(p, web->line, "the web front door \"%s\" has no certificate; add one to its certificates", web->name);
    load_clients(context, web, index, p);
}

static int sid_add_trusted(EVP_MD_CTX *md, const X509_STORE *trusted)
{
    STACK_OF(X509) *list = X509_STORE_get1_all_certs((X509_STORE *)(uintptr_t)trusted);
    int result = list == NULL ? -1 : 0;
    for (int i = 0; result == 0 && i < sk_X509_num(list); i++)
        result = sid_add(md, sk_X509_value(list, i));
    sk_X509_pop_free(list, X509_free);
    return result;
}

/**
 * Binds a site's tickets to its front door, to all its certificates, and to what it asks of clients: a ticket that was given
 * without a client's certificate opens no site that wants one, and a site that trusts another CA verifies everybody anew.
 */
static int bind_site(struct tls_site *site, const struct cfg_web *web)
{
    static const char *const kinds[] = {
        [CFG_CLIENT_CERT_OFF] = "web",
        [CFG_CLIENT_CERT_OPTIONAL] = "web, client certificate optional",
        [CFG_CLIENT_CERT_REQUIRED] = "web, client certificate required",
    };
    EVP_MD_CTX *md = sid_begin(kinds[web->client_certificate], web->name);
    int result = md == NULL ? -1 : 0;
    if (result == 0 && site->verify_mode != SSL_VERIFY_NONE)
        result = sid_add_trusted(md, SSL_CTX_get_cert_store(site->ctx));
    for (long way = SSL_CTX_set_current_cert(site->ctx, SSL_CERT_SET_FIRST); result == 0 && way == 1;
         way = SSL_CTX_set_current_cert(site->ctx, SSL_CERT_SET_NEXT))
        result = sid_add(md, SSL_CTX_get0_certificate(site->ctx));
    if (result == 0)
        result = sid_end(md, site->sid);
    EVP_MD_CTX_free(md);
    return result;
}

/** Binds the tunnel's tickets to its CA: a relay that changes its CA verifies every agent anew. */
static int bind_tunnel(struct tls_context *context, const X509 *own, X509_STORE *ca)
{
    EVP_MD_CTX *md = sid_begin("tunnel", "");
    int result = md == NULL || sid_add(md, own) != 0 ? -1 : sid_add_trusted(md, ca);
    if (result == 0)
        result = sid_end(md, context->tunnel_sid);
    EVP_MD_CTX_free(md);
    return result;
}

static int make_tunnel(struct tls_context *context, const struct certificate *own, X509_STORE *ca)
{
    context->tunnel = new_ctx();
    if (context->tunnel == NULL || certificate_use(own, context->tunnel) != 0)
        return -1;
    SSL_CTX_set1_cert_store(context->tunnel, ca);
    return bind_tunnel(context, own->leaf, ca);
}

static void load_tunnel(struct tls_context *context, const struct cfg_tunnel *tunnel, struct tls_problems *p)
{
    struct certificate own;
    const struct cfg_certificate *files = &tunnel->identity;
    int is_own_good = certificate_load(&own, files, p);
    X509_STORE *ca = certificate_load_ca(tunnel->ca, tunnel->ca_line != 0 ? tunnel->ca_line : tunnel->line, TRUST_TUNNEL, p);
    if (is_own_good == 0 && ca != NULL && certificate_check_own(&own, files, ca, tunnel->ca, true, p) == 0 &&
        make_tunnel(context, &own, ca) != 0)
        tls_problem(p, files->line, "%s can't be used: %s", files->chain, tls_last_error());
    X509_STORE_free(ca);
    certificate_fini(&own);
}

/** Room for a site for each certificate. */
static int make_room(struct tls_context *context, const struct cfg_web *web, size_t web_count)
{
    size_t count = 0;
    for (size_t i = 0; i < web_count; i++)
        count += web[i].certificates_count;
    if (count == 0)
        return 0;
    context->sites = calloc(count, sizeof(*context->sites));
    return context->sites == NULL ? -1 : 0;
}

struct tls_context *tls_context_new_door(const struct cfg_web *web, size_t web_count, const struct cfg_tunnel *tunnel,
                                         struct tls_tickets *tickets, tls_problem_fn *problem, void *arg)
{
    struct tls_problems problems = {problem, arg, 0};
    struct tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL || tls_context_init(context) != 0) {
        tls_problem(&problems, 0, "no memory");
        free(context);
        return NULL;
    }
    context->tickets = tickets;
    context->start = new_ctx();
    if (context->start == NULL || make_room(context, web, web_count) != 0) {
        tls_problem(&problems, 0, "no memory for TLS: %s", tls_last_error());
        tls_context_put(context);
        return NULL;
    }
    door_choose_on(context->start);
    agent_sessions_use(context->start);
    for (size_t i = 0; i < web_count; i++)
        load_web(context, &web[i], i, &problems);
    if (tunnel != NULL)
        load_tunnel(context, tunnel, &problems);
    for (size_t i = 0; problems.count == 0 && i < context->sites_count; i++)
        if (bind_site(&context->sites[i], &web[context->sites[i].web]) != 0 || site_note_shown(&context->sites[i]) != 0)
            tls_problem(&problems, 0, "no memory for TLS: %s", tls_last_error());
    if (problems.count > 0) {
        tls_context_put(context);
        return NULL;
    }
    return context;
}
