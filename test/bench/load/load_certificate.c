/* SPDX-License-Identifier: Apache-2.0 */
/*
 * d2i_X509() with a memory of one certificate. libssl finds this one first, since the program's symbols come before
 * those of libraries; ASN1_item_d2i() is all that the library's own does. See d2i_X509(3). One thread.
 */
#include "test/bench/load/load_certificate.h"

#include <openssl/asn1t.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#define CERTIFICATE_LIMIT 4096 /* longer ones are not remembered */

static struct {
    bool is_off;
    X509 *parsed; /* NULL: none yet; a reference */
    size_t size;
    unsigned char bytes[CERTIFICATE_LIMIT];
} memory;

void load_certificate_forget(void)
{
    memory.is_off = true;
    X509_free(memory.parsed);
    memory.parsed = NULL;
}

static X509 *give_known(X509 **certificate, const unsigned char **bytes, long size)
{
    X509_up_ref(memory.parsed);
    *bytes += size;
    if (certificate != NULL) {
        X509_free(*certificate);
        *certificate = memory.parsed;
    }
    return memory.parsed;
}

static void remember(X509 *parsed, const unsigned char *bytes, size_t size)
{
    X509_free(memory.parsed);
    X509_up_ref(parsed);
    memory.parsed = parsed;
    memory.size = size;
    memcpy(memory.bytes, bytes, size);
}

X509 *d2i_X509(X509 **certificate, const unsigned char **bytes, long size)
{
    const unsigned char *start = *bytes;
    size_t wanted = size > 0 ? (size_t)size : 0;

    if (memory.parsed != NULL && wanted == memory.size && memcmp(start, memory.bytes, wanted) == 0)
        return give_known(certificate, bytes, size);
    X509 *parsed = (X509 *)ASN1_item_d2i((ASN1_VALUE **)certificate, bytes, size, ASN1_ITEM_rptr(X509));
    if (parsed != NULL && !memory.is_off && *bytes == start + wanted && wanted <= CERTIFICATE_LIMIT)
        remember(parsed, start, wanted);
    return parsed;
}
