/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The accounts: how many TCP connections this process has accepted and opened since its start, for each purpose and peer.
 *
 * Each connection is counted where it comes into being: by the listener that accepts it, whatever becomes of it then, and by
 * tcp_stream_connect() when its connect is under way. So there is no way into or out of the process that is not in here, but for
 * look-ups of names, which the system's resolver does. Nothing is ever taken out. For each way there is room for ACCOUNT_PEERS
 * rows; what finds none left is counted for its purpose under "others", so the sums are always right.
 *
 * One table for all threads, with a lock: it is held for some 50 ns once a connection. Any thread.
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Rows of each way; the rest is counted under "others". */
#define ACCOUNT_PEERS 4096

/** What a connection is for. The names stand in reports and in the answers of the control socket. */
#define ACCOUNT_PURPOSES(X)                                                                                                      \
    X(OTHER, "other")       /* nothing of the below */                                                                           \
    X(WEB, "web")           /* accepted: a web front door with TLS */                                                            \
    X(PLAIN, "plain")       /* accepted: one without */                                                                          \
    X(REDIRECT, "redirect") /* accepted: one that only sends browsers to https */                                                \
    X(TUNNEL, "tunnel")     /* accepted: from an agent */                                                                        \
    X(SHARED, "shared")     /* accepted: at a port that a web front door and the tunnel share */                                 \
    X(LINK, "link")         /* accepted: a client's link */                                                                      \
    X(ADVISE, "advise")     /* accepted: a server's dial-back */                                                                 \
    X(ADMIN, "admin")       /* accepted: at the admin port */                                                                    \
    X(SERVER, "server")     /* opened: a link, to the server */                                                                  \
    X(CLIENT, "client")     /* opened: an advise, to the client */                                                               \
    X(RELAY, "relay")       /* opened: an agent's, to a relay */                                                                 \
    X(UPSTREAM, "upstream") /* opened: a request's, to a server of a web front door */                                           \
    X(HEALTH, "health")     /* opened: a health check's, to the same */                                                          \
    X(SYSLOG, "syslog")     /* opened: the audit's, to its syslog receiver */

enum __attribute__((packed)) account_purpose {
#define X(constant, name) ACCOUNT_##constant,
    ACCOUNT_PURPOSES(X)
#undef X
        ACCOUNT_PURPOSES_COUNT
};

enum account_way { ACCOUNT_ACCEPTED = 0, ACCOUNT_OPENED, ACCOUNT_WAYS };

/** All connections of one purpose with one peer. */
struct account_row {
    enum account_way way;
    enum account_purpose purpose;
    struct address peer; /**< port 0; unset: others */
    uint64_t count;      /**< accepted, or begun to be opened */
    uint64_t made;       /**< opened: of these, how many were connected */
};

/** A connection was accepted. */
void account_accepted(enum account_purpose purpose, const struct address *peer);

/** A connection is being opened; and: it is connected now. */
void account_opened(enum account_purpose purpose, const struct address *peer);
void account_made(enum account_purpose purpose, const struct address *peer);

/** The sums of a purpose over all peers. */
struct account_sum {
    uint64_t count;
    uint64_t made;
};

/** All sums. */
void account_read_sums(struct account_sum ret[ACCOUNT_WAYS][ACCOUNT_PURPOSES_COUNT]);

/** A copy of the table, ordered by way, purpose and peer ("others" last). The caller frees it. NULL without memory. */
struct account_row *account_read(size_t *ret_count);

/** "accepted", "opened". */
const char *account_way_name(enum account_way way);

/** "link". */
const char *account_purpose_name(enum account_purpose purpose);

/** The reverse of both; false if there is no such name. */
bool account_way_find(const char *name, enum account_way *ret);
bool account_purpose_find(const char *name, enum account_purpose *ret);
