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
#include "tls/digest.h"

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
    bool is_handed;          /**< its sockets were handed to us (proxy/app/handed.h) */
    int *fds;                /**< one per worker; doors borrow them */
    struct door *doors;      /**< one per worker */
    bool is_chosen;          /**< configured with port 0: the kernel chose one */
    bool is_owner;           /**< the sockets are ours to close */
    bool is_inherited;       /**< the generation before had them already */
};

struct gates {
    const struct cfg *cfg;
    struct gate *list;
    size_t count;
    unsigned workers;
    struct tls_tickets *tickets;         /**< borrowed */
    struct tls_shared_keys *ticket_keys; /**< of the file; NULL: there is none */
    struct tls_revoked *revoked;         /**< by gates_load_revoked(), until it is in use (proxy/app/revocation.h) */
    struct tls_context *agent_tls;       /**< role agent */
    char note[DIGEST_TEXT];              /**< of the files (proxy/app/certificate_files.h), from before they were read */
    struct web_rules **rules;            /**< one per web front door of the configuration; NULL for those in mode "tcp" */
};

/**
 * Collects the addresses and loads certificates and keys, also those of tickets; problems are added. `tickets` is borrowed until
 * gates_fini(). 0, or -1 if there was a problem (then gates_fini() still frees).
 */
int gates_load(struct gates *g, const struct cfg *cfg, struct tls_tickets *tickets, struct cfg_problems *problems);

/** Reads the lists of revoked certificates; problems are added. After gates_load(). 0 or -1. */
int gates_load_revoked(struct gates *g, struct cfg_problems *problems);

/**
 * Opens the sockets for `workers` workers; those of the running generation `before` (NULL: there is none) are shared where the
 * address is the same. Problems are added. 0 or -1.
 */
int gates_open(struct gates *g, const struct gates *before, unsigned workers, struct cfg_problems *problems);

/** Gives each of the workers its doors. Before they run. 0, or -1 with errno. */
int gates_attach(struct gates *g, struct worker *const *workers);

/** The newer generation counts: the sockets that both have are its own now. */
void gates_pass_on(struct gates *g, struct gates *newer);

/** Logs ev=listen for each address, but those that are inherited. */
void gates_log(const struct gates *g);

/**
 * Exchanges the TLS contexts of the gates in use with those of `fresh`, loaded from the same configuration and not open. The old
 * ones are in `fresh` then, and may be in use until each worker has gone through a turn.
 */
void gates_swap_tls(struct gates *g, struct gates *fresh, struct worker *const *workers);

/** Calls `found` for each address and each purpose that it serves, in the order of the configuration. */
typedef void gate_look_fn(void *arg, const char *purpose, const char *name, const struct address *address);
void gates_look(const struct gates *g, gate_look_fn *found, void *arg);

/** Closes the doors of one worker, by its number. On its thread, or after its end. */
void gates_close_worker(struct gates *g, unsigned worker);

/** The same for a worker that retires: who waits at a door that no newer generation has is let in first. On its thread. */
void gates_retire_worker(struct gates *g, unsigned worker);

/** Closes the sockets that are ours. No door borrows them any more. */
void gates_close_sockets(struct gates *g);

void gates_fini(struct gates *g);
