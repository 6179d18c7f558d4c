/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Every listening address of the configuration with its TLS context and its sockets, one per worker.
 *
 * A web front door and the tunnel that name the same address share it: one context serves both. Main thread.
 */
#pragma once

#include "config/problems.h"
#include "proxy/session/door.h"
#include "proxy/web/rules.h"

/** How a web front door is spoken to through a gate. */
enum gate_web { GATE_WEB_TLS = 0, GATE_WEB_PLAIN, GATE_WEB_REDIRECT };

/** One listening address. */
struct gate {
    struct address address; /**< as configured; the true port once open */
    unsigned line;
    const struct cfg_web *web;       /**< or NULL */
    const struct cfg_tunnel *tunnel; /**< or NULL */
    const struct cfg_link *link;     /**< or NULL */
    enum gate_web web_kind;
    struct tls_context *tls; /**< NULL for links and for web front doors without TLS */
    int *fds;                /**< one per worker; -1 once taken */
    struct door *doors;      /**< one per worker */
};

struct gates {
    const struct cfg *cfg;
    struct gate *list;
    size_t count;
    unsigned workers;
    struct tls_tickets *tickets;
    struct tls_context *agent_tls; /**< role agent */
    struct web_rules **rules;      /**< one per web front door of the configuration; NULL for those in mode "tcp" */
};

/** Collects the addresses and loads certificates and keys; problems are added. 0, or -1 if there was one (then gates_fini() still
 * frees). */
int gates_load(struct gates *g, const struct cfg *cfg, struct cfg_problems *problems);

/** Opens the sockets for `workers` workers; a failure is told on standard error with its remedy. 0 or -1. */
int gates_open(struct gates *g, unsigned workers);

/** Gives each worker its doors, and logs ev=listen. Before workers run. 0, or -1 without memory. */
int gates_attach(struct gates *g, struct site *site);

/** Calls `found` for each address and each purpose that it serves, in the order of the configuration. */
typedef void gate_look_fn(void *arg, const char *purpose, const char *name, const struct address *address);
void gates_look(const struct gates *g, gate_look_fn *found, void *arg);

/** Closes the doors of one worker. On its thread, or after its end. */
void gates_close_worker(struct gates *g, unsigned worker);

void gates_fini(struct gates *g);
