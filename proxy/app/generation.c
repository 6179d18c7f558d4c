/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the workers of one configuration, its resolver and its health checks. Main thread, but for the mails to workers. */
#include "proxy/app/generation.h"

#include "config/load.h"
#include "proxy/app/config_hash.h"
#include "proxy/tunnel/relay_accept.h"
#include "proxy/tunnel/spare.h"

#include <errno.h>
#include <stdlib.h>

/* How long spare channels of retired workers wait for their successors. */
#define SPARES_MS 2000

/* -- hosts ---------------------------------------------------------------------------------------------------------------------
 */

struct host_mail {
    struct mail mail;
    unsigned host;
    struct host_addresses addresses;
    bool is_unhealthy;
};

static void host_on_worker(struct mail *m, struct loop *loop)
{
    const struct host_mail *mail = (struct host_mail *)m;

    worker_of(loop)->hosts.list[mail->host].addresses = mail->addresses;
    worker_of(loop)->hosts.list[mail->host].is_unhealthy = mail->is_unhealthy;
    free(m);
}

static void free_mail(struct mail *m)
{
    free(m);
}

/* What resolver and health checks know, from the main loop's copy of the host table to those of the workers. */
static void tell_workers(struct generation *g, unsigned host)
{
    const struct known_host *known = &g->hosts->list[host];

    for (unsigned i = 0; i < g->workers_count; i++) {
        struct host_mail *mail = calloc(1, sizeof(*mail));

        if (mail == NULL)
            return; /* the next change tells them */
        mail->mail.deliver = host_on_worker;
        mail->mail.drop = free_mail;
        mail->host = host;
        mail->addresses = known->addresses;
        mail->is_unhealthy = known->is_unhealthy;
        loop_post(&g->workers[i]->loop, &mail->mail);
    }
}

static void host_changed(void *arg, unsigned index, const struct host_addresses *addresses)
{
    struct generation *g = arg;
    unsigned host = g->host_of[index];

    g->hosts->list[host].addresses = *addresses;
    tell_workers(g, host);
}

static void health_changed(void *arg, unsigned host, bool is_unhealthy)
{
    struct generation *g = arg;

    g->hosts->list[host].is_unhealthy = is_unhealthy;
    tell_workers(g, host);
}

void generation_hint(struct generation *g, const struct cfg_endpoint *endpoint)
{
    for (unsigned i = 0, name = 0; g->resolver != NULL && i < g->hosts->count; i++) {
        if (!g->hosts->list[i].endpoint->is_name)
            continue;
        if (g->hosts->list[i].endpoint == endpoint)
            resolver_hint(g->resolver, name);
        name++;
    }
}

int generation_resolve(struct generation *g, struct hosts *hosts)
{
    g->hosts = hosts;
    for (unsigned i = 0; i < g->workers_count; i++)
        hosts_inherit(&g->workers[i]->hosts, hosts);
    g->host_of = calloc(hosts->count + 1, sizeof(*g->host_of));
    g->resolver = resolver_new(g->site->main, (uint64_t)g->cfg->timeouts.resolve_s * 1000, host_changed, g);
    if (g->host_of == NULL || g->resolver == NULL)
        return -1;
    for (unsigned i = 0, name = 0; i < hosts->count; i++) {
        const struct cfg_endpoint *endpoint = hosts->list[i].endpoint;

        if (!endpoint->is_name)
            continue;
        g->host_of[name++] = i;
        if (resolver_add(g->resolver, endpoint->host, endpoint->port) < 0)
            return -1;
    }
    return 0;
}

bool generation_is_resolved(const struct generation *g)
{
    return resolver_is_settled(g->resolver);
}

/* -- up ------------------------------------------------------------------------------------------------------------------------
 */

void generation_note_hash(struct generation *g, const struct cfg *cfg)
{
    (void)config_hash(cfg, g->hash);
}

static struct worker *make_worker(struct generation *g, unsigned number)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    if (worker_init(w, g->site, g->cfg) != 0) {
        free(w);
        return NULL;
    }
    w->number = number;
    w->agent_tls = g->gates->agent_tls;
    return w;
}

static void spares_over(void *arg);

int generation_init(struct generation *g, struct site *site, const struct cfg *cfg, struct gates *gates, unsigned count)
{
    g->site = site;
    g->cfg = cfg;
    g->gates = gates;
    deadline_init(&g->spares, site->main, spares_over, g);
    g->workers = calloc(count, sizeof(struct worker *));
    if (g->workers == NULL)
        return -1;
    while (g->workers_count < count) {
        struct worker *w = make_worker(g, g->workers_count);

        if (w == NULL)
            return -1;
        g->workers[g->workers_count++] = w;
    }
    site->made++;
    return 0;
}

/* The workers do not run yet. */
static void show_health(struct generation *g)
{
    for (unsigned i = 0; i < g->workers_count; i++)
        for (unsigned k = 0; k < g->hosts->count; k++)
            g->workers[i]->hosts.list[k].is_unhealthy = g->hosts->list[k].is_unhealthy;
}

int generation_attend(struct generation *g, const struct generation *before)
{
    if (gates_attach(g->gates, g->workers) != 0)
        return -1;
    g->health = health_new(g->site->main, g->hosts, g->gates->rules, g->cfg->web_count, health_changed, g);
    if (g->health == NULL) {
        errno = ENOMEM;
        return -1;
    }
    if (before != NULL)
        health_inherit(g->health, before->health);
    show_health(g);
    return 0;
}

int generation_start(struct generation *g)
{
    while (g->started < g->workers_count) {
        if (worker_start(g->workers[g->started]) != 0)
            return -1;
        g->started++;
        g->living++;
    }
    return 0;
}

/* -- retiring ------------------------------------------------------------------------------------------------------------------
 */

struct order {
    struct mail mail;
    struct generation *g;
    void (*carry_out)(struct generation *g, struct worker *w);
    bool is_answered;
};

static void order_done(struct mail *m, struct loop *loop)
{
    struct generation *g = ((struct order *)m)->g;

    (void)loop;
    free(m);
    if (--g->closing > 0)
        return;
    gates_close_sockets(g->gates);
    if (g->closed != NULL)
        g->closed(g->arg, g);
    g->closed = NULL;
}

static void order_on_worker(struct mail *m, struct loop *loop)
{
    struct order *order = (struct order *)m;
    struct worker *w = worker_of(loop);

    order->carry_out(order->g, w);
    if (!order->is_answered) {
        free(m);
        return;
    }
    m->deliver = order_done;
    loop_post(w->site->main, m);
}

static void give_order(struct generation *g, void (*carry_out)(struct generation *g, struct worker *w), bool is_answered)
{
    for (unsigned i = 0; i < g->started; i++) {
        struct order *order = g->workers[i] != NULL ? calloc(1, sizeof(*order)) : NULL;

        if (g->workers[i] == NULL)
            continue;
        if (order == NULL)
            abort(); /* a door that stays open would take connections that nobody serves as configured */
        order->mail.deliver = order_on_worker;
        order->mail.drop = free_mail;
        order->g = g;
        order->carry_out = carry_out;
        order->is_answered = is_answered;
        g->closing += is_answered;
        loop_post(&g->workers[i]->loop, &order->mail);
    }
}

static void retire_worker(struct generation *g, struct worker *w)
{
    gates_retire_worker(g->gates, w->number);
    worker_retire(w);
}

static void drain_worker(struct generation *g, struct worker *w)
{
    gates_close_worker(g->gates, w->number);
    worker_drain(w);
}

static void close_spares(struct generation *g, struct worker *w)
{
    if (g->cfg->role == CFG_ROLE_RELAY)
        relay_close_spares(w);
    else
        spare_close_all(w);
}

static void spares_over(void *arg)
{
    give_order(arg, close_spares, false);
}

static void end_attendance(struct generation *g)
{
    health_free(g->health);
    resolver_free(g->resolver);
    g->health = NULL;
    g->resolver = NULL;
    if (g->site != NULL)
        deadline_clear(&g->spares);
}

static void drop_worker(struct generation *g, struct worker *w)
{
    gates_close_worker(g->gates, w->number);
    g->workers[w->number] = NULL;
    worker_fini(w);
    free(w);
}

void generation_retire(struct generation *g, void (*closed)(void *arg, struct generation *g), void *arg)
{
    end_attendance(g);
    for (unsigned i = g->started; i < g->workers_count; i++)
        drop_worker(g, g->workers[i]);
    g->is_retired = true;
    g->closed = closed;
    g->arg = arg;
    deadline_set(&g->spares, SPARES_MS);
    give_order(g, retire_worker, true);
}

void generation_drain(struct generation *g)
{
    give_order(g, drain_worker, true);
}

/* -- down ----------------------------------------------------------------------------------------------------------------------
 */

static void join(struct worker *w)
{
    if (w->thread != 0)
        pthread_join(w->thread, NULL);
    w->thread = 0;
}

bool generation_bury(struct generation *g, struct worker *w)
{
    if (w->number >= g->workers_count || g->workers[w->number] != w)
        return false;
    join(w);
    drop_worker(g, w);
    g->living--;
    return true;
}

void generation_stop(struct generation *g)
{
    for (unsigned i = 0; i < g->workers_count; i++) {
        if (g->workers[i] == NULL)
            continue;
        if (i < g->started)
            loop_stop(&g->workers[i]->loop);
        else
            gates_close_worker(g->gates, i);
    }
    end_attendance(g);
}

void generation_end(struct generation *g)
{
    end_attendance(g);
    for (unsigned i = 0; i < g->workers_count; i++) {
        struct worker *w = g->workers[i];

        if (w == NULL)
            continue;
        if (i < g->started)
            loop_stop(&w->loop);
        join(w);
        gates_close_worker(g->gates, i);
        worker_fini(w);
    }
}

void generation_fini(struct generation *g)
{
    end_attendance(g);
    for (unsigned i = 0; i < g->workers_count; i++)
        free(g->workers[i]);
    free(g->workers);
    free(g->host_of);
    hub_links_free(g->links);
    gates_fini(&g->own_gates);
    cfg_free(g->own_cfg);
    *g = (struct generation){0};
}
