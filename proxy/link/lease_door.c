/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what an active lease has open. Listeners exist only while the lease is active, so a dial-back for which there is no client
 * is refused by the kernel itself. Main loop.
 */
#include "proxy/link/lease_door.h"

#include "proxy/base/log.h"
#include "proxy/link/announced.h"
#include "proxy/link/arrival.h"
#include "proxy/link/catcher.h"
#include "proxy/link/hub_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A server that dials back does so at once; when nothing has come for this time, something may stand in its way. */
#define MISSING_MS 30000

struct doorstep {
    struct hub *hub;
    struct lease *lease;
    struct deadline grace;
    struct deadline missing;    /* until the first advise */
    struct announced announced; /* addressing "rewrite" */
    size_t count;
    struct catcher *catchers[]; /* one per port of the lease */
};

static void log_ports(struct log_line *l, struct port_range ports)
{
    char text[16];

    if (ports.first == 0)
        return;
    snprintf(text, sizeof(text), ports.first == ports.last ? "%u" : "%u-%u", ports.first, ports.last);
    log_text(l, "ports", text);
}

static void log_lease(const struct lease *lease, const char *event)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, event))
        return;
    log_text(&l, "link", lease->table->link->name);
    log_text(&l, "agent", identity_group(&lease->identity));
    log_ip(&l, "client", &lease->identity.client);
    log_ip(&l, "address", &lease->address);
    if (!lease_is_kept(lease))
        log_ports(&l, lease->ports);
    log_number(&l, "serial", lease->serial);
    log_end(&l);
}

/* -- the lease's life ----------------------------------------------------------------------------------------------------------
 */

static void close_catchers(struct doorstep *d)
{
    while (d->count > 0)
        catcher_put(d->hub, d->catchers[--d->count]);
    announced_fini(&d->announced, d->hub);
}

static enum reason open_catcher(struct doorstep *d, uint16_t port)
{
    struct address at = d->lease->address;
    struct catcher *catcher;
    enum reason why;

    address_set_port(&at, port);
    catcher = catcher_get(d->hub, d->lease->table->link, &at, &why);
    if (catcher == NULL)
        return why;
    d->catchers[d->count++] = catcher;
    return REASON_NONE;
}

static void grace_over(void *arg)
{
    struct doorstep *d = arg;

    lease_close(d->lease);
}

/* A dial-back that the second firewall drops, or that goes to another address, leaves no other trace here. */
static void advise_is_missing(void *arg)
{
    const struct doorstep *d = arg;
    struct log_line l;

    if (d->lease->holders == 0 || !log_begin(&l, LOG_LEVEL_INFO, "advise_missing"))
        return;
    log_text(&l, "link", d->lease->table->link->name);
    log_text(&l, "agent", identity_group(&d->lease->identity));
    log_ip(&l, "client", &d->lease->identity.client);
    log_ip(&l, "address", &d->lease->address);
    log_number(&l, "serial", d->lease->serial);
    log_text(&l, "remedy",
             "none if client and server are of 2020 or later; else let the server's dial-backs through to this address (georelay "
             "firewall), or take transparent if it dials an address that the client announces");
    log_end(&l);
}

/* How many ports are listened on from the start. */
static size_t count_listened(const struct lease *lease)
{
    struct port_range ports = lease->ports;

    if (ports.first == 0 || lease->table->link->advise.addressing == CFG_ADDRESSING_TRANSPARENT)
        return 0;
    return (size_t)(ports.last - ports.first) + 1;
}

enum reason lease_open(struct hub *h, struct lease *lease)
{
    size_t count = count_listened(lease);
    struct doorstep *d = calloc(1, sizeof(*d) + count * sizeof(d->catchers[0]));

    assert(!lease->is_active);
    if (d == NULL)
        return REASON_NO_MEMORY;
    d->hub = h;
    d->lease = lease;
    for (size_t i = 0; i < count; i++) {
        enum reason why = open_catcher(d, (uint16_t)(lease->ports.first + i));

        if (why != REASON_NONE) {
            close_catchers(d);
            free(d);
            return why;
        }
    }
    deadline_init(&d->grace, h->loop, grace_over, d);
    deadline_init(&d->missing, h->loop, advise_is_missing, d);
    deadline_set(&d->missing, MISSING_MS);
    lease->doorstep = d;
    lease->is_active = true;
    lease->holders = 0;
    lease->serial = ++h->serial;
    lease->used_s = (int64_t)time(NULL);
    lease->table->active_count++;
    arrival_add(h, lease);
    log_lease(lease, "lease_active");
    return REASON_NONE;
}

void lease_hold(struct lease *lease)
{
    struct doorstep *d = lease->doorstep;

    lease->holders++;
    deadline_clear(&d->grace);
}

void lease_let_go(struct lease *lease)
{
    struct doorstep *d = lease->doorstep;

    assert(lease->holders > 0);
    if (--lease->holders == 0)
        deadline_set(&d->grace, (uint64_t)lease->table->link->advise.grace_s * 1000);
}

void lease_note_advise(struct lease *lease)
{
    struct doorstep *d = lease->doorstep;

    deadline_clear(&d->missing);
}

enum reason lease_announce(struct lease *lease, uint16_t port, uint16_t *ret_ours)
{
    struct doorstep *d = lease->doorstep;

    return announced_get(&d->announced, d->hub, lease, port, ret_ours);
}

void lease_withdraw(struct lease *lease, uint16_t port)
{
    struct doorstep *d = lease->doorstep;

    announced_put(&d->announced, port);
}

bool lease_listens_in(const struct lease *lease, const struct port_range *range)
{
    const struct doorstep *d = lease->doorstep;

    if (lease->ports.first != 0)
        return lease->ports.first <= range->last && range->first <= lease->ports.last;
    return announced_is_in(&d->announced, range);
}

uint16_t lease_client_port(const struct lease *lease, uint16_t port, bool is_intercepted)
{
    const struct doorstep *d = lease->doorstep;

    if (lease_catches(lease, port, is_intercepted))
        return port;
    return announced_find(&d->announced, port);
}

/* -- ending the advises --------------------------------------------------------------------------------------------------------
 */

struct lease_ended {
    struct mail mail;
    uint64_t serial;
};

static void end_advises(struct mail *m, struct loop *loop)
{
    struct worker *w = worker_of(loop);
    uint64_t serial = ((struct lease_ended *)m)->serial;
    struct session *s, *next;

    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        if (s->kind == SESSION_ADVISE && s->ask.lease == serial)
            session_close(s, REASON_LEASE_ENDED);
    }
    free(m);
}

static void forget_ended(struct mail *m)
{
    free(m);
}

static void tell_workers(struct hub *h, uint64_t serial)
{
    SITE_EACH(w, h->site)
    {
        struct lease_ended *e = calloc(1, sizeof(*e));

        if (e == NULL)
            continue; /* the advises then end with their client */
        e->mail.deliver = end_advises;
        e->mail.drop = forget_ended;
        e->serial = serial;
        loop_post(&w->loop, &e->mail);
    }
}

void lease_close(struct lease *lease)
{
    struct doorstep *d = lease->doorstep;

    assert(lease->is_active);
    arrival_remove(d->hub, lease);
    close_catchers(d);
    deadline_clear(&d->grace);
    deadline_clear(&d->missing);
    lease->doorstep = NULL;
    lease->is_active = false;
    lease->used_s = (int64_t)time(NULL);
    lease->table->active_count--;
    tell_workers(d->hub, lease->serial);
    log_lease(lease, "lease_end");
    if (lease_is_kept(lease))
        lease->ports = lease->table->link->advise.ports; /* a reload may have changed them meanwhile */
    hub_settle(d->hub, lease);
    if (!lease_is_kept(lease))
        lease_forget(lease);
    hub_tidy(d->hub);
    free(d);
}
