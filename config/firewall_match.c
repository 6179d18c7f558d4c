/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how a rule's matches are written for nft. Caller's thread. */
#include "config/firewall_nft.h"

#include <stdlib.h>
#include <string.h>

/* "KEY { a, b } ", without braces for one; nothing for anybody. */
static void print_end(const char *key, const char *operator, const struct firewall_end * end, int family, FILE *out)
{
    char *text = NULL;
    size_t size, count;
    FILE *list = open_memstream(&text, &size);

    if (!list)
        return;
    count = firewall_end_print(end, family, ", ", list);
    fclose(list);
    if (count > 0)
        fprintf(out, count > 1 ? "%s %s%s{ %s } " : "%s %s%s%s ", family == AF_INET ? "ip" : "ip6", key, operator, text);
    free(text);
}

static void print_ports(const char *operator, const struct firewall_ports * ports, FILE *out)
{
    if (ports->count == 0)
        return;
    fprintf(out, "tcp dport %s%s", operator, ports->count> 1 ? "{ " : "");
    firewall_ports_print(ports, ", ", out);
    fputs(ports->count > 1 ? " } " : " ", out);
}

/*
 * "eth1,eth2" as a set. They are where connections towards us come from, or ours leave to: the clients' side at the outer
 * firewall, the server's at the others. Where one machine is both firewalls they are the clients' side.
 */
static void print_interfaces(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule,
                             FILE *out)
{
    bool is_towards_us = rule->towards == TOWARDS_RELAY || rule->towards == TOWARDS_AGENT;
    bool is_other_side = f->places == (FIREWALL_OUTER | FIREWALL_INNER) && rule->place == FIREWALL_INNER;
    const char *rest = how ? how->interfaces : NULL;
    size_t length;

    if (!rest || (rule->place == FIREWALL_HOST && strcmp(rule->from, "server") != 0))
        return;
    fputs(is_other_side ? "iifname != { " : is_towards_us ? "iifname { " : "oifname { ", out);
    for (; *rest; rest += length + (rest[length] == ',')) {
        length = strcspn(rest, ",");
        fprintf(out, "%s\"%.*s\"", rest == how->interfaces ? "" : ", ", (int)length, rest);
    }
    fputs(" } ", out);
}

static void print_matches(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule, int family,
                          enum firewall_match match, FILE *out)
{
    fputs("        ", out);
    print_interfaces(f, how, rule, out);
    print_end("saddr ", "", &rule->source, family, out);
    print_end("daddr ", "", &rule->destination, family, out);
    print_end("daddr ", "!= ", &rule->beside, family, out);
    if (match == FIREWALL_MATCH_KNOWN) {
        fputs("meta l4proto tcp socket transparent 1 ", out);
        return;
    }
    print_ports("", &rule->ports, out);
    print_ports("!= ", &rule->except, out);
    fputs("tcp flags & (fin | syn | rst | ack) == syn ct state new ", out);
}

void firewall_nft_one(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule, int family,
                      enum firewall_match match, const char *verdict, FILE *out)
{
    if (!firewall_end_has(&rule->source, family) || !firewall_end_has(&rule->destination, family))
        return;
    print_matches(f, how, rule, family, match, out);
    fprintf(out, "%s\n", verdict);
}

void firewall_nft_each(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule,
                       enum firewall_match match, const char *verdict, const char *word, FILE *out)
{
    bool is_both = firewall_end_is_any(&rule->source) && firewall_end_is_any(&rule->destination);
    const char *place = strstr(verdict, "%s");
    char *whole = firewall_text("%.*s%s%s", (int)(place - verdict), verdict, word, place + 2);

    firewall_nft_one(f, how, rule, AF_INET, match, whole, out);
    if (!is_both)
        firewall_nft_one(f, how, rule, AF_INET6, match, whole, out);
    free(whole);
}
