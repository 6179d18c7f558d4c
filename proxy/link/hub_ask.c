/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the question for a link, from a worker to the main loop and back, and what is decided there. */
#include "proxy/link/hub_parts.h"

#include "proxy/audit/audit.h"
#include "proxy/base/log.h"
#include "proxy/link/arrival.h"
#include "proxy/link/lease_door.h"
#include "proxy/link/server_side.h"

#include <stdlib.h>
#include <string.h>

struct ask {
    struct mail mail;
    struct hub *hub;
    struct session_handle session;
    const struct cfg_link *link;
    struct identity identity;
    uint8_t instance[16];
    uint64_t serial; /* given back, or granted */
    struct address source;
    bool is_foreign;    /* this is not one of our addresses */
    uint16_t announced; /* with the lease another thing to give back; 0: not */
    enum reason why;
};

static void ask_drop(struct mail *m)
{
    free(m);
}

static void give_back_on_main(struct mail *m, struct loop *loop)
{
    struct ask *ask = (struct ask *)m;
    struct lease *lease = hub_lease(ask->hub, ask->link, &ask->identity, ask->serial);

    (void)loop;
    if (lease != NULL) {
        if (ask->announced != 0)
            lease_withdraw(lease, ask->announced);
        lease_let_go(lease);
    }
    free(ask);
}

/* The hub's answer, back on the worker. */
static void answer_on_worker(struct mail *m, struct loop *loop)
{
    struct ask *ask = (struct ask *)m;
    struct worker *w = worker_of(loop);
    struct session *s = worker_find(w, ask->session);

    if (s == NULL || s->state != SESSION_DIAL) {
        if (ask->serial == 0) {
            free(ask);
            return;
        }
        /* It has ended meanwhile: the lease goes straight back. */
        ask->mail.deliver = give_back_on_main;
        loop_post(w->site->main, &ask->mail);
        return;
    }
    if (ask->why != REASON_NONE) {
        session_refuse(s, SESSION_AT_RELAY, ask->why);
    } else {
        s->ask.lease = ask->serial;
        s->opening->source = ask->source;
        s->opening->is_source_foreign = ask->is_foreign;
        server_side_granted(s);
    }
    session_update(s);
    free(ask);
}

static void audit_lease_new(const struct lease *lease)
{
    struct log_line l;

    if (!audit_begin(&l, AUDIT_LEASE_NEW, AUDIT_OK))
        return;
    log_text(&l, "name", lease->table->link->name);
    log_text(&l, "agent", identity_group(&lease->identity));
    log_ip(&l, "client", &lease->identity.client);
    log_ip(&l, "address", &lease->address);
    audit_end(&l);
}

static void log_lease_new(const struct lease *lease)
{
    struct log_line l;

    audit_lease_new(lease);

    if (!log_begin(&l, LOG_LEVEL_INFO, "lease_new"))
        return;
    log_text(&l, "link", lease->table->link->name);
    log_text(&l, "agent", identity_group(&lease->identity));
    log_ip(&l, "client", &lease->identity.client);
    log_ip(&l, "address", &lease->address);
    log_end(&l);
}

/* The link is to be dialled from the client's own address. */
static enum reason check_transparent(struct hub *h, const struct ask *ask)
{
    const struct address *client = &ask->identity.client;
    const struct host_addresses *servers = hub_servers(h, ask->link);
    bool is_of_family = servers->count == 0; /* not known yet: the dial will say so */
    bool is_reachable = servers->count == 0 || !address_is_loopback(client);

    for (unsigned i = 0; i < servers->count; i++) {
        is_of_family |= servers->list[i].sa.any.sa_family == client->sa.any.sa_family;
        is_reachable |= address_is_loopback(&servers->list[i]);
    }
    if (!is_of_family)
        return REASON_FAMILY_MISMATCH;
    if (!is_reachable)
        return REASON_LOOPBACK_CLIENT;
    return arrival_is_contested(h, ask->link, &ask->identity) ? REASON_IDENTITY_OVERLAP : REASON_NONE;
}

/* The lease of this identity, active. */
static struct lease *open_lease(struct hub *h, const struct ask *ask, enum reason *ret_why)
{
    struct lease_table *table = hub_table(h, ask->link);
    struct lease *lease = lease_find(table, &ask->identity);

    if (lease == NULL) {
        lease = lease_get(table, &ask->identity, ret_why);
        if (lease == NULL)
            return NULL;
        if (lease_is_kept(lease)) {
            log_lease_new(lease);
            hub_state_save_soon(h);
        }
    }
    if (lease->is_active)
        return lease;
    *ret_why = hub_is_occupied(h, lease) ? REASON_IDENTITY_OVERLAP : lease_open(h, lease);
    if (*ret_why == REASON_NONE)
        return lease;
    if (!lease_is_kept(lease))
        lease_forget(lease);
    return NULL;
}

static enum reason grant_lease(struct hub *h, struct ask *ask)
{
    enum reason why = REASON_NONE;
    struct lease *lease;

    if (ask->link->advise.addressing == CFG_ADDRESSING_TRANSPARENT)
        why = check_transparent(h, ask);
    if (why != REASON_NONE)
        return why;
    lease = open_lease(h, ask, &why);
    if (lease == NULL)
        return why;
    lease_hold(lease);
    memcpy(lease->instance, ask->instance, sizeof(lease->instance));
    ask->serial = lease->serial;
    ask->source = lease->address;
    ask->is_foreign = ask->link->advise.addressing == CFG_ADDRESSING_TRANSPARENT;
    return REASON_NONE;
}

bool hub_is_behind_nat(const struct hub *h, const struct identity *identity)
{
    for (size_t i = 0; i < h->cfg->nat_count && identity_is_direct(identity); i++)
        if (network_contains(&h->cfg->nat[i].network, &identity->client))
            return true;
    return false;
}

static enum reason decide(struct hub *h, struct ask *ask)
{
    const struct cfg_link *link = ask->link;
    bool has_advise = link->advise.addressing != CFG_ADDRESSING_OFF && link->server.agent == NULL;
    bool is_tunnelled = h->cfg->role == CFG_ROLE_AGENT || !identity_is_direct(&ask->identity);
    enum reason why;

    if (h->is_ending)
        return REASON_SHUTDOWN;
    if (has_advise && hub_is_behind_nat(h, &ask->identity))
        return REASON_NAT_CLIENT;
    /* An agent's request must belong to its present control channel, and an advise must have a way to its client. */
    if (is_tunnelled || (has_advise && link->advise.delivery == CFG_DELIVERY_AGENT)) {
        if (h->tunnel.can_deliver == NULL)
            return REASON_AGENT_DOWN;
        why = h->tunnel.can_deliver(h->tunnel.arg, &ask->identity, ask->instance);
        if (why != REASON_NONE)
            return why;
    }
    return has_advise ? grant_lease(h, ask) : REASON_NONE;
}

/* The asker may be of an older generation; what is granted is by the newest. */
static bool bind_newest(struct ask *ask)
{
    const struct lease_table *table = hub_table(ask->hub, ask->link);

    if (table != NULL)
        ask->link = table->link;
    return table != NULL;
}

static void ask_on_main(struct mail *m, struct loop *loop)
{
    struct ask *ask = (struct ask *)m;
    const struct cfg_link *asked = ask->link;

    (void)loop;
    ask->why = bind_newest(ask) ? decide(ask->hub, ask) : REASON_LINK_UNKNOWN;
    ask->link = asked; /* its worker's generation has this one as long as it may be asked about */
    ask->mail.deliver = answer_on_worker;
    site_post(ask->hub->site, ask->session.worker, &ask->mail);
}

static struct ask *ask_new(struct worker *w, const struct cfg_link *link, const struct session_ask *from)
{
    struct ask *ask = calloc(1, sizeof(*ask));

    if (ask == NULL)
        return NULL;
    ask->mail.drop = ask_drop;
    ask->hub = w->site->hub;
    ask->link = link;
    ask->identity = identity_of(from);
    memcpy(ask->instance, from->instance, sizeof(ask->instance));
    return ask;
}

void hub_ask(struct session *s)
{
    struct ask *ask = ask_new(s->worker, s->ask.link, &s->ask);

    if (ask == NULL) {
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
        return;
    }
    ask->mail.deliver = ask_on_main;
    ask->session = s->handle;
    loop_post(s->worker->site->main, &ask->mail);
}

void hub_give_back(struct worker *w, const struct cfg_link *link, const struct session_ask *from)
{
    struct ask *ask = ask_new(w, link, from);

    if (ask == NULL)
        abort(); /* a lease that is never given back would never end */
    ask->mail.deliver = give_back_on_main;
    ask->serial = from->lease;
    ask->announced = from->announced;
    loop_post(w->site->main, &ask->mail);
}
