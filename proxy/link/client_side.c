/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the decisions at the client's end of a link: who may use it here, and the dialling of clients. */
#include "proxy/link/client_side.h"

#include "proxy/link/hub.h"
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

static bool is_client(const struct cfg *cfg, const struct address *client)
{
    for (size_t i = 0; i < cfg->clients_count; i++)
        if (network_contains(&cfg->clients[i].network, client))
            return true;
    return false;
}

/* A client on the agent's own machine connects from loopback, but its programs may listen on the LAN address only. */
static struct address client_address(const struct cfg *cfg, const struct address *peer)
{
    struct address client = *peer;

    if (address_is_set(&cfg->client_address) && address_is_loopback(peer)) {
        client = cfg->client_address;
        address_set_port(&client, address_port(peer));
    }
    return client;
}

static void link_greeted(struct session *s)
{
    const struct cfg *cfg = s->worker->cfg;

    snprintf(s->ask.name, sizeof(s->ask.name), "%s", s->ask.link->name);
    s->kind = SESSION_LINK;
    s->ask.client = client_address(cfg, &s->front->peer);
    if (cfg->role == CFG_ROLE_AGENT && !is_client(cfg, &s->ask.client)) {
        session_refuse(s, SESSION_AT_RELAY, REASON_CLIENT_NOT_ALLOWED);
        return;
    }
    if (door_admit_client(s))
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

    session_dial_address(s, &s->ask.client, avoid, NULL);
}

const struct session_back client_side_deliver = {
    .name = "client_side",
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
