/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice of the event, and the order of its fields. On the session's thread. */
#include "proxy/session/session_audit.h"

#include "proxy/audit/audit.h"
#include "proxy/base/clock.h"
#include "tls/stream.h"

#include <stdlib.h>

static bool is_certificate(enum reason why)
{
    return why == REASON_CERT_MISSING || why == REASON_CERT_EXPIRED || why == REASON_CERT_UNTRUSTED ||
           why == REASON_CERT_WRONG_NAME || why == REASON_CERT_WRONG_ROLE;
}

static bool is_limit(enum reason why)
{
    return why == REASON_LIMIT_CONNECTIONS || why == REASON_LIMIT_CLIENT || why == REASON_LIMIT_GREETING ||
           why == REASON_LIMIT_RATE || why == REASON_LIMIT_CLIENT_RATE || why == REASON_LIMIT_HANDSHAKES ||
           why == REASON_LIMIT_CLIENT_HANDSHAKES || why == REASON_NO_FILES;
}

static bool is_access(enum reason why)
{
    return why == REASON_ACCESS_DENIED || why == REASON_ROUTE_DENIED;
}

/* A rule of ours, or the administrator, said no; all else went wrong. */
static bool is_rule(enum reason why)
{
    switch (why) {
    case REASON_LINK_UNKNOWN:
    case REASON_LINK_NOT_ALLOWED:
    case REASON_CLIENT_NOT_ALLOWED:
    case REASON_PORT_NOT_ALLOWED:
    case REASON_SOURCE_NOT_ALLOWED:
    case REASON_AGENT_UNKNOWN:
    case REASON_VERSION_MISMATCH:
    case REASON_PROTOCOL_ERROR:
    case REASON_NO_DELIVERER:
    case REASON_NAT_CLIENT:
    case REASON_NO_RANGE:
    case REASON_NO_LEASE:
    case REASON_POOL_EXHAUSTED:
    case REASON_IDENTITY_OVERLAP:
    case REASON_LOOPBACK_CLIENT:
    case REASON_REWRITE_MISMATCH:
    case REASON_TLS_NO_COMMON:
    case REASON_TLS_NO_ALPN:
    case REASON_OUT_OF_HOURS:
    case REASON_REVOKED:
    case REASON_KILLED:
    case REASON_ISLAND:
        return true;
    default:
        return is_certificate(why) || is_limit(why) || is_access(why);
    }
}

static enum audit_result result_of(enum reason why)
{
    return is_rule(why) ? AUDIT_REFUSED : AUDIT_FAILED;
}

/* AUDIT_EVENTS: it is not audited. A browser, or a scanner, that breaks off has done nothing yet. */
static enum audit_event refusal_of(enum session_kind kind, bool is_tunnel, enum reason why)
{
    if (is_limit(why))
        return AUDIT_LIMIT_REACHED;
    if (is_access(why))
        return AUDIT_ACCESS_DENIED;
    if (kind == SESSION_LINK)
        return AUDIT_LINK_REFUSED;
    if (kind == SESSION_ADVISE)
        return AUDIT_ADVISE_REFUSED;
    if (kind == SESSION_TUNNEL || is_tunnel)
        return reason_is_good(why) ? AUDIT_EVENTS : AUDIT_AGENT_REFUSED;
    if (why == REASON_ISLAND)
        return AUDIT_ACCESS_DENIED;
    return is_certificate(why) ? AUDIT_LOGON_REFUSED : AUDIT_EVENTS;
}

static void add_certificate(struct log_line *l, const struct tls_client_certificate *c)
{
    if (c == NULL)
        return;
    log_text(l, "subject", c->subject);
    log_text(l, "serial", c->serial);
    log_text(l, "fingerprint", c->sha256);
}

void session_audit_certificate(struct log_line *l, const struct stream *stream)
{
    struct tls_client_certificate *c = tls_stream_peer_certificate(stream);

    add_certificate(l, c);
    free(c);
}

void session_audit_look(const struct session *s, struct session_ends *ends)
{
    if (s->front == NULL || s->has_relayed || s->why == REASON_HANDED_OVER)
        return;
    ends->is_tunnel = tls_stream_is_tunnel(s->front);
    if (ends->is_tunnel || is_certificate(s->why))
        ends->certificate = tls_stream_peer_certificate(s->front);
}

void session_audit_open(const struct session *s)
{
    const struct session_ends ends = session_ends_of(s);
    struct log_line l;

    if (s->kind != SESSION_LINK && s->kind != SESSION_ADVISE)
        return;
    if (!audit_begin(&l, s->kind == SESSION_LINK ? AUDIT_LINK_OPEN : AUDIT_ADVISE_OPEN, AUDIT_OK))
        return;
    session_log_sid(&l, s);
    session_log_ask(&l, &s->ask, s->kind);
    session_log_ends(&l, &ends);
    audit_end(&l);
}

void session_audit_close(const struct session *s, const struct session_ends *ends)
{
    enum audit_result result = reason_is_good(s->why) ? AUDIT_OK : result_of(s->why);
    struct log_line l;

    if (s->kind != SESSION_LINK && s->kind != SESSION_ADVISE)
        return;
    if (!audit_begin(&l, s->kind == SESSION_LINK ? AUDIT_LINK_CLOSE : AUDIT_ADVISE_CLOSE, result))
        return;
    session_log_sid(&l, s);
    session_log_ask(&l, &s->ask, s->kind);
    session_log_ends(&l, ends);
    log_number(&l, "up", s->up.bytes);
    log_number(&l, "down", s->down.bytes);
    log_number(&l, "ms", clock_ms() - s->started_ms);
    log_text(&l, "why", reason_name(s->why));
    audit_end(&l);
}

static void end_refusal(struct log_line *l, enum reason why, uint64_t skipped)
{
    log_text(l, "why", reason_name(why));
    if (skipped > 0)
        log_number(l, "skipped", skipped);
    audit_end(l);
}

void session_audit_refuse(const struct session *s, const struct session_ends *ends, uint64_t skipped)
{
    enum audit_event event = refusal_of(s->kind, ends->is_tunnel, s->why);
    struct log_line l;

    if (event == AUDIT_EVENTS || !audit_begin(&l, event, result_of(s->why)))
        return;
    session_log_sid(&l, s);
    session_log_ask(&l, &s->ask, s->kind);
    session_log_ends(&l, ends);
    add_certificate(&l, ends->certificate);
    end_refusal(&l, s->why, skipped);
}

void session_audit_request_denied(const struct session *s, const char *name, const struct address *client, const char *rule,
                                  enum reason why, uint64_t skipped)
{
    struct log_line l;

    if (!audit_begin(&l, AUDIT_ACCESS_DENIED, AUDIT_REFUSED))
        return;
    session_log_sid(&l, s);
    log_text(&l, "name", name);
    if (address_is_set(client))
        log_text(&l, "client", address_format_ip(client, (char[ADDRESS_TEXT]){0}));
    log_address(&l, "front", &s->front->peer);
    log_address(&l, "front_local", &s->front->local);
    log_text(&l, "rule", rule);
    end_refusal(&l, why, skipped);
}

void session_audit_turned_away(const char *name, const struct address *peer, const struct address *local, enum reason why,
                               const char *rule, uint64_t skipped)
{
    enum audit_event event = refusal_of(SESSION_UNKNOWN, false, why);
    struct log_line l;

    if (event == AUDIT_EVENTS || !audit_begin(&l, event, AUDIT_REFUSED))
        return;
    log_text(&l, "name", name);
    log_address(&l, "front", peer);
    log_address(&l, "front_local", local);
    if (rule != NULL)
        log_text(&l, "rule", rule);
    end_refusal(&l, why, skipped);
}

void session_audit_advise_refused(const struct session_ask *ask, const struct address *peer, const struct address *local,
                                  enum reason why, uint64_t skipped)
{
    struct log_line l;

    if (!audit_begin(&l, AUDIT_ADVISE_REFUSED, result_of(why)))
        return;
    session_log_ask(&l, ask, SESSION_ADVISE);
    log_address(&l, "front", peer);
    log_address(&l, "front_local", local);
    end_refusal(&l, why, skipped);
}
