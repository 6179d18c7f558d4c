/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the end of sessions that stand on the tunnel of an agent whose certificate was revoked. On the session's worker. */
#include "proxy/session/session_parts.h"
#include "tls/revoked.h"

static void cut(struct session *s, struct tls_revoked *revoked)
{
    bool is_front = s->front != NULL && tls_revoked_holds(revoked, s->front);

    if (!is_front && (s->back == NULL || !tls_revoked_holds(revoked, s->back)))
        return;
    if (!is_front && s->state == SESSION_SERVE) { /* a web client: it gets its answer */
        s->front_ops->serve->back_lost(s, REASON_REVOKED);
        session_update(s);
    } else {
        session_break(s, is_front, REASON_REVOKED);
    }
}

void worker_cut_revoked(struct worker *w)
{
    struct session *s, *next;

    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        cut(s, w->site->revoked);
    }
    idle_pool_cut(&w->idle, w->site->revoked);
}
