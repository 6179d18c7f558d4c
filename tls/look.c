/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: reads certificates again that have passed the checks of certificate.c. */
#include "tls/look.h"

#include "tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_FILE_BYTES = 1024 * 1024 };

/* What a shell takes as it is: people copy a URL from where it is told. */
#define URL_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:/._~%=-"

static void add_name(struct look *look, const char *text, size_t length)
{
    size_t used = strlen(look->names);

    if (used + length + 3 > sizeof(look->names))
        return;
    if (used > 0) {
        memcpy(look->names + used, ", ", 2);
        used += 2;
    }
    for (size_t i = 0; i < length; i++)
        look->names[used++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    look->names[used] = '\0';
}

static void add_alternative(struct look *look, const GENERAL_NAME *name)
{
    char text[INET6_ADDRSTRLEN];
    const ASN1_STRING *value = name->type == GEN_IPADD ? name->d.iPAddress : name->type == GEN_DNS ? name->d.dNSName : NULL;
    int length = value != NULL ? ASN1_STRING_length(value) : 0;

    if (name->type == GEN_DNS)
        add_name(look, (const char *)ASN1_STRING_get0_data(value), (size_t)length);
    else if (name->type == GEN_IPADD && (length == 4 || length == 16) &&
             inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), text, sizeof(text)) != NULL)
        add_name(look, text, strlen(text));
}

static void read_common_name(const X509_NAME *name, char ret[LOOK_NAMES])
{
    struct look text = {0};
    char common[128];

    if (X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, common, sizeof(common)) > 0)
        add_name(&text, common, strlen(common));
    memcpy(ret, text.names, LOOK_NAMES);
}

/* RFC 5280, section 4.2.2.1. */
static void read_url(X509 *x, char ret[LOOK_NAMES])
{
    AUTHORITY_INFO_ACCESS *list = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);

    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(list) && *ret == '\0'; i++) {
        const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(list, i);
        struct look text = {0};

        if (OBJ_obj2nid(one->method) != NID_ad_ca_issuers || one->location->type != GEN_URI)
            continue;
        add_name(&text, (const char *)ASN1_STRING_get0_data(one->location->d.ia5),
                 (size_t)ASN1_STRING_length(one->location->d.ia5));
        if (strncmp(text.names, "http://", 7) == 0 && text.names[strspn(text.names, URL_BYTES)] == '\0')
            memcpy(ret, text.names, LOOK_NAMES);
    }
    AUTHORITY_INFO_ACCESS_free(list);
}

static bool is_signed_by(X509 *x, X509 *issuer)
{
    return X509_check_issued(issuer, x) == X509_V_OK && X509_verify(x, X509_get0_pubkey(issuer)) == 1;
}

static bool is_issuer_known(X509 *x)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *issuer = NULL;
    bool is_known = store != NULL && context != NULL && X509_STORE_set_default_paths(store) == 1 &&
                    X509_STORE_CTX_init(context, store, x, NULL) == 1 && X509_STORE_CTX_get1_issuer(&issuer, context, x) == 1;

    X509_free(issuer);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return is_known;
}

static time_t time_of(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

/* `next` is NULL behind the last. */
static void look_at(X509 *x, X509 *next, struct look *look)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

    *look = (struct look){0};
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        add_alternative(look, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    if (*look->names == '\0')
        read_common_name(X509_get_subject_name(x), look->names);
    read_common_name(X509_get_issuer_name(x), look->issuer);
    read_url(x, look->url);
    look->from = time_of(X509_get0_notBefore(x));
    look->until = time_of(X509_get0_notAfter(x));
    look->has_next = next != NULL;
    look->is_signed_by_next = next != NULL && is_signed_by(x, next);
    look->is_self_signed = is_signed_by(x, x);
    look->is_issuer_known = next == NULL && is_issuer_known(x);
}

static BIO *open_file(const char *path, char **ret_text)
{
    size_t size;
    unsigned mode;

    *ret_text = certificate_read_file(path, LOOK_FILE_BYTES, &size, &mode);
    return *ret_text != NULL ? BIO_new_mem_buf(*ret_text, (int)size) : NULL;
}

int look_at_certificates(const char *path, look_fn *found, void *arg)
{
    char *text;
    BIO *bio = open_file(path, &text);
    int count = bio != NULL ? 0 : -1;
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    while (x != NULL) {
        X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        struct look look;

        look_at(x, next, &look);
        X509_free(x);
        x = next;
        found(arg, &look, count++ == 0);
    }
    ERR_clear_error();
    BIO_free(bio);
    free(text);
    return count;
}

bool look_is_for(const char *path, const char *host)
{
    char *text;
    BIO *bio = open_file(path, &text);
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool is_for = x != NULL && (X509_check_host(x, host, 0, 0, NULL) == 1 || X509_check_ip_asc(x, host, 0) == 1);

    ERR_clear_error();
    X509_free(x);
    BIO_free(bio);
    free(text);
    return is_for;
}
