/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the listeners of active leases. They exist only while the lease is active, so a dial-back for which there is no client is
 * refused by the kernel itself. Main loop.
 */
#include "proxy/link/lease_door.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"
#include "proxy/session/session_log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct doorstep {
    struct hub *hub;
    struct lease *lease;
    struct deadline grace;
    size_t count;
    struct listener *listeners[]; /* one per advise port */
};

static void log_lease(const struct lease *lease, const char *event)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, event))
        return;
    log_text(&l, "link", lease->table->link->name);
    log_text(&l, "agent", lease->identity.agent != NULL ? lease->identity.agent->name : "direct");
    log_ip(&l, "client", &lease->identity.client);
    log_ip(&l, "address", &lease->address);
    log_number(&l, "serial", lease->serial);
    log_end(&l);
}

/* A client whose lease can't be opened comes back again and again, and so does this. */
static void log_listen_failure(struct hub *h, const struct lease *lease, const struct address *at, int error)
{
    struct log_line l;
    uint64_t skipped;

    if (!session_log_may(&h->failures, &skipped) || !log_begin(&l, LOG_LEVEL_WARN, "lease_listen_failed"))
        return;
    log_text(&l, "link", lease->table->link->name);
    log_address(&l, "address", at);
    log_text(&l, "error", strerror(error));
    if (error == EADDRNOTAVAIL)
        log_text(&l, "remedy", "give this machine the addresses of the pool: ip address add ADDRESS/32 dev lo");
    else if (error == EADDRINUSE)
        log_text(&l, "remedy", "another program listens on this port: see ss -ltnp");
    if (skipped > 0)
        log_number(&l, "skipped", skipped);
    log_end(&l);
}

/* -- what the server opens -----------------------------------------------------------------------------------------------------
 */

static bool is_server(struct hub *h, const struct cfg_link *link, const struct address *peer)
{
    const struct known_host *host = hosts_find(&h->hosts, &link->server);

    for (unsigned i = 0; i < host->addresses.count; i++)
        if (address_same_ip(&host->addresses.list[i], peer))
            return true;
    for (size_t i = 0; i < link->advise.from_count; i++)
        if (network_contains(&link->advise.from[i].network, peer))
            return true;
    return false;
}

static const struct advise_carrier *carrier_for(const struct hub *h, const struct lease *lease)
{
    const struct cfg_advise *advise = &lease->table->link->advise;

    if (lease->identity.agent == NULL && advise->delivery == CFG_DELIVERY_DIRECT)
        return &h->local;
    return &h->tunnel;
}

static struct advise_call *call_new(const struct doorstep *d, int fd, const struct address *peer, const struct address *local)
{
    struct advise_call *call = calloc(1, sizeof(*call));
    const struct lease *lease = d->lease;

    if (call == NULL)
        return NULL;
    call->site = d->hub->site;
    call->fd = fd;
    call->peers[0] = *peer;
    call->peers[1] = *local;
    call->identity = lease->identity;
    call->started_ms = clock_ms();
    call->ask.link = lease->table->link;
    call->ask.agent = lease->identity.agent;
    call->ask.lease = lease->serial;
    call->ask.client = lease->identity.client;
    address_set_port(&call->ask.client, address_port(local));
    snprintf(call->ask.name, sizeof(call->ask.name), "%s", lease->table->link->name);
    if (lease->identity.agent != NULL)
        snprintf(call->ask.peer_name, sizeof(call->ask.peer_name), "%s", lease->identity.agent->name);
    return call;
}

static void advise_accepted(void *arg, int fd, const struct address *peer, const struct address *local)
{
    const struct doorstep *d = arg;
    struct advise_call *call = call_new(d, fd, peer, local);
    const struct advise_carrier *carrier;

    if (call == NULL) {
        socket_reset(fd);
        return;
    }
    if (!is_server(d->hub, d->lease->table->link, peer)) {
        call->is_quiet = !session_log_may(&d->hub->strangers, &call->skipped);
        advise_call_refuse(call, REASON_SOURCE_NOT_ALLOWED);
        return;
    }
    carrier = carrier_for(d->hub, d->lease);
    carrier->deliver(carrier->arg, call);
}

/* -- the lease's life ----------------------------------------------------------------------------------------------------------
 */

static void close_listeners(struct doorstep *d)
{
    while (d->count > 0) {
        listener_close(d->listeners[--d->count]);
        d->hub->listeners_count--;
    }
}

static enum reason open_listener(struct doorstep *d, uint16_t port)
{
    struct address at = d->lease->address;
    int fd, error;

    address_set_port(&at, port);
    fd = socket_listen(&at, false);
    if (fd < 0) {
        error = errno;
        log_listen_failure(d->hub, d->lease, &at, error);
        if (error == EMFILE || error == ENFILE)
            return REASON_NO_FILES;
        return error == EADDRNOTAVAIL ? REASON_DIAL_NO_SOURCE : REASON_LEASE_LISTEN;
    }
    d->listeners[d->count] = listener_new(d->hub->loop, fd, advise_accepted, d);
    if (d->listeners[d->count] == NULL)
        return REASON_NO_MEMORY;
    d->count++;
    d->hub->listeners_count++;
    return REASON_NONE;
}

static void grace_over(void *arg)
{
    struct doorstep *d = arg;

    lease_close(d->lease);
}

enum reason lease_open(struct hub *h, struct lease *lease)
{
    struct port_range ports = lease->table->link->advise.ports;
    size_t count = (size_t)(ports.last - ports.first) + 1;
    struct doorstep *d = calloc(1, sizeof(*d) + count * sizeof(d->listeners[0]));

    assert(!lease->is_active);
    if (d == NULL)
        return REASON_NO_MEMORY;
    d->hub = h;
    d->lease = lease;
    for (size_t i = 0; i < count; i++) {
        enum reason why = open_listener(d, (uint16_t)(ports.first + i));

        if (why != REASON_NONE) {
            close_listeners(d);
            free(d);
            return why;
        }
    }
    deadline_init(&d->grace, h->loop, grace_over, d);
    lease->doorstep = d;
    lease->is_active = true;
    lease->holders = 0;
    lease->serial = ++h->serial;
    lease->used_s = (int64_t)time(NULL);
    lease->table->active_count++;
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
    for (unsigned i = 0; i < h->site->workers_count; i++) {
        struct lease_ended *e = calloc(1, sizeof(*e));

        if (e == NULL)
            continue; /* the advises then end with their client */
        e->mail.deliver = end_advises;
        e->mail.drop = forget_ended;
        e->serial = serial;
        loop_post(&h->site->workers[i].loop, &e->mail);
    }
}

void lease_close(struct lease *lease)
{
    struct doorstep *d = lease->doorstep;

    assert(lease->is_active);
    close_listeners(d);
    deadline_clear(&d->grace);
    lease->doorstep = NULL;
    lease->is_active = false;
    lease->used_s = (int64_t)time(NULL);
    lease->table->active_count--;
    tell_workers(d->hub, lease->serial);
    log_lease(lease, "lease_end");
    free(d);
}
