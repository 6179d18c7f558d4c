/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Until when the certificates are valid that are in use: those of the files that the configuration names, as they were when it
 * was loaded. Main thread.
 */
#pragma once

#include "config/model.h"

#include <stddef.h>
#include <time.h>

/** What a file of certificates is for; the label use= of the metrics. */
#define EXPIRY_USES(X)                                                                                                           \
    X(WEB, "web")             /* of a web front door */                                                                          \
    X(CLIENT_CA, "client_ca") /* the CAs of its clients */                                                                       \
    X(UPSTREAM_CA, "upstream_ca")                                                                                                \
    X(TUNNEL, "tunnel") /* ours towards relay or agents */                                                                       \
    X(TUNNEL_CA, "tunnel_ca")                                                                                                    \
    X(ADMIN, "admin")       /* of the admin port */                                                                              \
    X(ADMIN_CA, "admin_ca") /* the CAs of its clients */

enum expiry_use {
#define X(constant, name) EXPIRY_##constant,
    EXPIRY_USES(X)
#undef X
};

struct expiry {
    enum expiry_use use;
    const char *name; /**< of the web front door; "": none */
    const char *path;
    time_t until; /**< the first of the file's certificates that ends: then its chain is broken */
};

/** Reads all files anew. Borrows `cfg` until the next call or expiries_free(). What can't be read is left out. */
void expiries_load(const struct cfg *cfg);

void expiries_free(void);

/** All of them, in the order of the configuration. Valid until the next expiries_load(). */
const struct expiry *expiries_list(size_t *ret_count);

const char *expiry_use_name(enum expiry_use use);
