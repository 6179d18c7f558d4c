/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the fields of these lines. Main loop. */
#include "proxy/tunnel/seat_tell.h"

#include "proxy/audit/audit.h"
#include "proxy/base/log.h"
#include "proxy/session/session_audit.h"

static const struct {
    const char *name;
    enum audit_event event;
    enum audit_result result;
} kinds[] = {
    [SEAT_UP] = {"agent_up", AUDIT_AGENT_UP, AUDIT_OK},
    [SEAT_DOWN] = {"agent_down", AUDIT_AGENT_DOWN, AUDIT_OK},
    [SEAT_REFUSED] = {"agent_refused", AUDIT_AGENT_REFUSED, AUDIT_REFUSED},
};

static void add_rest(struct log_line *l, const char *version, enum reason why)
{
    if (version != NULL)
        log_text(l, "version", version);
    if (why != REASON_NONE)
        log_text(l, "why", reason_name(why));
}

void seat_tell(enum seat_news news, const char *agent, const struct control *control, const char *version, enum reason why)
{
    struct log_line l;

    if (log_begin(&l, LOG_LEVEL_INFO, kinds[news].name)) {
        log_text(&l, "agent", agent);
        if (control != NULL)
            log_address(&l, "peer", control_peer(control));
        add_rest(&l, version, why);
        log_end(&l);
    }
    if (audit_begin(&l, kinds[news].event, kinds[news].result)) {
        log_text(&l, "agent", agent);
        if (control != NULL) {
            log_address(&l, "peer", control_peer(control));
            session_audit_certificate(&l, control_stream(control));
        }
        add_rest(&l, version, why);
        audit_end(&l);
    }
}
