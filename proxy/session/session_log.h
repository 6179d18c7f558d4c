/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The lines that a session leaves in the log: its end (ev=close), its refusal (ev=refuse), its steps at debug level (ev=step).
 */
#pragma once

#include "proxy/session/session.h"

struct log_line;

/** The addresses of a session's streams; unset where there is none. */
struct session_ends {
    struct address front, front_local;
    struct address back, back_local;
    bool is_tunnel;                             /**< the front is, or asked for, a tunnel */
    struct tls_client_certificate *certificate; /**< of the front of a session that is refused; session_log_end() frees it */
};

/** As long as the streams are open. */
struct session_ends session_ends_of(const struct session *s);

/**
 * The last line of a session: close if it ever relayed, else refuse. Written when everything is over, so that whoever reads it
 * finds sockets closed, and places and leases given back.
 */
void session_log_end(struct session *s, const struct session_ends *ends);

void session_log_step(const struct session *s, enum session_state to);

/** Adds sid, kind, name, client, agent, stream of what was asked for, as far as known. */
void session_log_ask(struct log_line *l, const struct session_ask *ask, enum session_kind kind);

/** Adds sid; the addresses that are known. */
void session_log_sid(struct log_line *l, const struct session *s);
void session_log_ends(struct log_line *l, const struct session_ends *ends);

/** Adds why=, and remedy= where there is one. */
void session_log_why(struct log_line *l, enum reason why);

/** True if one more refusal for this reason may be logged now; `ret_skipped` says how many were not, before. */
bool session_log_may(struct log_window *window, uint64_t *ret_skipped);

/**
 * A request that a route refused, for the audit log: it has its line in the access log. `client` may be behind proxies, or empty.
 */
void session_log_request_denied(struct session *s, const char *name, const struct address *client,
                                const struct cfg_admission *list, enum reason why);

/** A connection that was refused before it became a session; `rule`: what decided, or NULL. */
void session_log_turned_away(struct worker *w, const char *name, const struct address *peer, const struct address *local,
                             enum reason why, const char *rule);
