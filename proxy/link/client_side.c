/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the decisions at the client's end of a link: who may use it here, and the dialling of clients. */
#include "proxy/link/client_side.h"

#include "proxy/link/hub.h"
#include "proxy/link/machine.h"
#include "proxy/link/ranges.h"
#include "proxy/net/original.h"
#include "proxy/session/admit.h"
#include "proxy/session/dial.h"
#include "proxy/session/door.h"

#include <stdio.h>

static const struct session_back *link_carrier;

void client_side_init(const struct session_back *carrier)
{
    link_carrier = carrier;
}

/* -- links ---------------------------------------------------------------------------------------------------------------------
 */

/* On a link over ranges: the port that the client wanted, before a rule of the firewall led it here. */
static void find_port(struct session *s)
{
    struct address original;

    if (!original_destination(s->front->fd, listener_address(door_of(s)->listener), &original))
        return;
    s->ask.port = address_port(&original);
    s->front->local = original; /* the log tells where the client connected to */
}

static enum reason check_link(const struct session *s)
{
    const struct worker *w = s->worker;
    bool is_let_in =
        w->cfg->role != CFG_ROLE_AGENT || machine_lets_in(w, &s->front->peer, NULL) || machine_lets_in(w, &s->ask.client, NULL);

    if (!is_let_in)
        return REASON_CLIENT_NOT_ALLOWED;
    return admit_hours(&s->ask.link->schedule) != REASON_NONE ? REASON_OUT_OF_HOURS : ranges_check(s->ask.link, s->ask.port);
}

static void link_greeted(struct session *s)
{
    enum reason why;

    s->ask.name = s->ask.link->name;
    s->kind = SESSION_LINK;
    s->ask.client = machine_client(s->worker, &s->front->peer);
    if (s->ask.link->ports_count > 0)
        find_port(s);
    why = check_link(s);
    if (why != REASON_NONE)
        session_refuse(s, SESSION_AT_RELAY, why);
    else if (door_admit_client(s))
        session_dial(s, SESSION_LINK, link_carrier);
}

const struct session_front client_side_front = {.name = "link", .greeted = link_greeted};

/* -- advises -------------------------------------------------------------------------------------------------------------------
 */

static void deliver_dial(struct session *s)
{
    /* Never from a port that a client's server may want to dial: the range of the configuration at hand. */
    const struct cfg *cfg = s->worker->cfg;
    struct port_range avoid = cfg->role == CFG_ROLE_AGENT ? cfg->advise_ports : s->ask.link->advise.ports;
    struct address to[2] = {s->ask.client};

    /* A program on the agent's own machine may listen on one of its addresses only. */
    if (cfg->role == CFG_ROLE_AGENT)
        (void)machine_lets_in(s->worker, &s->ask.client, &to[1]);
    session_dial_addresses(s, to, address_is_set(&to[1]) ? 2 : 1, avoid, NULL);
}

const struct session_back client_side_deliver = {
    .name = "client_side",
    .purpose = ACCOUNT_CLIENT,
    .dial = deliver_dial,
    .greeted = session_relay,
    .failed = session_dial_next,
};

static void advise_greeted(struct session *s)
{
    session_dial(s, SESSION_ADVISE, &client_side_deliver);
}

static const struct session_front advise_front = {.name = "advise", .greeted = advise_greeted};

static void deliver_on_worker(struct mail *m, struct loop *loop)
{
    struct worker *w = worker_of(loop);
    struct session *s = advise_call_start(w, (struct advise_call *)m, &advise_front, &client_side_deliver);

    if (s != NULL)
        session_start(s, (uint64_t)w->cfg->timeouts.handshake_s * 1000);
}

static void drop_call(struct mail *m)
{
    advise_call_refuse((struct advise_call *)m, REASON_SHUTDOWN);
}

static enum reason can_deliver(void *arg, const struct identity *identity, const uint8_t instance[16])
{
    (void)arg;
    (void)identity;
    (void)instance;
    return REASON_NONE;
}

static void deliver(void *arg, struct advise_call *call)
{
    struct hub *h = arg;

    call->mail.deliver = deliver_on_worker;
    call->mail.drop = drop_call;
    loop_post(&hub_pick_worker(h)->loop, &call->mail);
}

void client_side_carrier(struct hub *h)
{
    h->local = (struct advise_carrier){.name = "local", .can_deliver = can_deliver, .deliver = deliver, .arg = h};
}
