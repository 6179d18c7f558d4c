/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files that make rules share: firewall.c, firewall_relay.c, firewall_agent.c, firewall_served.c,
 * firewall_upkeep.c. Nobody else includes it.
 */
#pragma once

#include "config/firewall.h"

struct firewall_maker {
    struct firewall *f;
    const struct cfg *cfg;
    const struct firewall_asked *asked;
};

/** A new rule at a place with its label and reason, or NULL if this place is not asked for. Takes both texts. */
struct firewall_rule *firewall_rule_new(struct firewall_maker *m, int place, enum firewall_towards towards, char *label,
                                        char *reason);

/** Says who connects in, if it is not us who connect out. */
void firewall_rule_from(struct firewall_rule *rule, const char *from);

/** Takes the last rule away. */
void firewall_rule_drop(struct firewall_maker *m);

/** Gives text by a format; memory is never lacking (config/memory.h). */
char *firewall_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** A sentence on what was left open; once each. */
void firewall_note(struct firewall_maker *m, const char *note);

/** Adds networks but for loopback. True if one was added. */
bool firewall_add_networks(struct firewall_end *end, const struct cfg_network *list, size_t count);

/** Adds where connections to these listeners go to, but for loopback: false if there is nothing else. Listeners on all addresses:
 * `own`. */
bool firewall_add_listens(struct firewall_maker *m, struct firewall_end *end, const struct cfg_listen *list, size_t count,
                          uint16_t port, const struct firewall_end *own);

/** Copies a link's ranges. */
void firewall_add_ranges(struct firewall_ports *ports, const struct cfg_link *link);

/** Leads the ports of a link with `ports` to its listeners. `own`: this machine's addresses, if they were told. */
void firewall_lead(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *clients,
                   const struct firewall_end *own, enum firewall_towards towards);

/**
 * The server side of a link: dialling the server and the dial-back, at the host and at the inner firewall. `own`: the addresses
 * it dials from if the addressing names none.
 */
void firewall_serve(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *own);

/** The admin port and the syslog receiver, of either role. */
void firewall_upkeep(struct firewall_maker *m);

/** All that is left to say about a role. */
void firewall_relay(struct firewall_maker *m);
void firewall_agent(struct firewall_maker *m);
