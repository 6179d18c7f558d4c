/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing that lasts. */
#include "tls/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_BYTES = 32 };

static void write_hex(const unsigned char bytes[DIGEST_BYTES], char hex[DIGEST_TEXT])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[DIGEST_TEXT - 1] = '\0';
}

bool digest_sha256(const void *bytes, size_t length, char hex[DIGEST_TEXT])
{
    unsigned char out[EVP_MAX_MD_SIZE];

    if (EVP_Digest(bytes, length, out, NULL, EVP_sha256(), NULL) != 1)
        return false;
    write_hex(out, hex);
    return true;
}

bool digest_hmac(const void *key, size_t key_length, const void *bytes, size_t length, char hex[DIGEST_TEXT])
{
    unsigned char out[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), key, (int)key_length, bytes, length, out, NULL) == NULL)
        return false;
    write_hex(out, hex);
    return true;
}

/* 0, or -1 with errno. */
static int add_file(EVP_MD_CTX *ctx, const char *path)
{
    FILE *in = fopen(path, "re");
    char part[8192];
    size_t count;
    int result;

    if (in == NULL)
        return -1;
    (void)EVP_DigestUpdate(ctx, path, strlen(path) + 1);
    while ((count = fread(part, 1, sizeof(part), in)) > 0)
        (void)EVP_DigestUpdate(ctx, part, count);
    (void)EVP_DigestUpdate(ctx, "", 1);
    result = ferror(in) ? -1 : 0;
    fclose(in);
    return result;
}

int digest_files(const char *const *paths, size_t count, char hex[DIGEST_TEXT])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char out[EVP_MAX_MD_SIZE];
    int result = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : -1;

    if (result != 0)
        errno = ENOMEM;
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_file(ctx, paths[i]);
    if (result == 0 && EVP_DigestFinal_ex(ctx, out, NULL) == 1)
        write_hex(out, hex);
    else
        result = -1;
    EVP_MD_CTX_free(ctx);
    return result;
}

bool digest_is_same(const char a[DIGEST_TEXT], const char b[DIGEST_TEXT])
{
    return CRYPTO_memcmp(a, b, DIGEST_TEXT - 1) == 0;
}
