/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of the fields in a session's lines. On the session's thread. */
#include "proxy/session/session_log.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/session/admission.h"
#include "proxy/session/session_audit.h"
#include "proxy/session/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [SESSION_UNKNOWN] = "unknown", [SESSION_WEB] = "web",       [SESSION_LINK] = "link",
    [SESSION_ADVISE] = "advise",   [SESSION_TUNNEL] = "tunnel",
};

static const char *const end_names[] = {[SESSION_AT_RELAY] = "relay", [SESSION_AT_FRONT] = "front", [SESSION_AT_BACK] = "back"};

void session_log_sid(struct log_line *l, const struct session *s)
{
    char sid[40];

    snprintf(sid, sizeof(sid), "%u.%" PRIx64, s->handle.worker + 1, s->handle.serial);
    log_text(l, "sid", sid);
}

void session_log_ask(struct log_line *l, const struct session_ask *ask, enum session_kind kind)
{
    log_text(l, "kind", kind_names[kind]);
    if (ask->name[0] != '\0')
        log_text(l, "name", ask->name);
    if (ask->peer_name[0] != '\0')
        log_text(l, "agent", ask->peer_name);
    if (ask->link != NULL && ask->link->server.agent != NULL)
        log_text(l, "via", ask->link->server.agent);
    if (ask->behind[0] != '\0' && strcmp(ask->behind, ask->peer_name) != 0)
        log_text(l, "behind", ask->behind);
    if (address_is_set(&ask->client))
        log_address(l, "client", &ask->client);
    if (ask->stream_id != 0) {
        char id[17];

        snprintf(id, sizeof(id), "%016" PRIx64, ask->stream_id);
        log_text(l, "stream", id);
    }
}

static void log_known_address(struct log_line *l, const char *key, const struct address *a)
{
    if (address_is_set(a))
        log_address(l, key, a);
}

struct session_ends session_ends_of(const struct session *s)
{
    const struct session_opening *o = s->opening;
    struct session_ends ends = {0};

    if (s->front != NULL) {
        ends.front = s->front->peer;
        ends.front_local = s->front->local;
    }
    if (o != NULL || s->back != NULL) {
        ends.back = o != NULL ? o->back_peer : s->back->peer;
        ends.back_local = o != NULL ? o->back_local : s->back->local;
    }
    return ends;
}

void session_log_ends(struct log_line *l, const struct session_ends *ends)
{
    log_known_address(l, "front", &ends->front);
    log_known_address(l, "front_local", &ends->front_local);
    log_known_address(l, "back", &ends->back);
    log_known_address(l, "back_local", &ends->back_local);
}

void session_log_why(struct log_line *l, enum reason why)
{
    log_text(l, "why", reason_name(why));
    if (reason_remedy(why) != NULL)
        log_text(l, "remedy", reason_remedy(why));
}

static void log_close(const struct session *s, const struct session_ends *ends)
{
    struct log_line l;

    session_audit_close(s, ends);
    if (!log_begin(&l, LOG_LEVEL_INFO, "close"))
        return;
    session_log_sid(&l, s);
    session_log_ask(&l, &s->ask, s->kind);
    session_log_ends(&l, ends);
    log_number(&l, "up", s->up.bytes);
    log_number(&l, "down", s->down.bytes);
    log_number(&l, "ms", clock_ms() - s->started_ms);
    log_text(&l, "at", end_names[s->at]);
    session_log_why(&l, s->why);
    log_end(&l);
}

bool session_log_may(struct log_window *window, uint64_t *ret_skipped)
{
    uint64_t now = clock_ms();

    *ret_skipped = 0;
    if (now - window->since_ms >= LOG_WINDOW_MS) {
        window->since_ms = now;
        window->lines = 0;
    }
    if (window->lines >= LOG_WINDOW_LINES) {
        window->skipped++;
        tally_mine.lines_skipped++;
        return false;
    }
    window->lines++;
    *ret_skipped = window->skipped;
    window->skipped = 0;
    return true;
}

static void log_refuse(const struct session *s, const struct session_ends *ends)
{
    struct log_line l;
    uint64_t skipped;

    if (!session_log_may(&s->worker->refusals[s->why], &skipped))
        return;
    session_audit_refuse(s, ends, skipped);
    if (!log_begin(&l, LOG_LEVEL_INFO, "refuse"))
        return;
    session_log_sid(&l, s);
    session_log_ask(&l, &s->ask, s->kind);
    session_log_ends(&l, ends);
    log_number(&l, "ms", clock_ms() - s->started_ms);
    log_text(&l, "at", end_names[s->at]);
    session_log_why(&l, s->why);
    if (skipped > 0)
        log_number(&l, "skipped", skipped);
    log_end(&l);
}

static bool has_line(const struct session *s)
{
    return s->why != REASON_HANDED_OVER && (!s->is_quiet || log_is_debug());
}

void session_log_end(struct session *s, const struct session_ends *ends)
{
    if (has_line(s) && s->has_relayed)
        log_close(s, ends);
    else if (has_line(s))
        log_refuse(s, ends);
    free(ends->certificate);
}

void session_log_step(const struct session *s, enum session_state to)
{
    struct log_line l;

    if (!log_is_debug() || !log_begin(&l, LOG_LEVEL_DEBUG, "step"))
        return;
    session_log_sid(&l, s);
    log_text(&l, "from", session_state_name(s->state));
    log_text(&l, "to", session_state_name(to));
    log_end(&l);
}

void session_log_turned_away(struct worker *w, const char *name, const struct address *peer, const struct address *local,
                             enum reason why, const char *rule)
{
    struct log_line l;
    uint64_t skipped;

    if (!session_log_may(&w->refusals[why], &skipped))
        return;
    session_audit_turned_away(name, peer, local, why, rule, skipped);
    if (!log_begin(&l, LOG_LEVEL_INFO, "refuse"))
        return;
    log_text(&l, "name", name);
    log_address(&l, "front", peer);
    log_address(&l, "front_local", local);
    log_text(&l, "at", "relay");
    session_log_why(&l, why);
    if (rule != NULL)
        log_text(&l, "rule", rule);
    if (skipped > 0)
        log_number(&l, "skipped", skipped);
    log_end(&l);
}

void session_log_request_denied(struct session *s, const char *name, const struct address *client,
                                const struct cfg_admission *list, enum reason why)
{
    char rule[ADMISSION_RULE];
    uint64_t skipped;

    if (session_log_may(&s->worker->refusals[why], &skipped))
        session_audit_request_denied(s, name, client, admission_rule(list, client, rule), why, skipped);
}
