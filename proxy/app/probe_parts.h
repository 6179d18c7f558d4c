/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parts of probe_run(), for probe*.c alone: each tries one kind of thing.
 */
#pragma once

#include "proxy/app/probe.h"

#include <stdint.h>

/** Room for a remedy, with three paths at most: a command must never be cut short. */
#define PROBE_REMEDY (3 * 4096 + 1024)

/** The user, and the limit of open files. */
void probe_self(struct probe *p);

/** That no more than `limit` files may be open, `who`: "", or " in ...". */
void probe_few_files(struct probe *p, const char *who, unsigned long limit);

/** What the user must be able to write, and to read again. */
void probe_files(struct probe *p);

/** Listening addresses can be bound. */
void probe_listeners(struct probe *p);

/** Why an address can't be bound, by errno; tells who has it. `what` is what it is for. */
void probe_unbound(struct probe *p, const struct address *address, const char *what, int error);

/** Addresses that stand for clients are on this machine. */
void probe_addresses(struct probe *p);

/** Certificates are valid for a while, lists are fresh, no request waits. */
void probe_certificates(struct probe *p);

/** How a person gets the agent another certificate; `before` is a command that comes first, or "". */
void probe_new_agent_remedy(const struct cfg *cfg, const char *before, char remedy[PROBE_REMEDY]);

/** This machine's clock. */
void probe_clock(struct probe *p);

/** False: the kernel says that nothing keeps the clock right. */
bool probe_clock_is_kept(void);

/** What another machine's clock said, at this moment of ours. */
void probe_clock_of(struct probe *p, const char *what, int64_t theirs_s, int64_t ours_s);

/** Names and their addresses. All zero is none. */
struct probe_names {
    struct probe_name *list;
    size_t count;
};

/** Looks up every host name of the configuration, all at once. */
void probe_names(struct probe *p, struct probe_names *names);

/** The endpoint's first address with its port; false if it has none. */
bool probe_names_find(const struct probe_names *names, const struct cfg_endpoint *endpoint, struct address *ret);
void probe_names_fini(struct probe_names *names);

/** Servers and relays take connections; relays, and servers over TLS, with good certificates; web servers answer. */
void probe_peers(struct probe *p, const struct probe_names *names);

/** Clients have a route, and ports of theirs answer. */
void probe_clients(struct probe *p);

/** What the running process says: its version and user, its tunnels. */
void probe_running(struct probe *p);

/** What TPROXY and links over ranges need: capability, rules, routes, settings of the kernel. */
void probe_intercept(struct probe *p);
