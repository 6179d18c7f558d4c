/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps from "open link N for identity I" to a stream to the server. On the session's worker. */
#include "proxy/link/server_side.h"

#include "proxy/link/hub.h"
#include "proxy/link/learn.h"
#include "proxy/link/rewrite.h"
#include "proxy/session/dial.h"

#include <stddef.h>

/* The hub answers within a turn of the main loop; it never waits for anybody. */
#define HUB_MS 5000

void server_side_granted(struct session *s)
{
    const struct cfg_link *link = s->ask.link;
    bool has_source = address_is_set(&s->opening->source);

    /* The server may want to dial an advise port of the leased address: it must not be the link's own source port. */
    session_dial_hosts(s, &link->server, 1, has_source ? &s->opening->source : NULL,
                       has_source ? lease_advise_ports(link) : (struct port_range){0, 0}, NULL);
}

static void server_side_dial(struct session *s)
{
    if (s->ask.behind[0] == '\0' && s->ask.link->advise.addressing == CFG_ADDRESSING_OFF) {
        server_side_granted(s);
        return;
    }
    if (s->opening->notice_rest_ms == 0) /* else the notice to the front comes first, and then a deadline for all of it */
        session_set_deadline(s, HUB_MS);
    hub_ask(s);
}

static void server_side_greeted(struct session *s)
{
    (void)session_dial_done(s);
    if (rewrite_watch(s) && learn_watch(s))
        session_relay(s);
    else
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
}

static void server_side_ended(struct session *s)
{
    if (s->ask.lease != 0)
        hub_give_back(s->worker, s->ask.link, &s->ask);
    s->ask.lease = 0;
}

const struct session_back server_side_back = {
    .name = "server_side",
    .purpose = ACCOUNT_SERVER,
    .dial = server_side_dial,
    .greeted = server_side_greeted,
    .failed = session_dial_next,
    .ended = server_side_ended,
};
