/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the lease tables, the listeners of servers' dial-backs and what hangs on them. Main loop. */
#include "proxy/link/hub.h"

#include "proxy/link/hub_parts.h"
#include "proxy/link/intercept.h"
#include "proxy/link/lease_door.h"
#include "proxy/link/syn_watch.h"

#include <stdlib.h>

int hub_init(struct hub *h, struct loop *loop, struct site *site, struct hub_sockets *sockets)
{
    const struct cfg *cfg = site->cfg;

    *h = (struct hub){.loop = loop, .site = site, .cfg = cfg};
    hub_state_init(h);
    h->links = hub_links_new(cfg);
    if (h->links == NULL)
        return -1;
    if (intercept_start(h, sockets) != 0 || syn_watch_start(h, sockets) != 0)
        return -1;
    return hub_state_load(h);
}

bool hub_has_pool(const struct hub *h)
{
    for (size_t i = 0; i < h->cfg->served_count; i++)
        if (h->links->tables[i].size > 0)
            return true;
    return false;
}

static void close_active(struct lease *lease, void *arg)
{
    (void)arg;
    if (lease->is_active)
        lease_close(lease);
}

void hub_fini(struct hub *h)
{
    if (h->cfg == NULL)
        return;
    h->is_ending = true; /* the last save runs turns of the loop */
    intercept_stop(h);
    syn_watch_stop(h);
    for (struct hub_links *l = h->links; l != NULL; l = l->older)
        for (size_t i = 0; i < l->cfg->served_count; i++)
            lease_each(&l->tables[i], close_active, NULL);
    hub_state_fini(h);
    while (h->links != NULL) {
        struct hub_links *l = h->links;

        h->links = l->older;
        hub_links_free(l);
    }
    h->cfg = NULL;
}

bool hub_has_lease(const struct hub *h, const struct session_ask *ask)
{
    struct identity identity = identity_of(ask);

    return hub_lease(h, ask->link, &identity, ask->lease) != NULL;
}

size_t hub_active_leases(const struct hub *h)
{
    size_t count = 0;

    for (const struct hub_links *l = h->links; l != NULL; l = l->older)
        for (size_t i = 0; i < l->cfg->served_count; i++)
            count += l->tables[i].active_count;
    return count;
}

struct worker *hub_pick_worker(struct hub *h)
{
    return site_pick(h->site, h->next_worker++);
}
