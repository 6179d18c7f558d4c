/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the texts of a renewal. Main thread; keys are wiped. */
#include "tls/renew.h"

#include "tls/certificate.h"
#include "tls/pki_issue.h"
#include "tls/roles.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIR_BYTES_MAX = 64 * 1024, URI_BYTES = sizeof("URI:" ROLE_URI_AGENT) + IDENTITY_NAME_MAX };

/** What `bio` holds as a text of its own. Takes `bio`. */
static char *text_of(BIO *bio, int is_written)
{
    char *bytes = NULL;
    long size = bio == NULL ? 0 : BIO_get_mem_data(bio, &bytes);
    char *text = is_written == 1 && size > 0 ? malloc((size_t)size + 1) : NULL;
    if (text != NULL) {
        memcpy(text, bytes, (size_t)size);
        text[size] = '\0';
    }
    if (size > 0)
        OPENSSL_cleanse(bytes, (size_t)size);
    BIO_free(bio);
    ERR_clear_error();
    return text;
}

int renew_request_make(const char *name, struct renew_request *ret)
{
    char alt_name[URI_BYTES];
    struct pki_subject subject = {name, alt_name, "clientAuth"};
    *ret = (struct renew_request){NULL, NULL};
    snprintf(alt_name, sizeof(alt_name), "URI:" ROLE_URI_AGENT "%s", name);
    EVP_PKEY *key = pki_issue_key();
    X509_REQ *request = key == NULL ? NULL : pki_issue_request(&subject, key);
    if (request != NULL) {
        BIO *bio = BIO_new(BIO_s_mem());
        ret->text = text_of(bio, bio == NULL ? 0 : PEM_write_bio_X509_REQ(bio, request));
        bio = BIO_new(BIO_s_mem());
        ret->key = text_of(bio, bio == NULL ? 0 : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    }
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    if (ret->text != NULL && ret->key != NULL)
        return 0;
    renew_request_fini(ret);
    return -1;
}

int renew_request_parse(const char *text, struct renew_request *ret)
{
    const char *request = strstr(text, "-----BEGIN CERTIFICATE REQUEST-----");
    *ret = (struct renew_request){NULL, NULL};
    if (request == NULL || request == text)
        return -1;
    ret->key = strndup(text, (size_t)(request - text));
    ret->text = strdup(request);
    if (ret->key != NULL && ret->text != NULL)
        return 0;
    renew_request_fini(ret);
    return -1;
}

void renew_request_fini(struct renew_request *r)
{
    if (r->key != NULL)
        OPENSSL_cleanse(r->key, strlen(r->key));
    free(r->key);
    free(r->text);
    *r = (struct renew_request){NULL, NULL};
}

static X509_REQ *parse_request(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509_REQ *request = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return request;
}

/** True if the request's one subjectAltName is the URI of that agent. */
static bool names_only(X509_REQ *request, const char *name)
{
    char uri[URI_BYTES];
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names = list == NULL ? NULL : X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
    bool is_good = false;
    snprintf(uri, sizeof(uri), ROLE_URI_AGENT "%s", name);
    if (sk_GENERAL_NAME_num(names) == 1) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, 0);
        is_good = one->type == GEN_URI && ASN1_STRING_length(one->d.uniformResourceIdentifier) == (int)strlen(uri) &&
                  memcmp(ASN1_STRING_get0_data(one->d.uniformResourceIdentifier), uri, strlen(uri)) == 0;
    }
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return is_good;
}

bool renew_request_is_of(const char *text, const char *name)
{
    X509_REQ *request = parse_request(text);
    EVP_PKEY *key = request == NULL ? NULL : X509_REQ_get0_pubkey(request);
    bool is_good = key != NULL && X509_REQ_verify(request, key) == 1 && names_only(request, name);
    X509_REQ_free(request);
    ERR_clear_error();
    return is_good;
}

static X509 *parse_certificate(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return x;
}

bool renew_certificate_fits(const char *certificate, const char *request)
{
    X509 *x = parse_certificate(certificate);
    X509_REQ *r = parse_request(request);
    bool fits = x != NULL && r != NULL && EVP_PKEY_eq(X509_get0_pubkey(x), X509_REQ_get0_pubkey(r)) == 1;
    X509_free(x);
    X509_REQ_free(r);
    ERR_clear_error();
    return fits;
}

char *renew_pair_make(const char *certificate, const struct renew_request *request)
{
    char *pair = NULL;
    return asprintf(&pair, "%s%s%s", certificate, certificate[strlen(certificate) - 1] == '\n' ? "" : "\n", request->key) < 0
               ? NULL
               : pair;
}

void renew_pair_free(char *pair)
{
    if (pair != NULL)
        OPENSSL_cleanse(pair, strlen(pair));
    free(pair);
}

static int time_of(const ASN1_TIME *time, time_t *ret)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return -1;
    *ret = timegm(&tm);
    return 0;
}

int renew_dates(const struct tls_context *agent, time_t *ret_from, time_t *ret_until)
{
    const X509 *x = SSL_CTX_get0_certificate(agent->start);
    return x != NULL && time_of(X509_get0_notBefore(x), ret_from) == 0 && time_of(X509_get0_notAfter(x), ret_until) == 0 ? 0 : -1;
}

bool renew_file_is_of(const char *path, const char *name)
{
    char found[IDENTITY_NAME_MAX + 1];
    size_t size = 0;
    unsigned mode;
    char *text = certificate_read_file(path, PAIR_BYTES_MAX, &size, &mode);
    X509 *x = text == NULL ? NULL : parse_certificate(text);
    bool is_good = x != NULL && role_is_agent(x, found) && strcmp(found, name) == 0;
    X509_free(x);
    if (text != NULL)
        OPENSSL_cleanse(text, size);
    free(text);
    return is_good;
}
