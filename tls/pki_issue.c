/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what stands in a certificate of georelay's CA (RFC 5280) and in a request (RFC 2986). Main thread of a short-lived
 * command. */
#include "tls/pki_issue.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { SERIAL_BITS = 128, DAY_SECONDS = 24 * 3600 };

/** The clocks of two plants differ: a certificate made here must be valid there at once. */
enum { CLOCK_SKEW_SECONDS = 3600 };

EVP_PKEY *pki_issue_key(void)
{
    return EVP_EC_gen("P-256");
}

/** Random, so that no register of numbers has to be kept; RFC 5280 section 4.1.2.2 allows up to 20 bytes, positive. */
static int set_serial(X509 *x)
{
    BIGNUM *number = BN_new();
    int result = -1;
    if (number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 && !BN_is_zero(number) &&
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL)
        result = 0;
    BN_free(number);
    return result;
}

/** From an hour ago until `days` from now or the CA's end, whichever comes first. */
static int set_dates(X509 *x, const struct pki_ca *ca, int days)
{
    time_t now = time(NULL);
    if (X509_time_adj_ex(X509_getm_notBefore(x), 0, -CLOCK_SKEW_SECONDS, &now) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(x), days, 0, &now) == NULL)
        return -1;
    if (ca == NULL || ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca->certificate)) <= 0)
        return 0;
    return X509_set1_notAfter(x, X509_get0_notAfter(ca->certificate)) == 1 ? 0 : -1;
}

static int set_common_name(X509_NAME *name, const char *text)
{
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1 ? 0 : -1;
}

static int add_extension(X509 *x, X509V3_CTX *names, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, names, nid, value);
    int result = extension != NULL && X509_add_ext(x, extension, -1) == 1 ? 0 : -1;
    X509_EXTENSION_free(extension);
    return result;
}

static int add_ca_extensions(X509 *x, X509V3_CTX *names)
{
    if (add_extension(x, names, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") != 0 ||
        add_extension(x, names, NID_key_usage, "critical,keyCertSign,cRLSign") != 0 ||
        add_extension(x, names, NID_subject_key_identifier, "hash") != 0)
        return -1;
    return add_extension(x, names, NID_authority_key_identifier, "keyid:always");
}

static int add_leaf_extensions(X509 *x, X509V3_CTX *names, const struct pki_subject *subject)
{
    if (add_extension(x, names, NID_basic_constraints, "critical,CA:FALSE") != 0 ||
        add_extension(x, names, NID_key_usage, "critical,digitalSignature") != 0 ||
        add_extension(x, names, NID_ext_key_usage, subject->usage) != 0 ||
        add_extension(x, names, NID_subject_alt_name, subject->alt_name) != 0 ||
        add_extension(x, names, NID_subject_key_identifier, "hash") != 0)
        return -1;
    return add_extension(x, names, NID_authority_key_identifier, "keyid:always");
}

static int fill(X509 *x, const struct pki_subject *subject, EVP_PKEY *key, const struct pki_ca *ca, int days)
{
    X509V3_CTX names;
    X509 *issuer = ca == NULL ? x : ca->certificate;
    if (X509_set_version(x, X509_VERSION_3) != 1 || set_serial(x) != 0 || set_dates(x, ca, days) != 0 ||
        X509_set_pubkey(x, key) != 1 || set_common_name(X509_get_subject_name(x), subject->common_name) != 0 ||
        X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1)
        return -1;
    X509V3_set_ctx(&names, issuer, x, NULL, NULL, 0);
    if ((ca == NULL ? add_ca_extensions(x, &names) : add_leaf_extensions(x, &names, subject)) != 0)
        return -1;
    return X509_sign(x, ca == NULL ? key : ca->key, EVP_sha256()) > 0 ? 0 : -1;
}

X509 *pki_issue_certificate(const struct pki_subject *subject, EVP_PKEY *key, const struct pki_ca *ca, int days)
{
    ERR_clear_error();
    X509 *x = X509_new();
    if (x != NULL && fill(x, subject, key, ca, days) != 0) {
        X509_free(x);
        return NULL;
    }
    return x;
}

X509_REQ *pki_issue_request(const struct pki_subject *subject, EVP_PKEY *key)
{
    ERR_clear_error();
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *alt_name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, subject->alt_name);
    int is_done = request != NULL && list != NULL && alt_name != NULL && sk_X509_EXTENSION_push(list, alt_name) > 0;
    if (!is_done)
        X509_EXTENSION_free(alt_name); /* else the list owns it */
    is_done = is_done && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 && X509_REQ_set_pubkey(request, key) == 1 &&
              set_common_name(X509_REQ_get_subject_name(request), subject->common_name) == 0 &&
              X509_REQ_add_extensions(request, list) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0;
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    if (!is_done) {
        X509_REQ_free(request);
        return NULL;
    }
    return request;
}
