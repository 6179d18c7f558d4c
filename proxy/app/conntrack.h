/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the kernel's connection tracking knows of TCP: unlike a socket it remembers who opened a connection. Only root may read
 * it, and only where a firewall on this machine uses it is there anything. For commands.
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stddef.h>

/** One line: the first packet's way, and that of the answers as they are seen behind any translation. */
struct conntrack_row {
    struct address from;
    struct address to;
    struct address answer_from;
    struct address answer_to;
};

enum conntrack_way { CONNTRACK_UNKNOWN = 0, CONNTRACK_ACCEPTED, CONNTRACK_OPENED };

/** How a connection looks to a socket that is one of its ends. */
struct conntrack_end {
    struct address local;
    struct address remote;
    enum conntrack_way way;
};

/** All zero is an empty one. */
struct conntrack {
    struct conntrack_end *list; /**< sorted; two for each connection */
    size_t count;
    char problem[160];  /**< why it could not be read */
    const char *remedy; /**< what would let it be read */
};

/** Takes a line of nf_conntrack apart; false for anything but TCP. */
bool conntrack_parse(const char *line, struct conntrack_row *ret);

/** Reads the table of the network namespace that process is in. 0, or -1 with `problem` and `remedy` set. */
int conntrack_read(struct conntrack *c, long pid);

/** Who opened the connection of a socket with these ends. */
enum conntrack_way conntrack_find(const struct conntrack *c, const struct address *local, const struct address *remote);

void conntrack_fini(struct conntrack *c);
