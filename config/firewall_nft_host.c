/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a machine needs to take connections that are not for its own listeners: TPROXY, DNAT, policy routes. Caller's thread.
 */
#include "config/firewall_nft.h"

#include <stdlib.h>

static const int families[] = {AF_INET, AF_INET6};

static const char *ip(int family)
{
    return family == AF_INET ? "ip" : "ip6";
}

/* -- TPROXY --------------------------------------------------------------------------------------------------------------------
 */

/* Before SYNs: what belongs to a socket of ours already. */
static void print_known(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule, FILE *out)
{
    char *verdict = firewall_text("meta mark set 0x%x accept", FIREWALL_MARK);

    for (size_t i = 0; i < 2; i++)
        firewall_nft_one(f, how, rule, families[i], FIREWALL_MATCH_KNOWN, verdict, out);
    free(verdict);
}

static void print_taken(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule, FILE *out)
{
    char *fingerprint = firewall_fingerprint(rule);
    char *mark =
        rule->means == FIREWALL_INTERCEPT ? firewall_text("meta mark set 0x%x ", FIREWALL_MARK) : firewall_text("%s", "");

    for (size_t i = 0; i < 2; i++) {
        char *verdict = firewall_text("tproxy %s to :%u %saccept comment \"%s\"", ip(families[i]), address_port(&rule->listen),
                                      mark, fingerprint);

        firewall_nft_one(f, how, rule, families[i], FIREWALL_MATCH_NEW, verdict, out);
        free(verdict);
    }
    free(mark);
    free(fingerprint);
}

/* While nobody listens, the server must hear of it at once. */
static void print_reset(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule, FILE *out)
{
    for (size_t i = 0; i < 2; i++)
        firewall_nft_one(f, how, rule, families[i], FIREWALL_MATCH_NEW, "reject with tcp reset", out);
}

void firewall_nft_intercept(const struct firewall *f, const struct firewall_nft *how, FILE *out)
{
    if (!firewall_needs(f, FIREWALL_INTERCEPT) && !firewall_needs(f, FIREWALL_TAKE))
        return;
    fputs("    chain intercept {\n        type filter hook prerouting priority mangle; policy accept;\n", out);
    for (size_t i = 0; i < f->count; i++) {
        const struct firewall_rule *rule = &f->rules[i];

        if (rule->means != FIREWALL_INTERCEPT && rule->means != FIREWALL_TAKE)
            continue;
        firewall_nft_comment(rule, out);
        if (rule->means == FIREWALL_INTERCEPT)
            print_known(f, how, rule, out);
        print_taken(f, how, rule, out);
        if (rule->means == FIREWALL_INTERCEPT)
            print_reset(f, how, rule, out);
    }
    fputs("    }\n", out);
}

/* -- links over ranges of ports ------------------------------------------------------------------------------------------------
 */

/* `rule` as it is in this chain; the fingerprint is that of the rule as it was made. */
static void print_led(const struct firewall *f, const struct firewall_rule *rule, const char *fingerprint, FILE *out)
{
    bool is_anywhere = firewall_end_is_any(&rule->destination);
    int family = rule->listen.sa.any.sa_family;
    char listen[ADDRESS_TEXT], *verdict;

    if (address_is_any(&rule->listen))
        verdict = firewall_text("%s%sredirect to :%u comment \"%s\"", is_anywhere ? "meta nfproto " : "",
                                !is_anywhere        ? ""
                                : family == AF_INET ? "ipv4 fib daddr type local "
                                                    : "ipv6 fib daddr type local ",
                                address_port(&rule->listen), fingerprint);
    else
        verdict = firewall_text("dnat %s to %s comment \"%s\"", ip(family), address_format(&rule->listen, listen), fingerprint);
    firewall_nft_comment(rule, out);
    firewall_nft_one(f, NULL, rule, family, FIREWALL_MATCH_NEW, verdict, out);
    free(verdict);
}

/* From other machines, or from this one. Programs here that use another of its addresses are left alone. */
static void print_chain(const struct firewall *f, const char *name, const char *hook, bool is_local, FILE *out)
{
    fprintf(out, "    chain %s {\n        type nat hook %s; policy accept;\n", name, hook);
    for (size_t i = 0; i < f->count; i++) {
        struct firewall_rule rule = f->rules[i];
        char *fingerprint;

        if (rule.means != FIREWALL_LEAD ||
            (is_local ? firewall_end_is_any(&rule.destination) : address_is_loopback(&rule.listen)))
            continue;
        if (is_local)
            rule.source = (struct firewall_end){0};
        fingerprint = firewall_fingerprint(&f->rules[i]);
        print_led(f, &rule, fingerprint, out);
        free(fingerprint);
    }
    fputs("    }\n", out);
}

void firewall_nft_lead(const struct firewall *f, FILE *out)
{
    if (!firewall_needs(f, FIREWALL_LEAD))
        return;
    print_chain(f, "lead", "prerouting priority dstnat", false, out);
    print_chain(f, "lead_local", "output priority -100", true, out);
}

/* -- policy routes -------------------------------------------------------------------------------------------------------------
 */

void firewall_nft_routes(const struct firewall *f, FILE *out)
{
    if (firewall_needs(f, FIREWALL_INTERCEPT))
        fputs("# Packets that the chain \"intercept\" marks are for this machine, whatever their address.\n", out);
    else
        fputs("# Nothing of an earlier configuration stays.\n", out);
    for (size_t i = 0; i < 2; i++) {
        int family = families[i], option = family == AF_INET ? 4 : 6;

        if (!firewall_is_routed(f, family)) {
            fprintf(out, "ip -%d rule del pref %d 2>/dev/null || true\nip -%d route flush table %d 2>/dev/null || true\n", option,
                    FIREWALL_TABLE, option, FIREWALL_TABLE);
            continue;
        }
        fprintf(out, "ip -%d route replace local default dev lo table %d\n", option, FIREWALL_TABLE);
        fprintf(out, "[ -n \"$(ip -%d rule list pref %d)\" ] || ip -%d rule add pref %d fwmark 0x%x lookup %d\n", option,
                FIREWALL_TABLE, option, FIREWALL_TABLE, FIREWALL_MARK, FIREWALL_TABLE);
    }
    fputc('\n', out);
}
