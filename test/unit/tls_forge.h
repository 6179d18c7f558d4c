/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Certificates of every kind, good and bad, in a scratch folder; and the doors made of them. Failures stop the program.
 */
#pragma once

#include "test/unit/scratch.h"
#include "tls/context.h"
#include "tls/pki_issue.h"

#include <openssl/ssl.h>

enum forge_key { FORGE_EC, FORGE_RSA, FORGE_RSA_WEAK, FORGE_ED25519 };

struct forge {
    struct scratch scratch;
    struct pki_ca ca;
    char ca_path[128];
};

/** What differs from a good certificate; zero is the usual. */
struct forge_leaf {
    const char *stem;
    const char *alt_name;
    const char *usage; /**< NULL: serverAuth */
    enum forge_key key;
    int from_s;             /**< from now; 0: an hour ago */
    int until_s;            /**< from now; 0: in ten days */
    const struct forge *by; /**< another CA */
};

/** A folder with ca.crt. */
void forge_init(struct forge *f);
void forge_fini(struct forge *f);

/** Writes STEM.crt and STEM.key, and gives their paths. The paths live as long as the program (tests end soon). */
struct cfg_certificate forge_write(struct forge *f, const struct forge_leaf *leaf);

/** Collects problems: all sentences, one a line. */
struct forge_problems {
    unsigned count;
    char text[8192];
};
void forge_problem(void *arg, unsigned line, const char *sentence);

/** A relay's door with these web front doors and, if `relay` is not NULL, a tunnel. Fails the test on a problem. */
struct tls_context *forge_door(struct forge *f, const struct cfg_web *web, size_t web_count, const struct cfg_certificate *relay,
                               struct tls_tickets *tickets);
