/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A certificate with its chain and key, read from files and checked so that each mistake is told with its remedy. Main thread.
 */
#pragma once

#include "tls/parts.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct certificate {
    X509 *leaf;
    STACK_OF(X509) * chain; /**< what follows the leaf in its file; may be empty */
    EVP_PKEY *key;
};

/**
 * Reads and checks the two files. 0, or -1 after telling every problem; `c` needs certificate_fini() in both cases.
 * The key must be RSA of at least 2048 bits or EC of at least 256, without pass phrase, readable by its owner only.
 */
int certificate_load(struct certificate *c, const struct cfg_certificate *files, struct tls_problems *p);
void certificate_fini(struct certificate *c);

/** Gives leaf, chain and key to `ctx`, beside one of the other key type if it has one. */
int certificate_use(const struct certificate *c, SSL_CTX *ctx);

/** The CA certificates of a PEM file as the only trusted ones; NULL after telling the problem. */
X509_STORE *certificate_load_ca(const char *path, unsigned line, struct tls_problems *p);

/**
 * Checks our own certificate of a tunnel as the other end will: signed by `ca`, a relay's or else an
 * agent's. 0, or -1 after telling the problem.
 */
int certificate_check_own(const struct certificate *c, const struct cfg_certificate *files, X509_STORE *ca, const char *ca_path,
                          bool is_relay, struct tls_problems *p);

/** Reads a whole file of at most `max` bytes into memory of the caller (wipe it if it is a key). NULL with errno. */
char *certificate_read_file(const char *path, size_t max, size_t *ret_size, unsigned *ret_mode);
