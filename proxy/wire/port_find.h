/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Finds the rules (proxy/wire/port_rule.h) by which clients announced the ports that their server dialled afterwards.
 *
 * The evidence is the first bytes of some links, and which ports of which client were dialled. A rule fits if each dialled port
 * is shown by one of its client's links, and no link shows a port that was not dialled for its client. Sought are fixed offsets
 * first; only if none fits, offsets from a constant pattern.
 *
 * Pure; any thread.
 */
#pragma once

#include "proxy/wire/port_rule.h"

/** More of a link is not looked at. */
#define PORT_FIND_BYTES 4096

/** Longest pattern that is sought, and how far behind it the port may stand. */
#define PORT_FIND_AFTER 16
#define PORT_FIND_GAP   16

/** Most rules in a finding. */
#define PORT_FIND_RULES 16

/** No rule is offered that fewer links, or fewer different ports, stand for. */
#define PORT_FIND_MIN_LINKS 3
#define PORT_FIND_MIN_PORTS 2

/** The first bytes of a link, borrowed. */
struct port_sample {
    const uint8_t *bytes;
    size_t count;
    unsigned client; /**< a number for each client machine */
    bool is_settled; /**< the server has had the time to dial what is announced here */
};

/** A port that the server dialled. */
struct port_dial {
    unsigned client;
    uint16_t port;
    bool is_excused; /**< the link that announced it may have been forgotten */
};

struct port_evidence {
    const struct port_sample *samples;
    size_t samples_count;
    const struct port_dial *dials; /**< each pair once */
    size_t dials_count;
    struct port_range ports; /**< others are not looked at */
};

struct port_finding {
    struct port_rule rule; /**< `within` is PORT_FIND_BYTES */
    size_t links;          /**< that show a port which was dialled */
    size_t clients;        /**< of these links */
    size_t ports;          /**< different ones */
};

enum port_verdict {
    PORT_FOUND, /**< `rules` */
    PORT_MORE,  /**< too little was seen: `needs_links`, `needs_ports` more */
    PORT_NONE   /**< enough was seen, and no rule fits it */
};

struct port_found {
    enum port_verdict verdict;
    struct port_finding rules[PORT_FIND_RULES]; /**< the simplest first */
    size_t count;
    size_t needs_links;
    size_t needs_ports;
};

/** 0, or -1 without memory. */
int port_find(const struct port_evidence *evidence, struct port_found *ret);
