/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way of an advise from the hub to a session that hands it over. Main loop, then the session's worker. */
#include "proxy/tunnel/agent_hand.h"

#include "proxy/tunnel/agent_open.h"

/* The link came over a control channel; while that is up, the relay behind it takes the advises back. */
static enum reason can_deliver(void *arg, const struct identity *identity, const uint8_t instance[FRAME_INSTANCE])
{
    (void)identity;
    return uplinks_has(arg, instance) ? REASON_NONE : REASON_STALE_CHANNEL;
}

static void advise_greeted(struct session *s)
{
    session_dial(s, SESSION_ADVISE, &agent_hand_back);
}

static const struct session_front advise_front = {.name = "advise", .greeted = advise_greeted};

static void hand_on_worker(struct mail *m, struct loop *loop)
{
    struct worker *w = worker_of(loop);
    struct session *s = advise_call_start(w, (struct advise_call *)m, &advise_front, &agent_hand_back);

    if (s != NULL)
        session_start(s, (uint64_t)w->cfg->timeouts.handshake_s * 1000);
}

static void drop_call(struct mail *m)
{
    advise_call_refuse((struct advise_call *)m, REASON_SHUTDOWN);
}

static void deliver(void *arg, struct advise_call *call)
{
    struct hub *h = call->site->hub;

    (void)arg;
    if (!hub_has_lease(h, &call->ask)) {
        advise_call_refuse(call, REASON_LEASE_ENDED);
        return;
    }
    call->mail.deliver = hand_on_worker;
    call->mail.drop = drop_call;
    loop_post(&hub_pick_worker(h)->loop, &call->mail);
}

void agent_hand_carrier(struct hub *h, struct uplinks *u)
{
    h->tunnel = (struct advise_carrier){0};
    if (u != NULL)
        h->tunnel = (struct advise_carrier){.name = "tunnel", .can_deliver = can_deliver, .deliver = deliver, .arg = u};
    h->local = h->tunnel;
}
