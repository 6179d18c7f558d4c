/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rules that a configuration needs at the firewalls around it, as plain data; and three ways to print them.
 *
 * Three places are known: the firewall nearer to the clients ("outer"), georelay's own machine ("host"), the firewall nearer to
 * the server ("inner"). One machine may be both firewalls. What the configuration can't know is asked for (struct
 * firewall_asked); where it was not told, a rule is wider than it might be, and a note says so. Pure: no I/O but the printing,
 * names are not looked up. Caller's thread.
 */
#pragma once

#include "config/firewall_end.h"

/** Where a rule is needed; bits. */
enum { FIREWALL_OUTER = 1, FIREWALL_HOST = 2, FIREWALL_INNER = 4 };

/** Who is connected to. */
enum firewall_towards { TOWARDS_CLIENTS = 0, TOWARDS_RELAY, TOWARDS_AGENT, TOWARDS_SERVER, TOWARDS_RECEIVER, TOWARDS_END };

/** What is done with a connection. The last three are for the host alone. */
enum firewall_means {
    FIREWALL_PERMIT = 0,
    FIREWALL_INTERCEPT, /**< TPROXY for addresses that this machine has not: with a mark and a route for marked packets */
    FIREWALL_TAKE,      /**< TPROXY for addresses of this machine */
    FIREWALL_LEAD       /**< to another port of ours, and the original is known from the connection's state */
};

struct firewall_rule {
    int place; /**< one bit */
    enum firewall_towards towards;
    enum firewall_means means;
    const char *from; /**< who connects: "clients", "agents", "server", "administrators", "relay", "agent" */
    bool comes_in;    /**< at the host: to this machine, not from it */
    struct firewall_end source;
    struct firewall_end destination;
    struct firewall_end beside;   /**< LEAD to any address of this machine: but not to these */
    struct firewall_ports ports;  /**< of the destination */
    struct firewall_ports except; /**< TAKE: ports with listeners of their own */
    struct address listen;        /**< INTERCEPT, TAKE: its port; LEAD: where connections are led to */
    char *label;                  /**< "link node-a" */
    char *reason;                 /**< one sentence */
};

/** What the configuration does not tell. Each may be anybody. */
struct firewall_asked {
    struct firewall_end relay;   /**< the relay's addresses, as others see them */
    struct firewall_end agent;   /**< those of agents */
    struct firewall_end clients; /**< networks of clients that come without an agent */
};

struct firewall {
    const struct cfg *cfg;
    int places;
    struct firewall_rule *rules;
    size_t count;
    struct firewall_end clients; /**< all clients' networks that are known */
    char **notes;                /**< sentences on what was left open */
    size_t notes_count;
    char *unknown; /**< why rules that intercept can't be written: a sentence with its remedy; or NULL */
};

/** The mark of packets that the policy rule routes to this machine; the table of that route, which is also the rule's preference.
 */
#define FIREWALL_MARK  0x6772
#define FIREWALL_TABLE 26482

/** Makes the rules for the places (bits) of a checked configuration, which is borrowed until firewall_fini(). */
void firewall_make(struct firewall *f, const struct cfg *cfg, const struct firewall_asked *asked, int places);
void firewall_fini(struct firewall *f);

/** True if a rule here needs what the means gives. */
bool firewall_needs(const struct firewall *f, enum firewall_means means);

/** True if marked packets of this family must have a route to this machine. */
bool firewall_is_routed(const struct firewall *f, int family);

/** What is said of an intercepting rule in nft: its label and a number that changes with all that it matches. Caller frees. */
char *firewall_fingerprint(const struct firewall_rule *rule);

/** How nft's rules are written. */
struct firewall_nft {
    const char *interfaces; /**< "eth1,eth2": see georelay(8); NULL: not told */
    bool only_counts;       /**< policy accept in place of drop; not for the host */
};

/** A table for people. */
void firewall_print_table(const struct firewall *f, FILE *out);

/** A shell script for one place, or for outer and inner in one. Names must have been looked up. */
void firewall_print_nft(const struct firewall *f, const struct firewall_nft *how, FILE *out);

/** A batch file for Windows, for the host. Names must have been looked up. */
void firewall_print_netsh(const struct firewall *f, FILE *out);
