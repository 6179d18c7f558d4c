/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the telling of a client's certificate to whoever asks: as text that can stand in a header line. The certificate is
 * verified, yet its bytes are its holder's choice. On the stream's thread.
 */
#include "tls/parts.h"
#include "tls/stream.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Writes a name; RFC 2253 escapes make it printable ASCII, zero bytes and line ends included. */
static int write_name(FILE *out, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    int result = -1;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long length = BIO_get_mem_data(bio, &text);
        if (length > 0)
            fwrite(text, 1, (size_t)length, out);
        result = 0;
    }
    BIO_free(bio);
    return result;
}

static int write_serial(FILE *out, const X509 *x)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *text = number == NULL ? NULL : BN_bn2hex(number);
    if (text != NULL)
        fputs(text, out);
    BN_free(number);
    OPENSSL_free(text);
    return text == NULL ? -1 : 0;
}

static int write_sha256(FILE *out, const X509 *x)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (X509_digest(x, EVP_sha256(), digest, &length) != 1)
        return -1;
    for (unsigned i = 0; i < length; i++)
        fprintf(out, "%02x", digest[i]);
    return 0;
}

static int write_base64(FILE *out, const X509 *x)
{
    uint8_t *der = NULL;
    int length = i2d_X509(x, &der);
    uint8_t *text = length <= 0 ? NULL : malloc((size_t)length / 3 * 4 + 5);
    if (text != NULL) {
        EVP_EncodeBlock(text, der, length);
        fputs((const char *)text, out);
    }
    free(text);
    OPENSSL_free(der);
    return text == NULL ? -1 : 0;
}

enum { TEXTS = 5 };

/** All texts, each with its final zero, one after the other in one piece of memory. */
static char *write_all(const X509 *x, size_t at[TEXTS], size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);
    int failures = 0;
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < TEXTS; i++) {
        at[i] = (size_t)ftell(out);
        failures += i == 0   ? write_name(out, X509_get_subject_name(x))
                    : i == 1 ? write_name(out, X509_get_issuer_name(x))
                    : i == 2 ? write_serial(out, x)
                    : i == 3 ? write_sha256(out, x)
                             : write_base64(out, x);
        fputc('\0', out);
    }
    if (fclose(out) != 0 || failures != 0) {
        ERR_clear_error();
        free(text);
        return NULL;
    }
    return text;
}

/** NULL for NULL, and without memory. */
static struct tls_client_certificate *describe(const X509 *x)
{
    size_t at[TEXTS];
    size_t size = 0;
    char *text = x == NULL ? NULL : write_all(x, at, &size);
    struct tls_client_certificate *c = text == NULL ? NULL : malloc(sizeof(*c) + size);
    if (c != NULL) {
        char *copy = memcpy((char *)(c + 1), text, size);
        *c = (struct tls_client_certificate){copy + at[0], copy + at[1], copy + at[2], copy + at[3], copy + at[4]};
    }
    free(text);
    return c;
}

struct tls_client_certificate *tls_stream_client_certificate(const struct stream *s)
{
    SSL *ssl = tls_stream_ssl(s);
    return describe(tls_greeting_of(ssl)->site == NULL ? NULL : SSL_get0_peer_certificate(ssl));
}

struct tls_client_certificate *tls_stream_peer_certificate(const struct stream *s)
{
    SSL *ssl = tls_stream_is(s) ? tls_stream_ssl(s) : NULL;
    const X509 *x = ssl == NULL ? NULL : SSL_get0_peer_certificate(ssl);
    if (ssl != NULL && x == NULL)
        x = tls_greeting_of(ssl)->refused;
    return describe(x);
}

struct tls_client_certificate *tls_certificate_of_file(const char *path)
{
    FILE *in = fopen(path, "re");
    X509 *x = in == NULL ? NULL : PEM_read_X509(in, NULL, NULL, NULL);
    struct tls_client_certificate *c = describe(x);
    if (in != NULL)
        fclose(in);
    X509_free(x);
    ERR_clear_error();
    return c;
}
