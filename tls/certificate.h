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

/** Whom a file of trusted certificates is for. */
enum certificate_trust {
    TRUST_TUNNEL,  /**< the other ends of tunnels: the tunnel's CA and nothing above it */
    TRUST_CLIENTS, /**< clients of a web front door: CAs */
    TRUST_SERVERS, /**< servers of an upstream: CAs, or a server's own certificate */
};

/**
 * The certificates of a PEM file as the only trusted ones; NULL after telling the problem. For clients and servers each of
 * them ends a chain, an intermediate as well as a root: who has only the CA next to his peers need not look for what is above.
 */
X509_STORE *certificate_load_ca(const char *path, unsigned line, enum certificate_trust whom, struct tls_problems *p);

/**
 * Checks our own certificate of a tunnel as the other end will: signed by `ca`, a relay's or else an
 * agent's. 0, or -1 after telling the problem.
 */
int certificate_check_own(const struct certificate *c, const struct cfg_certificate *files, X509_STORE *ca, const char *ca_path,
                          bool is_relay, struct tls_problems *p);

/** Reads a whole file of at most `max` bytes into memory of the caller (wipe it if it is a key). NULL with errno. */
char *certificate_read_file(const char *path, size_t max, size_t *ret_size, unsigned *ret_mode);
