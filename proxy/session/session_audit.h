/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is audited of sessions: links and advises that open and end, and whoever is refused. Requests of browsers are not: they
 * are the access log's. Called where the log's lines are made.
 */
#pragma once

#include "proxy/session/session_log.h"

/** The session relays from now on. */
void session_audit_open(const struct session *s);

/** It relayed, and has ended. */
void session_audit_close(const struct session *s, const struct session_ends *ends);

/** It never came to that; `skipped` others like it were counted and not told. */
void session_audit_refuse(const struct session *s, const struct session_ends *ends, uint64_t skipped);

/** A request that a route refused to its client, who may be behind proxies. */
void session_audit_request_denied(const struct session *s, const char *name, const struct address *client, const char *rule,
                                  enum reason why, uint64_t skipped);

/** A connection that was refused before it became a session. */
void session_audit_turned_away(const char *name, const struct address *peer, const struct address *local, enum reason why,
                               const char *rule, uint64_t skipped);

/** An advise that nobody took. */
void session_audit_advise_refused(const struct session_ask *ask, const struct address *peer, const struct address *local,
                                  enum reason why, uint64_t skipped);

/** Adds subject, serial and fingerprint of the certificate at the other end of a stream, if there is one. */
void session_audit_certificate(struct log_line *l, const struct stream *stream);

/** Fills in what can only be seen while the front is open. */
void session_audit_look(const struct session *s, struct session_ends *ends);
