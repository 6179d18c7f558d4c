/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the raw sockets, and the SYNs of which it is not known yet whether the intercept listener takes them. Main loop. */
#include "proxy/link/syn_watch.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/link/arrival.h"
#include "proxy/link/hub_parts.h"
#include "proxy/link/lease_door.h"
#include "proxy/net/raw_syn.h"
#include "proxy/session/session_log.h"

#include <stdlib.h>
#include <unistd.h>

/* SYNs of one socket in one turn. */
#define READ_BUDGET 64

/* How long a SYN may take to become a connection: a round trip, and a slow turn of this loop. */
#define ACCEPT_MS 1500

/* SYNs that wait; more than that are not watched: those before them tell the same. */
#define WAITING_MAX 64

#define NO_RULE   "the TPROXY rule of \"georelay firewall\" is not in place on this machine"
#define NO_PORT   "the client's Sockets range was full: widen \"ports\" and the range at the client, or set any_port"
#define NO_RIGHTS "to be told of dial-backs at ports outside of \"ports\", give georelay the capability CAP_NET_RAW"

struct waiting {
    struct address peer;
    struct address local;
    uint64_t until_ms;
};

struct syn_watch {
    struct hub *hub;
    int fds[HUB_FAMILIES];
    struct watch watches[HUB_FAMILIES];
    struct deadline late;
    struct waiting waiting[WAITING_MAX]; /* the oldest first */
    unsigned count;
};

static void log_missed(struct hub *h, const struct lease *lease, const struct address *peer, const struct address *local)
{
    struct log_line l;
    uint64_t skipped;

    if (!session_log_may(&h->missed, &skipped) || !log_begin(&l, LOG_LEVEL_WARN, "advise_missed"))
        return;
    log_text(&l, "link", lease->table->link->name);
    log_text(&l, "agent", identity_group(&lease->identity));
    log_ip(&l, "client", &lease->identity.client);
    log_ip(&l, "address", &lease->address);
    log_number(&l, "port", address_port(local));
    log_ip(&l, "server", peer);
    log_text(&l, "remedy", lease->table->link->advise.any_port == CFG_ON ? NO_RULE : NO_PORT);
    if (skipped > 0)
        log_number(&l, "skipped", skipped);
    log_end(&l);
}

static void missed(struct hub *h, const struct lease *lease, const struct address *peer, const struct address *local)
{
    if (h->observer != NULL)
        h->observer->advise(h->observer->arg, &lease->identity, lease->table->link, address_port(local));
    log_missed(h, lease, peer, local);
}

/* -- SYNs that the intercept listener may take ---------------------------------------------------------------------------------
 */

static bool is_same(const struct waiting *w, const struct address *peer, const struct address *local)
{
    return address_port(&w->peer) == address_port(peer) && address_port(&w->local) == address_port(local) &&
           address_same_ip(&w->peer, peer) && address_same_ip(&w->local, local);
}

static void forget(struct syn_watch *watch, unsigned index)
{
    watch->count--;
    for (unsigned i = index; i < watch->count; i++)
        watch->waiting[i] = watch->waiting[i + 1];
}

static void set_late(struct syn_watch *watch)
{
    uint64_t now = clock_ms();

    if (watch->count == 0)
        deadline_clear(&watch->late);
    else
        deadline_set(&watch->late, watch->waiting[0].until_ms > now ? watch->waiting[0].until_ms - now : 1);
}

static void is_late(void *arg)
{
    struct syn_watch *watch = arg;
    uint64_t now = clock_ms();

    while (watch->count > 0 && watch->waiting[0].until_ms <= now) {
        struct waiting w = watch->waiting[0];
        const struct lease *lease = arrival_lease_at(watch->hub, &w.peer, &w.local);

        forget(watch, 0);
        if (lease != NULL)
            missed(watch->hub, lease, &w.peer, &w.local);
    }
    set_late(watch);
}

static void wait_for_accept(struct syn_watch *watch, const struct address *peer, const struct address *local)
{
    if (watch->count == WAITING_MAX)
        return;
    for (unsigned i = 0; i < watch->count; i++)
        if (is_same(&watch->waiting[i], peer, local))
            return; /* sent again */
    watch->waiting[watch->count++] = (struct waiting){*peer, *local, clock_ms() + ACCEPT_MS};
    if (watch->count == 1)
        set_late(watch);
}

void syn_watch_accepted(struct hub *h, const struct address *peer, const struct address *local)
{
    struct syn_watch *watch = h->syn_watch;

    for (unsigned i = 0; watch != NULL && i < watch->count; i++)
        if (is_same(&watch->waiting[i], peer, local)) {
            forget(watch, i);
            set_late(watch);
            return;
        }
}

/* -- SYNs ----------------------------------------------------------------------------------------------------------------------
 */

static void take_syn(struct syn_watch *watch, const struct address *peer, const struct address *local)
{
    const struct lease *lease = arrival_lease_at(watch->hub, peer, local);

    if (lease == NULL || !lease_is_kept(lease) || lease_client_port(lease, address_port(local), false) != 0)
        return;
    if (lease->table->link->advise.any_port == CFG_ON)
        wait_for_accept(watch, peer, local);
    else
        missed(watch->hub, lease, peer, local);
}

static void read_some(struct syn_watch *watch, int fd)
{
    struct address peer, local;

    for (int i = 0; i < READ_BUDGET && raw_syn_read(fd, &peer, &local); i++)
        take_syn(watch, &peer, &local);
}

static void ready_4(void *arg, unsigned ready)
{
    struct syn_watch *watch = arg;

    (void)ready;
    read_some(watch, watch->fds[0]);
}

static void ready_6(void *arg, unsigned ready)
{
    struct syn_watch *watch = arg;

    (void)ready;
    read_some(watch, watch->fds[1]);
}

/* -- up and down ---------------------------------------------------------------------------------------------------------------
 */

static void log_blind(void)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "advise_watch_off"))
        return;
    log_text(&l, "remedy", NO_RIGHTS);
    log_end(&l);
}

int syn_watch_start(struct hub *h, struct hub_sockets *sockets)
{
    static watch_fn *const ready[HUB_FAMILIES] = {ready_4, ready_6};
    struct syn_watch *watch;

    if (!hub_has_pool(h))
        return 0;
    if (sockets->syns[0] < 0 && sockets->syns[1] < 0) {
        log_blind();
        return 0;
    }
    watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return -1;
    watch->hub = h;
    deadline_init(&watch->late, h->loop, is_late, watch);
    for (int i = 0; i < HUB_FAMILIES; i++) {
        watch->fds[i] = sockets->syns[i];
        sockets->syns[i] = -1;
        watch_init(&watch->watches[i], h->loop, ready[i], watch);
        if (watch->fds[i] >= 0)
            watch_set(&watch->watches[i], watch->fds[i], STREAM_READ);
    }
    h->syn_watch = watch;
    return 0;
}

void syn_watch_stop(struct hub *h)
{
    struct syn_watch *watch = h->syn_watch;

    if (watch == NULL)
        return;
    deadline_clear(&watch->late);
    for (int i = 0; i < HUB_FAMILIES; i++) {
        if (watch->fds[i] < 0)
            continue;
        watch_set(&watch->watches[i], watch->fds[i], 0);
        close(watch->fds[i]);
    }
    free(watch);
    h->syn_watch = NULL;
}
