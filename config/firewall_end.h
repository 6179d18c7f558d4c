/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One end of a firewall's rule: a set of addresses; and a set of ports. Plain values, no I/O. Caller's thread.
 *
 * Sets are kept sorted, and what overlaps is joined, because nft refuses a set whose members overlap, and people read sorted
 * lists more easily.
 */
#pragma once

#include "config/model.h"

#include <stdio.h>

/** All zero is "anybody". */
struct firewall_end {
    struct address_range *ranges;
    size_t ranges_count;
    const char **names; /**< host names that nobody has looked up yet; borrowed */
    size_t names_count;
};

/** All zero is "any port". */
struct firewall_ports {
    struct port_range *list;
    size_t count;
};

/** True if the end is anybody. */
bool firewall_end_is_any(const struct firewall_end *end);

void firewall_end_add(struct firewall_end *end, const struct address_range *range);
void firewall_end_add_address(struct firewall_end *end, const struct address *address);
void firewall_end_add_network(struct firewall_end *end, const struct network *network);

/** Adds all of another; of "anybody" nothing. */
void firewall_end_add_all(struct firewall_end *end, const struct firewall_end *other);

/** An address, or a name to look up. Nothing if an agent dials it. */
void firewall_end_add_endpoint(struct firewall_end *end, const struct cfg_endpoint *endpoint);

/** Reads "10.20.0.10", "10.0.0.0/8", "10.0.0.1-10.0.0.9", several with commas between them. 0, or -1. */
int firewall_end_parse(struct firewall_end *end, const char *text);

/** True if a rule for `family` can have this end: it is anybody, or has an address of the family. */
bool firewall_end_has(const struct firewall_end *end, int family);

/**
 * Writes the members of one family, or of both if it is AF_UNSPEC, with `between` between them: networks as "10.0.0.0/8", other
 * ranges as "a-b". Returns how many.
 */
size_t firewall_end_print(const struct firewall_end *end, int family, const char *between, FILE *out);

void firewall_end_fini(struct firewall_end *end);

void firewall_ports_add(struct firewall_ports *ports, struct port_range range);
void firewall_ports_add_one(struct firewall_ports *ports, uint16_t port);
bool firewall_ports_has(const struct firewall_ports *ports, uint16_t port);
void firewall_ports_print(const struct firewall_ports *ports, const char *between, FILE *out);
void firewall_ports_fini(struct firewall_ports *ports);
