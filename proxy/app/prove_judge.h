/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What follows from all that "georelay prove" has learnt: findings that speak against the claim. No finding, and it is proved.
 *
 * A relay's claim: it has opened no connection towards the clients' networks. An agent's: it has accepted connections only from
 * its clients (and advises from its servers), but at its admin port, and opened connections only to its relays, its clients, its
 * servers and its syslog receiver.
 *
 * What can't be decided is a finding too. Pure but for its memory. For commands.
 */
#pragma once

#include "proxy/app/accounts.h"
#include "proxy/app/conntrack.h"
#include "proxy/app/kernel_tcp.h"
#include "proxy/app/nft_counters.h"
#include "proxy/app/prove_peers.h"

/** Findings beyond these are only counted. */
#define PROVE_FINDINGS 100

/** The configuration's files on disk, beside those that are in use. */
enum prove_files { PROVE_FILES_OTHER = 0, PROVE_FILES_SAME, PROVE_FILES_UNTOUCHED, PROVE_FILES_CHANGED, PROVE_FILES_UNKNOWN };

/** All that was learnt. */
struct prove_view {
    const struct cfg *cfg;
    struct prove_peers peers;
    struct accounts accounts;
    struct kernel_sockets sockets;
    struct conntrack conntrack;
    struct nft_counters counters;
    const char *other_config; /**< the process's configuration, if it is not ours; else NULL */
    enum prove_files files;   /**< OTHER: with other_config */
    bool has_accounts;        /**< the process has answered; without this nothing can be proved */
    bool has_sockets;
    bool has_conntrack;
    bool has_counters;
};

/** Connections of the process at this moment with one peer, at one port of ours (accepted) or of the peer's (opened). */
struct prove_group {
    enum account_way way;
    struct address peer; /**< port 0 */
    uint16_t port;
    size_t count;
};

struct prove_groups {
    struct prove_group *list;
    size_t count;
};

struct prove_finding {
    const char *code;
    char sentence[320];
};

struct prove_findings {
    struct prove_finding list[PROVE_FINDINGS];
    size_t count; /**< all, kept or not */
};

/** Gathers the sockets of a view. 0, or -1 without memory. The caller frees `list`. */
int prove_group(const struct prove_view *v, struct prove_groups *ret);

/** `ret` is all zero. */
void prove_judge(const struct prove_view *v, const struct prove_groups *groups, struct prove_findings *ret);
