/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the words of a script for nftables. One table, "inet georelay", is replaced in one step, so the script may run again at
 * any time. Matches are in firewall_match.c, what intercepts in firewall_nft_host.c. Caller's thread.
 */
#include "config/firewall_nft.h"

#include <stdlib.h>
#include <string.h>

static const char *const counters[TOWARDS_END] = {[TOWARDS_CLIENTS] = "opened_towards_clients",
                                                  [TOWARDS_RELAY] = "opened_towards_relay",
                                                  [TOWARDS_AGENT] = "opened_towards_agent",
                                                  [TOWARDS_SERVER] = "opened_towards_server",
                                                  [TOWARDS_RECEIVER] = "opened_towards_receiver"};

/* Paths may hold anything; a comment is one line of plain text. */
static void print_plain(const char *text, FILE *out)
{
    for (; *text; text++)
        fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
}

void firewall_nft_comment(const struct firewall_rule *rule, FILE *out)
{
    fputs("        # ", out);
    print_plain(rule->reason, out);
    fputc('\n', out);
}

/* -- what is said before -------------------------------------------------------------------------------------------------------
 */

static const char *what_it_is(const struct firewall *f)
{
    bool is_relay = f->cfg->role == CFG_ROLE_RELAY;

    if (f->places == FIREWALL_HOST)
        return is_relay ? "the relay's own machine (host)" : "the agent's own machine (host)";
    if (!is_relay)
        return "the firewall between the agent and the relay";
    if (f->places == FIREWALL_OUTER)
        return "the firewall between the clients' network and the DMZ (outer)";
    return f->places == FIREWALL_INNER
               ? "the firewall between the DMZ and the server's network (inner)"
               : "one firewall between the clients' network, the DMZ and the server's network (outer, inner)";
}

static const char about_all[] =
    "#\n"
    "# Run it there as root, and again at each start of that machine. It may be run again at any time: it replaces its table\n"
    "# \"inet georelay\" in one step (which sets the counters to 0) and touches no other. Counters count new connections; a SYN "
    "that\n"
    "# is sent again counts again.\n";
static const char about_drop[] =
    "#\n"
    "# Its chain drops all that is forwarded and not permitted below; answers to what was permitted pass. In nftables a packet "
    "must\n"
    "# be accepted by every table. So beside a ruleset of your own: permit the same connections there, and make this with\n"
    "# --policy accept, which only counts. If this firewall forwards nothing else, this table alone is a whole firewall.\n";
static const char about_accept[] =
    "#\n"
    "# It counts and keeps nothing out (--policy accept). In nftables a packet must be accepted by every table: permit the same\n"
    "# connections in the ruleset that drops the rest.\n";
static const char about_host[] = "#\n"
                                 "# It intercepts what is told below, counts, and keeps nothing out. If this machine has a "
                                 "ruleset that drops, permit the same\n"
                                 "# connections there: an \"accept\" here does not overrule a \"drop\" elsewhere. Its input "
                                 "chain sees intercepted connections with\n"
                                 "# the address and port that the server dialled.\n";

static void print_head(const struct firewall *f, const struct firewall_nft *how, FILE *out)
{
    fprintf(out, "#!/bin/sh\n# Made by \"georelay firewall\" for %s, of the configuration\n# ", what_it_is(f));
    print_plain(f->cfg->file, out);
    fprintf(out, "\n%s%s", about_all, f->places == FIREWALL_HOST ? about_host : how->only_counts ? about_accept : about_drop);
    if (f->notes_count > 0)
        fputs("#\n", out);
    for (size_t i = 0; i < f->notes_count; i++)
        fprintf(out, "# %s\n", f->notes[i]);
    fputs("set -e\n\n", out);
}

/* -- permissions ---------------------------------------------------------------------------------------------------------------
 */

static void print_permission(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule,
                             FILE *out)
{
    struct firewall_rule seen = *rule;

    /* What was led is seen with its new port. */
    if (rule->means == FIREWALL_LEAD) {
        struct port_range port = {.first = address_port(&rule->listen), .last = address_port(&rule->listen)};

        seen.ports = (struct firewall_ports){.list = &port, .count = 1};
        seen.except = (struct firewall_ports){0};
        seen.source = seen.destination = seen.beside = (struct firewall_end){0};
        firewall_nft_each(f, how, &seen, FIREWALL_MATCH_NEW, "ct status dnat counter name %s accept", counters[rule->towards],
                          out);
        return;
    }
    firewall_nft_each(f, how, &seen, FIREWALL_MATCH_NEW, "counter name %s accept", counters[rule->towards], out);
}

static void print_permissions(const struct firewall *f, const struct firewall_nft *how, int place, bool comes_in, FILE *out)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct firewall_rule *rule = &f->rules[i];

        if (rule->place != place || (place == FIREWALL_HOST && rule->comes_in != comes_in))
            continue;
        if (rule->means == FIREWALL_LEAD && address_is_loopback(&rule->listen))
            continue;
        firewall_nft_comment(rule, out);
        print_permission(f, how, rule, out);
    }
}

/* -- counters ------------------------------------------------------------------------------------------------------------------
 */

static bool is_towards(const struct firewall *f, enum firewall_towards towards)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->rules[i].towards == towards)
            return true;
    return false;
}

/* Those that a place counts, whether there is a rule for them or not: a 0 is what one wants to see. */
static void print_counters(const struct firewall *f, const struct firewall_nft *how, FILE *out)
{
    const char *rest = how->only_counts ? "unexpected" : "refused";
    bool is_relay = f->cfg->role == CFG_ROLE_RELAY, is_host = f->places == FIREWALL_HOST;
    const bool has[TOWARDS_END] = {
        [TOWARDS_CLIENTS] = is_host || (is_relay && (f->places & FIREWALL_OUTER)),
        [TOWARDS_RELAY] = true,
        [TOWARDS_AGENT] = !is_relay,
        [TOWARDS_SERVER] = is_host || (is_relay && (f->places & FIREWALL_INNER)),
        [TOWARDS_RECEIVER] = is_towards(f, TOWARDS_RECEIVER),
    };

    for (size_t i = 0; i < TOWARDS_END; i++)
        if (has[i])
            fprintf(out, "    counter %s { }\n", counters[i]);
    for (size_t i = 0; i < TOWARDS_END && !is_host; i++)
        if (has[i])
            fprintf(out, "    counter %s%s { }\n", rest, strchr(counters[i], '_'));
    if (is_host)
        fputs("    counter unexpected_towards_clients { }\n", out);
    else if (!how->only_counts)
        fputs("    counter refused { }\n", out);
}

/* -- the firewalls -------------------------------------------------------------------------------------------------------------
 */

/* The relay's addresses as this firewall sees them; anybody if a rule knows none. */
static void find_relay(const struct firewall *f, struct firewall_end *relay)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct firewall_rule *rule = &f->rules[i];
        const struct firewall_end *end = rule->towards == TOWARDS_RELAY ? &rule->destination : &rule->source;

        if (firewall_end_is_any(end)) {
            firewall_end_fini(relay);
            return;
        }
        firewall_end_add_all(relay, end);
    }
}

static void count_rest(const struct firewall *f, const struct firewall_nft *how, const struct firewall_rule *rule,
                       enum firewall_towards towards, FILE *out)
{
    char *name = firewall_text("%s%s", how->only_counts ? "unexpected" : "refused", strchr(counters[towards], '_'));

    firewall_nft_each(f, NULL, rule, FIREWALL_MATCH_NEW, how->only_counts ? "counter name %s accept" : "counter name %s drop",
                      name, out);
    free(name);
}

/* What nobody permitted, by the direction. */
static void print_rest(const struct firewall *f, const struct firewall_nft *how, FILE *out)
{
    struct firewall_end relay = {0};
    struct firewall_rule towards_relay = {0}, from_relay = {0}, towards_clients = {0};
    enum firewall_towards other = TOWARDS_AGENT;

    find_relay(f, &relay);
    if (f->cfg->role == CFG_ROLE_RELAY)
        other = f->places & FIREWALL_INNER ? TOWARDS_SERVER : TOWARDS_CLIENTS;
    towards_relay.destination = from_relay.source = towards_clients.source = relay;
    towards_clients.destination = f->clients;
    if (!firewall_end_is_any(&relay)) {
        fputs("        # What is not permitted.\n", out);
        count_rest(f, how, &towards_relay, TOWARDS_RELAY, out);
        if (f->places == (FIREWALL_OUTER | FIREWALL_INNER) && !firewall_end_is_any(&f->clients))
            count_rest(f, how, &towards_clients, TOWARDS_CLIENTS, out);
        count_rest(f, how, &from_relay, other, out);
    }
    if (!how->only_counts)
        fputs("        counter name refused\n", out);
    firewall_end_fini(&relay);
}

static void print_forward(const struct firewall *f, const struct firewall_nft *how, FILE *out)
{
    fprintf(out, "    chain forward {\n        type filter hook forward priority filter; policy %s;\n",
            how->only_counts ? "accept" : "drop");
    fputs("        ct state established,related accept\n", out);
    for (int place = FIREWALL_OUTER; place <= FIREWALL_INNER; place <<= 1)
        print_permissions(f, how, place, true, out);
    print_rest(f, how, out);
    fputs("    }\n", out);
}

/* -- the host ------------------------------------------------------------------------------------------------------------------
 */

static void print_host(const struct firewall *f, const struct firewall_nft *how, FILE *out)
{
    struct firewall_rule clients = {.destination = f->clients};

    firewall_nft_intercept(f, how, out);
    firewall_nft_lead(f, out);
    fputs("    chain input {\n        type filter hook input priority filter; policy accept;\n", out);
    print_permissions(f, how, FIREWALL_HOST, true, out);
    fputs("    }\n    chain output {\n        type filter hook output priority filter; policy accept;\n", out);
    print_permissions(f, how, FIREWALL_HOST, false, out);
    if (!firewall_end_is_any(&f->clients)) {
        fputs("        # Whatever else on this machine connects to clients.\n", out);
        firewall_nft_each(f, NULL, &clients, FIREWALL_MATCH_NEW, "counter name %s", "unexpected_towards_clients", out);
    }
    fputs("    }\n", out);
}

void firewall_print_nft(const struct firewall *f, const struct firewall_nft *how, FILE *out)
{
    print_head(f, how, out);
    if (f->places == FIREWALL_HOST)
        firewall_nft_routes(f, out);
    fputs("nft -f - <<'END'\ntable inet georelay\ndelete table inet georelay\ntable inet georelay {\n", out);
    print_counters(f, how, out);
    if (f->places == FIREWALL_HOST)
        print_host(f, how, out);
    else
        print_forward(f, how, out);
    fputs("}\nEND\n", out);
}
