/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the index of active leases by address, and the way from an accepted connection to a carrier. Main loop. */
#include "proxy/link/arrival.h"

#include "proxy/base/clock.h"
#include "proxy/link/hub_parts.h"
#include "proxy/link/lease_door.h"
#include "proxy/net/socket.h"
#include "proxy/session/session_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- the index -----------------------------------------------------------------------------------------------------------------
 */

static struct lease **place_of(struct hub *h, const struct address *address)
{
    return &h->active[address_hash(address) % HUB_PLACES];
}

void arrival_add(struct hub *h, struct lease *lease)
{
    struct lease **place = place_of(h, &lease->address);

    lease->next_there = *place;
    *place = lease;
}

void arrival_remove(struct hub *h, struct lease *lease)
{
    struct lease **link = place_of(h, &lease->address);

    while (*link != lease)
        link = &(*link)->next_there;
    *link = lease->next_there;
}

/* -- whose it is ---------------------------------------------------------------------------------------------------------------
 */

bool arrival_is_from(struct hub *h, const struct cfg_link *link, const struct address *peer)
{
    const struct host_addresses *servers = hub_servers(h, link);

    for (unsigned i = 0; servers != NULL && i < servers->count; i++)
        if (address_same_ip(&servers->list[i], peer))
            return true;
    for (size_t i = 0; i < link->advise.from_count; i++)
        if (network_contains(&link->advise.from[i].network, peer))
            return true;
    return false;
}

struct lease *arrival_first(struct hub *h, const struct address *at)
{
    return *place_of(h, at);
}

struct lease *arrival_lease_at(struct hub *h, const struct address *peer, const struct address *local)
{
    for (struct lease *lease = *place_of(h, local); lease != NULL; lease = lease->next_there)
        if (address_same_ip(&lease->address, local) && arrival_is_from(h, lease->table->link, peer))
            return lease;
    return NULL;
}

bool arrival_share_server(struct hub *h, const struct cfg_link *a, const struct cfg_link *b)
{
    const struct host_addresses *servers = hub_servers(h, a);

    for (unsigned i = 0; servers != NULL && i < servers->count; i++)
        if (arrival_is_from(h, b, &servers->list[i]))
            return true;
    return a == b;
}

bool arrival_is_contested(struct hub *h, const struct cfg_link *link, const struct identity *identity)
{
    for (const struct lease *lease = *place_of(h, &identity->client); lease != NULL; lease = lease->next_there)
        if (address_same_ip(&lease->address, &identity->client) && !identity_is_same(&lease->identity, identity) &&
            arrival_share_server(h, lease->table->link, link))
            return true;
    return false;
}

/* The lease, if any, and the client's port; or why there is none. */
struct finding {
    struct lease *lease;
    uint16_t port;
    enum reason why;
};

static struct finding find(struct hub *h, const struct address *peer, const struct address *local, bool is_intercepted)
{
    struct finding found = {.why = REASON_NO_LEASE};

    for (struct lease *lease = *place_of(h, local); lease != NULL; lease = lease->next_there) {
        uint16_t port;

        if (!address_same_ip(&lease->address, local))
            continue;
        port = lease_client_port(lease, address_port(local), is_intercepted);
        if (port == 0)
            continue;
        if (arrival_is_from(h, lease->table->link, peer))
            return (struct finding){.lease = lease, .port = port};
        if (found.lease == NULL)
            found = (struct finding){.lease = lease, .port = port, .why = REASON_SOURCE_NOT_ALLOWED};
    }
    return found;
}

/* -- the call ------------------------------------------------------------------------------------------------------------------
 */

static void set_whose(const struct hub *h, struct advise_call *call, const struct lease *lease, uint16_t port)
{
    struct session_ask *ask = &call->ask;

    call->identity = lease->identity;
    ask->link = lease->table->link;
    call->cfg = hub_hold_cfg(h, lease);
    ask->lease = lease->serial;
    ask->client = lease->identity.client;
    address_set_port(&ask->client, port);
    memcpy(ask->instance, lease->instance, sizeof(ask->instance));
    ask->behind = ask->peer_name = call->identity.behind;
    ask->name = lease->table->link->name;
}

static struct advise_call *call_new(struct hub *h, int fd, const struct address *peer, const struct address *local)
{
    struct advise_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->site = h->site;
    call->ask = SESSION_ASK_NONE;
    call->fd = fd;
    call->peers[0] = *peer;
    call->peers[1] = *local;
    call->started_ms = clock_ms();
    return call;
}

static const struct advise_carrier *carrier_for(const struct hub *h, const struct lease *lease)
{
    const struct cfg_advise *advise = &lease->table->link->advise;

    if (h->cfg->role == CFG_ROLE_RELAY && identity_is_direct(&lease->identity) && advise->delivery == CFG_DELIVERY_DIRECT)
        return &h->local;
    return &h->tunnel;
}

void arrival_take(struct hub *h, int fd, const struct address *peer, const struct address *local, bool is_intercepted)
{
    struct finding found = find(h, peer, local, is_intercepted);
    struct advise_call *call = call_new(h, fd, peer, local);
    const struct advise_carrier *carrier;

    if (call == NULL) {
        socket_reset(fd);
        return;
    }
    if (found.lease != NULL)
        set_whose(h, call, found.lease, found.port);
    if (h->is_island)
        found.why = REASON_ISLAND;
    if (found.why != REASON_NONE) {
        call->is_quiet = !session_log_may(&h->strangers, &call->skipped);
        advise_call_refuse(call, found.why);
        return;
    }
    lease_note_advise(found.lease);
    if (h->observer != NULL)
        h->observer->advise(h->observer->arg, &found.lease->identity, found.lease->table->link, address_port(local));
    carrier = carrier_for(h, found.lease);
    if (carrier->deliver == NULL)
        advise_call_refuse(call, REASON_AGENT_DOWN);
    else
        carrier->deliver(carrier->arg, call);
}
