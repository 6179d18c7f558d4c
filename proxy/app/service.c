/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns everything that lives as long as the program: built from the bottom up, taken down in reverse. The main loop handles
 * signals (docs/georelay.8): TERM drains, INT stops at once, HUP opens the logs again, USR1 logs the counts.
 */
#include "proxy/app/service.h"

#include "proxy/app/audits.h"
#include "proxy/app/commands.h"
#include "proxy/app/control_socket.h"
#include "proxy/app/counts.h"
#include "proxy/audit/audit.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/link/client_side.h"
#include "proxy/link/hub.h"
#include "proxy/link/learn.h"
#include "proxy/link/server_side.h"
#include "proxy/net/resolver.h"
#include "proxy/session/rate.h"
#include "proxy/session/resolve_hint.h"
#include "proxy/tunnel/agent_hand.h"
#include "proxy/tunnel/agent_open.h"
#include "proxy/tunnel/asking.h"
#include "proxy/tunnel/seats_curfew.h"
#include "proxy/tunnel/uplinks.h"
#include "proxy/web/health.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often a drain looks whether it is over. */
#define DRAIN_LOOK_MS 100

/* A new ticket key for new tickets. Tickets live for four hours, and the two keys before are still accepted. */
#define TICKETS_MS ((uint64_t)2 * 3600 * 1000)

/* How long the start waits for the first answers about names; what comes later is used when it comes. */
#define NAMES_MS 2000

enum { SIGNALS_COUNT = 4 };

struct service {
    const struct cfg *cfg;
    struct gates *gates;
    struct hub_sockets *sockets;
    struct loop loop;
    struct site site;
    struct hub hub;
    struct seats *seats;
    struct seats_curfew curfew;
    struct uplinks *uplinks;
    struct resolver *resolver;
    struct health *health;
    unsigned *host_of; /* by the resolver's index: the host's index */
    struct event *signals[SIGNALS_COUNT];
    struct deadline tickets;
    struct deadline drain;
    uint64_t drain_until_ms;
    bool is_draining;
    unsigned started; /* workers whose thread runs */
};

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

static void host_mail_drop(struct mail *m)
{
    free(m);
}

/* What resolver and health checks know, from the main loop's copy of the host table to those of the workers. */
static void tell_workers(struct service *v, unsigned host)
{
    const struct known_host *known = &v->hub.hosts.list[host];

    for (unsigned i = 0; i < v->site.workers_count; i++) {
        struct host_mail *mail = calloc(1, sizeof(*mail));

        if (mail == NULL)
            return; /* the next change tells them */
        mail->mail.deliver = host_on_worker;
        mail->mail.drop = host_mail_drop;
        mail->host = host;
        mail->addresses = known->addresses;
        mail->is_unhealthy = known->is_unhealthy;
        loop_post(&v->site.workers[i].loop, &mail->mail);
    }
}

static void host_changed(void *arg, unsigned index, const struct host_addresses *addresses)
{
    struct service *v = arg;
    unsigned host = v->host_of[index];

    v->hub.hosts.list[host].addresses = *addresses;
    tell_workers(v, host);
}

static void health_changed(void *arg, unsigned host, bool is_unhealthy)
{
    struct service *v = arg;

    v->hub.hosts.list[host].is_unhealthy = is_unhealthy;
    tell_workers(v, host);
}

static void take_hint(void *arg, const struct cfg_endpoint *endpoint)
{
    struct service *v = arg;

    for (unsigned i = 0, name = 0; v->resolver != NULL && i < v->hub.hosts.count; i++) {
        if (!v->hub.hosts.list[i].endpoint->is_name)
            continue;
        if (v->hub.hosts.list[i].endpoint == endpoint)
            resolver_hint(v->resolver, name);
        name++;
    }
}

static int start_resolver(struct service *v)
{
    const struct hosts *hosts = &v->hub.hosts;

    v->host_of = calloc(hosts->count + 1, sizeof(*v->host_of));
    v->resolver = resolver_new(&v->loop, (uint64_t)v->cfg->timeouts.resolve_s * 1000, host_changed, v);
    if (v->host_of == NULL || v->resolver == NULL)
        return -1;
    for (unsigned i = 0, name = 0; i < hosts->count; i++) {
        const struct cfg_endpoint *endpoint = hosts->list[i].endpoint;

        if (!endpoint->is_name)
            continue;
        v->host_of[name++] = i;
        if (resolver_add(v->resolver, endpoint->host, endpoint->port) < 0)
            return -1;
    }
    return 0;
}

static int start_health(struct service *v)
{
    v->health = health_new(&v->loop, &v->hub.hosts, v->gates->rules, v->cfg->web_count, health_changed, v);
    return v->health != NULL ? 0 : -1;
}

static void nothing(void *arg)
{
    (void)arg; /* the turn that it ends is all that it is for */
}

/* Names that are known within moments are known before the first connection is accepted. */
static void wait_for_names(struct service *v)
{
    uint64_t until_ms = clock_ms() + NAMES_MS;
    struct deadline late = {0};

    deadline_init(&late, &v->loop, nothing, NULL);
    deadline_set(&late, NAMES_MS);
    while (!resolver_is_settled(v->resolver) && clock_ms() < until_ms)
        loop_turn(&v->loop);
    deadline_clear(&late);
}

/* -- counts and draining -------------------------------------------------------------------------------------------------------
 */

static void log_counts(void *arg, const struct counts *c)
{
    const struct service *v = arg;
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "counts"))
        return;
    log_number(&l, "sessions", c->sessions);
    log_number(&l, "links", c->links);
    log_number(&l, "advises", c->advises);
    log_number(&l, "web", c->web);
    log_number(&l, "tunnel", c->tunnel);
    log_number(&l, "leases", hub_active_leases(&v->hub));
    log_number(&l, "lease_listeners", v->hub.listeners_count);
    log_number(&l, "agents", v->seats != NULL ? seats_taken(v->seats) : uplinks_up(v->uplinks));
    log_number(&l, "spares", v->seats != NULL ? seats_spares(v->seats) : uplinks_spares(v->uplinks));
    log_number(&l, "chunks", c->chunks);
    log_number(&l, "fds", counts_files());
    log_number(&l, "rss_kib", counts_rss_kib());
    log_end(&l);
}

static void drain_counted(void *arg, const struct counts *c)
{
    struct service *v = arg;

    if (c->sessions == 0 || clock_ms() >= v->drain_until_ms)
        loop_stop(&v->loop);
    else
        deadline_set(&v->drain, DRAIN_LOOK_MS);
}

static void drain_look(void *arg)
{
    struct service *v = arg;

    if (!counts_ask(&v->site, drain_counted, v))
        loop_stop(&v->loop);
}

struct drain_mail {
    struct mail mail;
    struct gates *gates;
};

static void drain_on_worker(struct mail *m, struct loop *loop)
{
    struct worker *w = worker_of(loop);

    gates_close_worker(((struct drain_mail *)m)->gates, w->index);
    worker_drain(w);
    free(m);
}

static void drain_mail_drop(struct mail *m)
{
    free(m);
}

static void log_stopping(const char *signal_name)
{
    struct log_line l;

    audits_stopping(signal_name);

    if (!log_begin(&l, LOG_LEVEL_INFO, "stopping"))
        return;
    log_text(&l, "signal", signal_name);
    log_end(&l);
}

static void start_drain(struct service *v)
{
    if (v->is_draining)
        return;
    v->is_draining = true;
    log_stopping("TERM");
    v->drain_until_ms = clock_ms() + (uint64_t)v->cfg->timeouts.drain_s * 1000;
    for (unsigned i = 0; i < v->site.workers_count; i++) {
        struct drain_mail *mail = calloc(1, sizeof(*mail));

        if (mail == NULL)
            continue; /* its listeners close with the worker */
        mail->mail.deliver = drain_on_worker;
        mail->mail.drop = drain_mail_drop;
        mail->gates = v->gates;
        loop_post(&v->site.workers[i].loop, &mail->mail);
    }
    if (v->seats != NULL)
        seats_drain(v->seats);
    drain_look(v);
}

/* -- signals -------------------------------------------------------------------------------------------------------------------
 */

static void tell_reopened(const char *event, int result)
{
    struct log_line l;
    int error = errno;

    if (!log_begin(&l, result == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, event))
        return;
    if (result != 0)
        log_text(&l, "error", strerror(error));
    log_end(&l);
}

static void reopen_logs(const struct cfg *cfg)
{
    tell_reopened("log_reopened", log_reopen());
    if (cfg->access.lines == CFG_ON && cfg->access.file != NULL)
        tell_reopened("access_log_reopened", log_reopen_access());
    if (cfg->audit.file != NULL)
        tell_reopened("audit_reopened", audit_reopen());
}

static void signal_came(evutil_socket_t number, short what, void *arg)
{
    struct service *v = arg;

    (void)what;
    switch ((int)number) {
    case SIGTERM:
        start_drain(v);
        break;
    case SIGINT:
        log_stopping("INT");
        loop_stop(&v->loop);
        break;
    case SIGHUP:
        reopen_logs(v->cfg);
        break;
    default:
        (void)counts_ask(&v->site, log_counts, v);
    }
}

static int watch_signals(struct service *v)
{
    static const int numbers[SIGNALS_COUNT] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

    for (int i = 0; i < SIGNALS_COUNT; i++) {
        v->signals[i] = event_new(v->loop.base, numbers[i], EV_SIGNAL | EV_PERSIST, signal_came, v);
        if (v->signals[i] == NULL || event_add(v->signals[i], NULL) != 0)
            return -1;
    }
    return 0;
}

static void rotate_tickets(void *arg)
{
    struct service *v = arg;

    tls_tickets_rotate(v->gates->tickets);
    deadline_set(&v->tickets, TICKETS_MS);
}

/* -- up and down ---------------------------------------------------------------------------------------------------------------
 */

static int init_rates(struct site *site, const struct cfg_limits *limits)
{
    site->rate = rate_new(limits->rate, limits->rate_per_client, limits->burst_s);
    site->handshakes = rate_new(limits->handshakes, limits->handshakes_per_client, limits->burst_s);
    return site->rate != NULL && site->handshakes != NULL ? 0 : -1;
}

static int init_site(struct service *v, unsigned workers)
{
    struct site *site = &v->site;

    *site = (struct site){.cfg = v->cfg, .main = &v->loop, .hub = &v->hub, .agent_tls = v->gates->agent_tls};
    site->quota = quota_new(&v->cfg->limits);
    site->workers = calloc(workers, sizeof(*site->workers));
    if (site->quota == NULL || site->workers == NULL || init_rates(site, &v->cfg->limits) != 0)
        return -1;
    while (site->workers_count < workers) {
        if (worker_init(&site->workers[site->workers_count], site, site->workers_count) != 0)
            return -1;
        site->workers_count++;
    }
    return 0;
}

static int init_roles(struct service *v)
{
    bool is_relay = v->cfg->role == CFG_ROLE_RELAY;

    resolve_hint_init(take_hint, v);
    client_side_init(is_relay ? &server_side_back : &agent_open_back);
    client_side_carrier(&v->hub);
    if (is_relay) {
        asking_init(&v->site);
        v->seats = seats_new(&v->hub);
        if (v->seats != NULL)
            seats_curfew_init(&v->curfew, &v->loop, v->cfg, v->seats);
        return v->seats != NULL ? 0 : -1;
    }
    v->uplinks = uplinks_new(&v->loop, &v->site, &v->hub.hosts);
    uplinks_set_receiver(v->uplinks);
    agent_hand_carrier(&v->hub, v->uplinks);
    return v->uplinks != NULL ? 0 : -1;
}

static int start_workers(struct service *v)
{
    while (v->started < v->site.workers_count) {
        if (worker_start(&v->site.workers[v->started]) != 0)
            return -1;
        v->started++;
    }
    return 0;
}

static void log_start_line(const struct service *v)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "start"))
        return;
    log_text(&l, "version", GEORELAY_VERSION);
    log_text(&l, "role", v->cfg->role == CFG_ROLE_RELAY ? "relay" : "agent");
    if (v->cfg->name != NULL)
        log_text(&l, "name", v->cfg->name);
    log_text(&l, "config", v->cfg->file);
    log_number(&l, "pid", (uint64_t)getpid());
    log_number(&l, "workers", v->site.workers_count);
    log_end(&l);
}

static void log_plain(enum log_level level, const char *event, const char *key, const char *value)
{
    struct log_line l;

    if (!log_begin(&l, level, event))
        return;
    if (key != NULL)
        log_text(&l, key, value);
    log_end(&l);
}

static void warn_if_root(void)
{
    if (geteuid() == 0)
        log_plain(LOG_LEVEL_WARN, "running_as_root", "remedy",
                  "set \"user\" in the configuration: root is needed only to open the ports");
}

static int service_start(struct service *v, unsigned workers)
{
    if (loop_init(&v->loop, 0) != 0 || init_site(v, workers) != 0)
        return -1;
    log_start_line(v);
    warn_if_root();
    if (hub_init(&v->hub, &v->loop, &v->site, v->sockets) != 0 || start_resolver(v) != 0)
        return -1;
    learn_attach(&v->hub);
    wait_for_names(v);
    if (init_roles(v) != 0 || gates_attach(v->gates, &v->site) != 0 || start_health(v) != 0 || watch_signals(v) != 0)
        return -1;
    deadline_init(&v->drain, &v->loop, drain_look, v);
    deadline_init(&v->tickets, &v->loop, rotate_tickets, v);
    deadline_set(&v->tickets, TICKETS_MS);
    control_socket_start(&v->loop);
    return start_workers(v);
}

/* Tells agents or relays first, while workers still answer; then the workers; then what they reported to. */
static void service_stop(struct service *v)
{
    if (v->loop.base == NULL)
        return;
    control_socket_stop();
    for (unsigned i = 0; i < v->site.workers_count; i++)
        if (i >= v->started)
            gates_close_worker(v->gates, i);
    for (unsigned i = 0; i < v->started; i++)
        loop_stop(&v->site.workers[i].loop);
    health_free(v->health);
    seats_curfew_fini(&v->curfew);
    seats_free(v->seats);
    if (v->uplinks != NULL)
        agent_hand_carrier(&v->hub, NULL);
    uplinks_free(v->uplinks);
    for (unsigned i = 0; i < v->site.workers_count; i++) {
        if (i < v->started)
            pthread_join(v->site.workers[i].thread, NULL);
        v->site.workers[i].thread = 0;
        gates_close_worker(v->gates, i);
        worker_fini(&v->site.workers[i]);
    }
    learn_detach();
    hub_fini(&v->hub);
    resolve_hint_init(NULL, NULL);
    resolver_free(v->resolver);
    for (int i = 0; i < SIGNALS_COUNT; i++)
        if (v->signals[i] != NULL)
            event_free(v->signals[i]);
    loop_fini(&v->loop);
    quota_free(v->site.quota);
    rate_free(v->site.rate);
    rate_free(v->site.handshakes);
    free(v->site.workers);
    free(v->host_of);
}

static void stop_for_audit(void *arg)
{
    loop_stop(&((struct service *)arg)->loop);
}

/* Until it is told to stop, or must not go on without an audit. The exit code. */
static int run_loop(struct service *v)
{
    audit_on_stop(stop_for_audit, v);
    loop_run(&v->loop);
    audit_on_stop(NULL, NULL);
    if (!audit_has_failed())
        return EXIT_DONE;
    log_stopping("audit");
    log_plain(LOG_LEVEL_ERROR, "audit_stop", "remedy",
              "mend what ev=audit_failed says and start again; or set audit.on_failure to \"continue\"");
    return EXIT_TROUBLE;
}

int service_run(const struct cfg *cfg, struct gates *gates, struct hub_sockets *sockets, unsigned workers)
{
    /* Static, not on the stack: a look-up that still hangs when we end finds a closed loop, not a dead one. */
    static struct service service;
    struct service *v = &service;
    int code = EXIT_TROUBLE;

    v->cfg = cfg;
    v->gates = gates;
    v->sockets = sockets;
    if (service_start(v, workers) == 0) {
        log_plain(LOG_LEVEL_INFO, "ready", NULL, NULL);
        audits_ready(NULL);
        code = run_loop(v);
    } else {
        log_plain(LOG_LEVEL_ERROR, "start_failed", "error", strerror(errno));
        audits_ready(strerror(errno));
    }
    service_stop(v);
    audits_stopped();
    log_plain(LOG_LEVEL_INFO, "stopped", NULL, NULL);
    return code;
}
