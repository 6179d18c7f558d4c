/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of a file of ticket keys. Any thread. */
#include "tls/shared_keys.h"
#include "tls/certificate.h"
#include "tls/parts.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void check_names(const struct tls_shared_keys *keys, const char *path, unsigned line, struct tls_problems *p)
{
    for (size_t i = 0; i < keys->count; i++)
        for (size_t k = 0; k < i; k++)
            if (memcmp(keys->key[i].name, keys->key[k].name, TICKET_NAME_BYTES) == 0)
                tls_problem(
                    p, line,
                    "ticket keys %zu and %zu in %s have the same name, their first 16 bytes; make another key: openssl rand 80",
                    k + 1, i + 1, path);
}

static void check(const struct tls_shared_keys *keys, size_t size, unsigned mode, const char *path, unsigned line,
                  struct tls_problems *p)
{
    if ((mode & (S_IRWXG | S_IRWXO)) != 0)
        tls_problem(p, line, "ticket keys %s can be read or written by others than their owner (mode %04o); run: chmod 600 %s",
                    path, mode & 07777U, path);
    if (size == 0 || size % sizeof(struct ticket_key) != 0)
        tls_problem(p, line, "ticket keys %s are %zu bytes long; each key has 80 bytes; run: openssl rand 80 > %s", path, size,
                    path);
    else
        check_names(keys, path, line, p);
}

struct tls_shared_keys *tls_shared_keys_read(const char *path, unsigned line, tls_problem_fn *problem, void *arg)
{
    struct tls_problems problems = {problem, arg, 0};
    struct tls_shared_keys *keys = calloc(1, sizeof(*keys));
    size_t size = 0;
    unsigned mode = 0;
    char detail[128];
    char *bytes = keys != NULL ? certificate_read_file(path, sizeof(keys->key), &size, &mode) : NULL;

    if (bytes == NULL) {
        tls_problem(&problems, line, "ticket keys %s can't be read: %s; %s", path, strerror_r(errno, detail, sizeof(detail)),
                    errno == EFBIG ? "there may be 3 keys of 80 bytes"
                                   : "make them: openssl rand 80, and give them to the user of georelay");
        free(keys);
        return NULL;
    }
    memcpy(keys->key, bytes, size);
    keys->count = size / sizeof(struct ticket_key);
    OPENSSL_cleanse(bytes, size);
    free(bytes);
    check(keys, size, mode, path, line, &problems);
    if (problems.count > 0) {
        tls_shared_keys_free(keys);
        return NULL;
    }
    return keys;
}

void tls_shared_keys_free(struct tls_shared_keys *keys)
{
    if (keys == NULL)
        return;
    OPENSSL_cleanse(keys, sizeof(*keys));
    free(keys);
}
