/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parts of firewall_print_nft(), for firewall_nft*.c alone.
 */
#pragma once

#include "config/firewall_rules.h"

/** What a rule looks for besides addresses and ports. */
enum firewall_match {
    FIREWALL_MATCH_NEW = 0, /**< a SYN that begins a connection */
    FIREWALL_MATCH_KNOWN    /**< packets of connections that a socket of ours has; ports are not looked at */
};

/** The rule's reason as a comment. */
void firewall_nft_comment(const struct firewall_rule *rule, FILE *out);

/**
 * Writes one line for each family that the rule can have: its matches, then `verdict` with `word` for its "%s". `how` is NULL
 * where interfaces don't matter.
 */
void firewall_nft_each(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule,
                       enum firewall_match match, const char *verdict, const char *word, FILE *out);

/** The same for one family; nothing if the rule can't have it. */
void firewall_nft_one(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule, int family,
                      enum firewall_match match, const char *verdict, FILE *out);

/** The chain with TPROXY, the chains that lead, and the commands for policy routes; each nothing if no rule needs it. */
void firewall_nft_intercept(const struct firewall *f, const struct firewall_nft *how, FILE *out);
void firewall_nft_lead(const struct firewall *f, FILE *out);
void firewall_nft_routes(const struct firewall *f, FILE *out);
