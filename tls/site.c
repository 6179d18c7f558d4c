/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a site asks of its clients and what it knows of its own certificates. Sites are made by the main thread; the ticket
 * callbacks run inside handshakes, on the worker of the connection.
 *
 * A resumed handshake shows no certificate on either side (RFC 8446 section 2.2). The client's stands in the ticket, where
 * OpenSSL puts it; which of ours was shown we add as one byte of application data.
 */
#include "tls/site.h"

#include "tls/arr_ssl.h"

#include <openssl/err.h>
#include <stdlib.h>

static const int secret_bits[TLS_SECRET_KINDS] = {128, 256};

/** The names of the CAs, from which a browser finds the certificate to offer (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4). */
static STACK_OF(X509_NAME) * name_authorities(X509_STORE *trusted)
{
    STACK_OF(X509) *list = X509_STORE_get1_all_certs(trusted);
    STACK_OF(X509_NAME) *names = list == NULL ? NULL : sk_X509_NAME_new_null();
    for (int i = 0; names != NULL && i < sk_X509_num(list); i++) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(list, i)));
        if (name == NULL || sk_X509_NAME_push(names, name) <= 0) {
            X509_NAME_free(name);
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            names = NULL;
        }
    }
    sk_X509_pop_free(list, X509_free);
    return names;
}

int site_ask_clients(struct tls_site *site, X509_STORE *trusted, enum cfg_client_cert mode)
{
    STACK_OF(X509_NAME) *names = name_authorities(trusted);
    if (names == NULL)
        return -1;
    SSL_CTX_set1_cert_store(site->ctx, trusted);
    SSL_CTX_set_client_CA_list(site->ctx, names); /* takes them */
    site->verify_mode = SSL_VERIFY_PEER | (mode == CFG_CLIENT_CERT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    return 0;
}

int site_note_shown(struct tls_site *site)
{
    for (long way = SSL_CTX_set_current_cert(site->ctx, SSL_CERT_SET_FIRST); way == 1 && site->shown_count < TLS_KEY_KINDS;
         way = SSL_CTX_set_current_cert(site->ctx, SSL_CERT_SET_NEXT)) {
        struct tls_shown *shown = &site->shown[site->shown_count++];
        shown->certificate = SSL_CTX_get0_certificate(site->ctx);
        for (size_t i = 0; i < TLS_SECRET_KINDS; i++)
            if ((shown->arr_ssl[i] = arr_ssl_value(shown->certificate, secret_bits[i])) == NULL)
                return -1;
    }
    return 0;
}

/** The index of the certificate that this handshake chose. A connection's SSL_CTX holds the same objects as the site's. */
static uint8_t index_of_chosen(const struct tls_site *site, const SSL *ssl)
{
    const X509 *chosen = SSL_get_certificate(ssl);
    for (uint8_t i = 0; i < site->shown_count; i++)
        if (site->shown[i].certificate == chosen)
            return i;
    return 0;
}

const struct tls_shown *site_shown(const struct tls_site *site, SSL *ssl)
{
    uint8_t index = index_of_chosen(site, ssl);
    void *data = NULL;
    size_t length = 0;
    if (SSL_session_reused(ssl) == 1 && SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &data, &length) == 1 &&
        length == sizeof(index))
        index = *(const uint8_t *)data;
    return index < site->shown_count ? &site->shown[index] : NULL;
}

/** A ticket is about to be written. That of a resumed session keeps what the first one said. */
static int on_write_ticket(SSL *ssl, void *arg)
{
    const struct tls_greeting *g = tls_greeting_of(ssl);
    (void)arg;
    if (g->site == NULL || SSL_session_reused(ssl) == 1)
        return 1;
    uint8_t index = index_of_chosen(g->site, ssl);
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &index, sizeof(index));
}

/** True if the site would let the ticket's client in today: its certificate was verified then, but dates pass. */
static bool is_client_current(const struct tls_site *site, SSL_SESSION *session)
{
    const X509 *x = SSL_SESSION_get0_peer(session);
    if (x == NULL)
        return (site->verify_mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) == 0;
    return tls_is_current(x);
}

static SSL_TICKET_RETURN on_read_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_length,
                                        SSL_TICKET_STATUS status, void *arg)
{
    const struct tls_greeting *g = tls_greeting_of(ssl);
    (void)name;
    (void)name_length;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    /* Not taken means a full handshake, which asks for the certificate and says what is wrong with it. */
    if (g->site != NULL && !is_client_current(g->site, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    /* "Clients SHOULD NOT reuse a ticket" (RFC 8446 section C.4), and browsers don't: each visit has to bring the next one. */
    bool is_single_use = g->site != NULL && SSL_version(ssl) == TLS1_3_VERSION;
    return status == SSL_TICKET_SUCCESS && !is_single_use ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void site_tickets_on(SSL_CTX *ctx)
{
    SSL_CTX_set_session_ticket_cb(ctx, on_write_ticket, on_read_ticket, NULL);
}

void site_fini(struct tls_site *site)
{
    SSL_CTX_free(site->ctx);
    for (size_t i = 0; i < site->names_count; i++)
        OPENSSL_free(site->names[i]);
    free(site->names);
    for (size_t i = 0; i < site->shown_count; i++)
        for (size_t k = 0; k < TLS_SECRET_KINDS; k++)
            free(site->shown[i].arr_ssl[k]);
}
