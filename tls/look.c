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

static void look_at(X509 *x, struct look *look)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct tm until;
    char common[128];

    *look = (struct look){0};
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        add_alternative(look, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    if (*look->names == '\0' && X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common, sizeof(common)) > 0)
        add_name(look, common, strlen(common));
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &until) == 1)
        look->until = timegm(&until);
}

int look_at_certificates(const char *path, look_fn *found, void *arg)
{
    size_t size;
    unsigned mode;
    char *text = certificate_read_file(path, LOOK_FILE_BYTES, &size, &mode);
    BIO *bio = text != NULL ? BIO_new_mem_buf(text, (int)size) : NULL;
    int count = bio != NULL ? 0 : -1;
    X509 *x;

    while (bio != NULL && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        struct look look;

        look_at(x, &look);
        X509_free(x);
        found(arg, &look, count++ == 0);
    }
    ERR_clear_error();
    BIO_free(bio);
    free(text);
    return count;
}
