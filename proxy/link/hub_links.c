/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the links of each configuration, and what becomes of their leases when a newer one comes. Main loop. */
#include "proxy/link/hub_parts.h"

#include "proxy/link/arrival.h"
#include "proxy/link/intercept.h"
#include "proxy/link/lease_door.h"
#include "proxy/link/syn_watch.h"

#include <stdlib.h>
#include <string.h>

struct hub_links *hub_links_new(const struct cfg *cfg)
{
    struct hub_links *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->cfg = cfg;
    site_hold_cfg(cfg);
    l->tables = calloc(cfg->served_count + 1, sizeof(*l->tables));
    if (l->tables == NULL || hosts_init(&l->hosts, cfg) != 0) {
        hub_links_free(l);
        return NULL;
    }
    for (size_t i = 0; i < cfg->served_count; i++)
        if (lease_table_init(&l->tables[i], &cfg->served[i]) != 0) {
            hub_links_free(l);
            return NULL;
        }
    return l;
}

void hub_links_free(struct hub_links *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; l->tables != NULL && i < l->cfg->served_count; i++)
        lease_table_fini(&l->tables[i]);
    free(l->tables);
    hosts_fini(&l->hosts);
    site_release_cfg(l->cfg);
    free(l);
}

/* -- finding -------------------------------------------------------------------------------------------------------------------
 */

static struct lease_table *table_in(const struct hub_links *l, const char *name)
{
    for (size_t i = 0; i < l->cfg->served_count; i++)
        if (strcmp(l->cfg->served[i].name, name) == 0)
            return &l->tables[i];
    return NULL;
}

struct lease_table *hub_table(const struct hub *h, const struct cfg_link *link)
{
    return table_in(h->links, link->name);
}

struct lease *hub_lease(const struct hub *h, const struct cfg_link *link, const struct identity *identity, uint64_t serial)
{
    for (const struct hub_links *l = h->links; l != NULL; l = l->older) {
        const struct lease_table *table = table_in(l, link->name);
        struct lease *lease = table != NULL ? lease_find(table, identity) : NULL;

        if (lease != NULL && lease->is_active && lease->serial == serial)
            return lease;
    }
    return NULL;
}

const struct host_addresses *hub_servers(const struct hub *h, const struct cfg_link *link)
{
    for (const struct hub_links *l = h->links; l != NULL; l = l->older)
        for (unsigned i = 0; i < l->hosts.count; i++)
            if (l->hosts.list[i].endpoint == &link->server)
                return &l->hosts.list[i].addresses;
    return NULL;
}

const struct cfg *hub_hold_cfg(const struct hub *h, const struct lease *lease)
{
    const struct hub_links *l = h->links;

    while (table_in(l, lease->table->link->name) != lease->table)
        l = l->older;
    site_hold_cfg(l->cfg);
    return l->cfg;
}

/* -- leases that could not be moved --------------------------------------------------------------------------------------------
 */

static bool is_newest(const struct hub *h, const struct lease *lease)
{
    return hub_table(h, lease->table->link) == lease->table;
}

/* Ports that are given one by one ("rewrite") are never taken from another lease. */
static bool share_a_port(const struct lease *there, const struct lease *fresh)
{
    return lease_is_kept(there) || lease_is_kept(fresh) || (fresh->ports.first != 0 && lease_listens_in(there, &fresh->ports));
}

bool hub_is_occupied(struct hub *h, const struct lease *lease)
{
    if (h->links->older == NULL)
        return false;
    for (const struct lease *other = arrival_first(h, &lease->address); other != NULL; other = other->next_there)
        if (!is_newest(h, other) && address_same_ip(&other->address, &lease->address) &&
            !identity_is_same(&other->identity, &lease->identity) && share_a_port(other, lease) &&
            arrival_share_server(h, other->table->link, lease->table->link))
            return true;
    return false;
}

static size_t count_active(const struct hub_links *l)
{
    size_t count = 0;

    for (size_t i = 0; i < l->cfg->served_count; i++)
        count += l->tables[i].active_count;
    return count;
}

void hub_settle(struct hub *h, struct lease *lease)
{
    struct lease_table *to = hub_table(h, lease->table->link);

    if (is_newest(h, lease))
        return;
    for (size_t i = 0; i < h->links->cfg->served_count; i++)
        lease_table_release(&h->links->tables[i], &lease->address);
    if (to != NULL && lease_is_kept(lease) && lease_move(lease, to))
        hub_state_save_soon(h);
}

void hub_tidy(struct hub *h)
{
    if (h->is_ending)
        return; /* somebody walks through them */
    for (struct hub_links **link = &h->links->older, *l; (l = *link) != NULL;) {
        if (count_active(l) > 0) {
            link = &l->older;
            continue;
        }
        *link = l->older;
        hub_links_free(l);
    }
}

/* -- moving --------------------------------------------------------------------------------------------------------------------
 */

struct move {
    struct hub_links *to;
    bool is_active; /* these now, the others in a second round: they must take nobody's place */
};

static void move_lease(struct lease *lease, void *arg)
{
    const struct move *m = arg;
    struct lease_table *to = table_in(m->to, lease->table->link->name);

    if (lease->is_active != m->is_active)
        return;
    if (to != NULL && lease_move(lease, to))
        return;
    if (!lease->is_active) {
        lease_forget(lease);
        return;
    }
    for (size_t i = 0; i < m->to->cfg->served_count; i++)
        lease_table_avoid(&m->to->tables[i], &lease->address);
}

static void move_all(struct hub_links *from, struct hub_links *to, bool is_active)
{
    struct move m = {.to = to, .is_active = is_active};

    for (struct hub_links *l = from; l != NULL; l = l->older)
        for (size_t i = 0; i < l->cfg->served_count; i++)
            lease_each(&l->tables[i], move_lease, &m);
}

/* What is needed no more is closed. New raw sockets see the new pools; without the right to them the old ones go on. */
static void move_sockets(struct hub *h, struct hub_sockets *sockets)
{
    if (cfg_first_intercepted(h->cfg) == NULL)
        intercept_stop(h);
    else if (h->intercept == NULL && intercept_start(h, sockets) != 0)
        intercept_stop(h);
    if (hub_has_pool(h) && sockets->syns[0] < 0 && sockets->syns[1] < 0)
        return;
    syn_watch_stop(h);
    (void)syn_watch_start(h, sockets); /* it is but a watch */
}

void hub_move(struct hub *h, struct hub_links *links, struct hub_sockets *sockets)
{
    struct hub_links *before = h->links;

    move_all(before, links, true);
    move_all(before, links, false);
    links->older = before;
    h->links = links;
    h->cfg = links->cfg;
    hub_tidy(h);
    move_sockets(h, sockets);
    hub_state_moved(h);
}
