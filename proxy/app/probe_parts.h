/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parts of probe_run(), for probe*.c alone: each tries one kind of thing.
 */
#pragma once

#include "proxy/app/probe.h"

/** Room for a command that mends something. */
#define PROBE_MEND 320

/** The user, the limit of open files, the state folder. */
void probe_self(struct probe *p);

/** Listening addresses can be bound. */
void probe_listeners(struct probe *p);

/** Why an address can't be bound, by errno; tells who has it. `what` is what it is for. */
void probe_unbound(struct probe *p, const struct address *address, const char *what, int error);

/** Addresses that stand for clients are on this machine. */
void probe_addresses(struct probe *p);

/** Certificates are valid for a while. */
void probe_certificates(struct probe *p);

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

/** Servers and relays take connections; relays, and servers over TLS, with good certificates. */
void probe_peers(struct probe *p, const struct probe_names *names);

/** What TPROXY and links over ranges need: capability, rules, routes, settings of the kernel. */
void probe_intercept(struct probe *p);
