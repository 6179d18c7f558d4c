/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the gate of a link whose announcement is to be replaced. It ends with the pump's gate: when all is decided, or with the
 * session. On the session's worker. */
#include "proxy/link/rewrite.h"

#include "proxy/base/log.h"
#include "proxy/link/carrier.h"
#include "proxy/link/hub.h"
#include "proxy/wire/port_rule.h"

#include <stdlib.h>

struct rewrite {
    struct pump_gate gate; /* first */
    struct session *session;
    struct port_rule rule;
    struct port_scan scan;
    struct deadline silence;
    struct again announce; /* the hub is asked outside of the pump's turn */
};

static enum pump_gate_step look(struct pump_gate *gate, const uint8_t *bytes, size_t count);

/* The session's, or NULL if all is decided. */
static struct rewrite *rewrite_of(const struct session *s)
{
    return s->up.gate != NULL && s->up.gate->look == look ? (struct rewrite *)s->up.gate : NULL;
}

static void drop(struct pump_gate *gate)
{
    struct rewrite *r = (struct rewrite *)gate;

    deadline_clear(&r->silence);
    loop_forget_again(&r->session->worker->loop, &r->announce);
    free(r);
}

/* -- what is logged ------------------------------------------------------------------------------------------------------------
 */

static void log_client(struct log_line *l, const struct session *s)
{
    log_text(l, "link", s->ask.name);
    log_text(l, "agent", s->ask.behind[0] != '\0' ? s->ask.behind : "direct");
    log_ip(l, "client", &s->ask.client);
}

static void log_mismatch(const struct rewrite *r)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "rewrite_mismatch"))
        return;
    log_client(&l, r->session);
    log_number(&l, "seen", r->scan.seen);
    if (r->scan.has_value)
        log_number(&l, "value", r->scan.value);
    log_text(
        &l, "remedy",
        r->session->ask.link->advise.on_mismatch == CFG_MISMATCH_REFUSE
            ? "find the rule anew with georelay learn, or let such links pass with on_mismatch = \"pass\""
            : "nothing, if this link announces no port; if its client gets no advise, find the rule anew with georelay learn");
    log_end(&l);
}

static void log_rewrite(const struct rewrite *r, uint16_t port)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "rewrite"))
        return;
    log_client(&l, r->session);
    log_number(&l, "announced", r->scan.value);
    log_number(&l, "port", port);
    log_end(&l);
}

/* -- the hub's answer ----------------------------------------------------------------------------------------------------------
 */

/* Everything may go on, in the next turn. */
static void let_go(struct session *s)
{
    pump_lift_gate(&s->up);
    loop_call_again(&s->worker->loop, &s->again);
}

static void answered(struct session *s, uint16_t port, enum reason why)
{
    const struct rewrite *r = rewrite_of(s);

    if (r == NULL || r->scan.state != PORT_SCAN_MATCH)
        return;
    if (why == REASON_NONE && !port_field_write(r->rule.form, pump_held(&s->up), r->scan.width, port))
        why = REASON_NO_PORT; /* it has more digits than there is room for */
    if (why != REASON_NONE) {
        session_close(s, why);
        return;
    }
    log_rewrite(r, port);
    let_go(s);
}

static void announce(struct again *a)
{
    struct rewrite *r = (struct rewrite *)((char *)a - offsetof(struct rewrite, announce));

    hub_announce(r->session, (uint16_t)r->scan.value, answered);
}

/* -- the gate ------------------------------------------------------------------------------------------------------------------
 */

/* No port: goes on as it is, or ends. */
static enum pump_gate_step mismatch(struct rewrite *r)
{
    log_mismatch(r);
    r->gate.held = 0;
    r->gate.why = REASON_REWRITE_MISMATCH;
    return r->session->ask.link->advise.on_mismatch == CFG_MISMATCH_REFUSE ? PUMP_GATE_BREAK : PUMP_GATE_LIFT;
}

static enum pump_gate_step match(struct rewrite *r, size_t behind)
{
    r->gate.held = r->scan.width + behind;
    loop_call_again(&r->session->worker->loop, &r->announce);
    return PUMP_GATE_WAIT;
}

/* `behind`: bytes that were read and come after those that the scan took. */
static enum pump_gate_step judge(struct rewrite *r, size_t behind)
{
    deadline_clear(&r->silence);
    switch (r->scan.state) {
    case PORT_SCAN_MATCH:
        return match(r, behind);
    case PORT_SCAN_MISMATCH:
        return mismatch(r);
    default:
        r->gate.held = port_scan_held(&r->scan);
        if (r->gate.held > 0)
            deadline_set(&r->silence, r->rule.form == PORT_DECIMAL ? REWRITE_DIGITS_MS : REWRITE_HALF_MS);
        return PUMP_GATE_LOOK;
    }
}

static enum pump_gate_step look(struct pump_gate *gate, const uint8_t *bytes, size_t count)
{
    struct rewrite *r = (struct rewrite *)gate;
    size_t taken = 0;

    if (count == 0)
        port_scan_end(&r->scan);
    else
        taken = port_scan_feed(&r->scan, bytes, count);
    return judge(r, count - taken);
}

static void is_silent(void *arg)
{
    struct rewrite *r = arg;
    struct session *s = r->session;

    port_scan_silence(&r->scan);
    switch (judge(r, 0)) {
    case PUMP_GATE_WAIT:
        r->gate.is_waiting = true;
        break;
    case PUMP_GATE_LIFT:
        let_go(s);
        break;
    case PUMP_GATE_BREAK:
        s->at = SESSION_AT_FRONT;
        session_close(s, REASON_REWRITE_MISMATCH);
        break;
    default:
        break;
    }
    session_update(s);
}

/* -- the start -----------------------------------------------------------------------------------------------------------------
 */

static enum port_form form_of(const struct cfg_port_rule *rule)
{
    return rule->form == CFG_PORT_U16LE ? PORT_U16LE : rule->form == CFG_PORT_U16BE ? PORT_U16BE : PORT_DECIMAL;
}

bool rewrite_watch(struct session *s)
{
    const struct cfg_advise *advise = &s->ask.link->advise;
    const struct cfg_port_rule *rule = &advise->rule;
    struct rewrite *r;

    if (advise->addressing != CFG_ADDRESSING_REWRITE)
        return true;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return false;
    r->gate = (struct pump_gate){.look = look, .drop = drop};
    r->session = s;
    r->announce.call = announce;
    deadline_init(&r->silence, &s->worker->loop, is_silent, r);
    port_rule_init(&r->rule, rule->after.bytes, rule->after.count, (size_t)rule->offset, form_of(rule), (size_t)rule->within,
                   advise->ports);
    port_scan_init(&r->scan, &r->rule);
    session_gate_up(s, &r->gate);
    return true;
}
