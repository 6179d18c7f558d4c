/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns everything that lives as long as the program: built from the bottom up, taken down in reverse. The main loop handles
 * signals (docs/georelay.8): TERM drains, INT stops at once, HUP opens the logs again and reloads, USR1 logs the counts.
 */
#include "proxy/app/service.h"

#include "proxy/app/accounts.h"
#include "proxy/app/admin_port.h"
#include "proxy/app/audits.h"
#include "proxy/app/certificates.h"
#include "proxy/app/commands.h"
#include "proxy/app/control_socket.h"
#include "proxy/app/counts.h"
#include "proxy/app/island.h"
#include "proxy/app/metrics.h"
#include "proxy/app/notify.h"
#include "proxy/app/reload.h"
#include "proxy/app/revocation.h"
#include "proxy/app/status.h"
#include "proxy/app/watchdog.h"
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
#include "proxy/tunnel/renewing.h"
#include "proxy/tunnel/seats.h"
#include "proxy/tunnel/seats_curfew.h"
#include "proxy/tunnel/uplinks.h"
#include "proxy/web/health.h"
#include "tls/revoked.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often a drain looks whether it is over. */
#define DRAIN_LOOK_MS 100

/* What taking everything down may take after a drain, in seconds. */
#define STOP_S 10

/* A new ticket key for new tickets. Tickets live for four hours, and the two keys before are still accepted. */
#define TICKETS_MS ((uint64_t)2 * 3600 * 1000)

/* How long the start waits for the first answers about names; what comes later is used when it comes. */
#define NAMES_MS 2000

enum { SIGNALS_COUNT = 4 };

struct service {
    struct hub_sockets *sockets;
    struct loop loop;
    struct site site;
    struct hub hub;
    struct seats *seats;
    struct seats_curfew curfew;
    struct uplinks *uplinks;
    struct generation first;
    struct reload reload;
    struct renewing *renewing; /* of an agent's certificate */
    struct event *signals[SIGNALS_COUNT];
    struct deadline tickets;
    struct deadline drain;
    uint64_t drain_until_ms;
    unsigned long drain_told; /* sessions, to the service manager */
    bool is_draining;
    struct status_view view;
};

/* -- hosts ---------------------------------------------------------------------------------------------------------------------
 */

static void take_hint(void *arg, const struct cfg_endpoint *endpoint)
{
    struct service *v = arg;

    generation_hint(v->reload.now, endpoint);
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
    while (!generation_is_resolved(&v->first) && clock_ms() < until_ms)
        loop_turn(&v->loop);
    deadline_clear(&late);
}

/* -- counts and draining -------------------------------------------------------------------------------------------------------
 */

static void log_counts(void *arg, const struct counts *c)
{
    const struct service *v = arg;
    struct log_line l;

    if (c == NULL || !log_begin(&l, LOG_LEVEL_INFO, "counts"))
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

/* -- the admin port ------------------------------------------------------------------------------------------------------------
 */

static void metrics_counted(void *arg, const struct counts *c)
{
    struct admin_question *question = arg;
    const struct service *v = admin_question_arg(question);
    struct metrics_view view = {.counts = c, .hub = &v->hub, .seats = v->seats, .uplinks = v->uplinks};
    char *text = NULL;
    size_t length = 0;
    FILE *out = c != NULL ? open_memstream(&text, &length) : NULL;

    view.workers = v->site.workers_count;
    view.started_ms = v->view.started_ms;
    if (out != NULL)
        metrics_write(out, &view);
    if (out == NULL || fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    admin_answer(question, text, length);
}

static void status_piece(void *arg, char *text, size_t length, bool is_last)
{
    admin_answer_piece(arg, text, length, is_last);
}

static void more_status(void *walk)
{
    status_walk_next(walk);
}

static void end_status(void *walk)
{
    status_walk_free(walk);
}

static void status_asked(struct service *v, struct admin_question *question)
{
    struct status_walk *walk = status_walk_new(&v->view, status_piece, question);

    if (walk == NULL) {
        admin_answer(question, NULL, 0);
        return;
    }
    admin_answer_streams(question, walk, more_status, end_status);
    status_walk_next(walk);
}

static void page_asked(void *arg, enum admin_page page, struct admin_question *question)
{
    struct service *v = arg;

    if (page == ADMIN_PAGE_STATUS)
        status_asked(v, question);
    else if (!counts_ask(&v->site, metrics_counted, question))
        admin_answer(question, NULL, 0);
}

static void drain_counted(void *arg, const struct counts *c)
{
    struct service *v = arg;

    if (c == NULL)
        return;
    if (c->sessions == 0 || clock_ms() >= v->drain_until_ms) {
        loop_stop(&v->loop);
        return;
    }
    deadline_set(&v->drain, DRAIN_LOOK_MS);
    if (c->sessions != v->drain_told)
        notify_say("STATUS=draining: %lu sessions are left", c->sessions);
    v->drain_told = c->sessions;
}

static void drain_look(void *arg)
{
    struct service *v = arg;

    if (!counts_ask(&v->site, drain_counted, v))
        loop_stop(&v->loop);
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
    struct generation *g;

    if (v->is_draining)
        return;
    v->is_draining = v->view.is_draining = true;
    log_stopping("TERM");
    v->drain_until_ms = clock_ms() + (uint64_t)v->site.cfg->timeouts.drain_s * 1000;
    watchdog_stop(); /* the manager bounds a stop by its own time, which ours may be longer than */
    notify_say("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%llu",
               ((unsigned long long)v->site.cfg->timeouts.drain_s + STOP_S) * 1000 * 1000);
    reload_abandon(&v->reload);
    TAILQ_FOREACH(g, &v->reload.all, entry)
    generation_drain(g);
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
        notify_say("STOPPING=1\nSTATUS=stopping");
        loop_stop(&v->loop);
        break;
    case SIGHUP:
        reopen_logs(v->site.cfg);
        reload_begin(&v->reload);
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

    tls_tickets_rotate(v->reload.tickets);
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

static void use_renewed(void *arg)
{
    (void)arg;
    certificates_look();
}

static int init_site(struct service *v, const struct cfg *cfg, struct gates *gates, unsigned workers)
{
    struct site *site = &v->site;

    *site = (struct site){.cfg = cfg, .main = &v->loop, .hub = &v->hub, .agent_tls = gates->agent_tls};
    site->quota = quota_new(&cfg->limits);
    reload_init(&v->reload, &v->loop, &v->first);
    generation_note_hash(&v->first, cfg);
    v->reload.site = site;
    v->reload.hub = &v->hub;
    v->reload.tickets = gates->tickets;
    site->gone = reload_worker_gone;
    site->renewed = use_renewed;
    site->arg = &v->reload;
    site->revoked = tls_revoked_new();
    if (site->quota == NULL || site->revoked == NULL || init_rates(site, &cfg->limits) != 0 ||
        generation_init(&v->first, site, cfg, gates, workers) != 0)
        return -1;
    site->workers = v->first.workers;
    site->workers_count = v->first.workers_count;
    return 0;
}

static int init_roles(struct service *v, struct gates *gates)
{
    bool is_relay = v->site.cfg->role == CFG_ROLE_RELAY;

    resolve_hint_init(take_hint, v);
    client_side_init(is_relay ? &server_side_back : &agent_open_back);
    client_side_carrier(&v->hub);
    if (is_relay) {
        asking_init(&v->site);
        v->seats = v->reload.seats = seats_new(&v->hub);
        if (v->seats == NULL)
            return -1;
        v->reload.curfew = &v->curfew;
        seats_curfew_init(&v->curfew, &v->loop, &v->site, v->seats);
        return revocation_follow(&v->site, v->seats, gates);
    }
    v->uplinks = v->reload.uplinks = uplinks_new(&v->loop, &v->site, &v->hub.links->hosts);
    uplinks_set_receiver(v->uplinks);
    agent_hand_carrier(&v->hub, v->uplinks);
    v->renewing = renewing_new(&v->loop, &v->site);
    if (v->uplinks == NULL || v->renewing == NULL)
        return -1;
    uplinks_set_renewing(v->uplinks, v->renewing);
    return 0;
}

static void log_start_line(const struct service *v)
{
    const struct cfg *cfg = v->site.cfg;
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "start"))
        return;
    log_text(&l, "version", GEORELAY_VERSION);
    log_text(&l, "role", cfg->role == CFG_ROLE_RELAY ? "relay" : "agent");
    if (cfg->name != NULL)
        log_text(&l, "name", cfg->name);
    log_text(&l, "config", cfg->file);
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

static int service_start(struct service *v, const struct cfg *cfg, struct gates *gates, unsigned workers)
{
    struct generation *g = &v->first;

    if (loop_init(&v->loop, 0) != 0 || init_site(v, cfg, gates, workers) != 0)
        return -1;
    log_start_line(v);
    warn_if_root();
    if (hub_init(&v->hub, &v->loop, &v->site, v->sockets) != 0 || generation_resolve(g, &v->hub.links->hosts) != 0)
        return -1;
    learn_attach(&v->hub);
    wait_for_names(v);
    if (init_roles(v, gates) != 0 || generation_attend(g, NULL) != 0 || watch_signals(v) != 0)
        return -1;
    gates_log(gates);
    deadline_init(&v->drain, &v->loop, drain_look, v);
    deadline_init(&v->tickets, &v->loop, rotate_tickets, v);
    deadline_set(&v->tickets, TICKETS_MS);
    v->view = (struct status_view){.site = &v->site,
                                   .reload = &v->reload,
                                   .hub = &v->hub,
                                   .seats = v->seats,
                                   .uplinks = v->uplinks,
                                   .started_ms = accounts_now()};
    if (island_start(&v->view) != 0)
        return -1;
    control_socket_start(&v->loop, &v->view);
    if (admin_port_start(&v->loop, page_asked, v) != 0)
        return -1;
    notify_start(&v->loop);
    certificates_follow(g);
    return generation_start(g);
}

/* Tells agents or relays first, while workers still answer; then the workers; then what they reported to. */
static void service_stop(struct service *v)
{
    struct generation *g;

    if (v->loop.base == NULL)
        return;
    control_socket_stop();
    admin_port_stop();
    island_stop();
    watchdog_stop();
    notify_stop();
    certificates_stop();
    revocation_stop();
    reload_abandon(&v->reload);
    TAILQ_FOREACH(g, &v->reload.all, entry)
    generation_stop(g);
    seats_curfew_fini(&v->curfew);
    seats_free(v->seats);
    if (v->uplinks != NULL)
        agent_hand_carrier(&v->hub, NULL);
    uplinks_free(v->uplinks);
    TAILQ_FOREACH(g, &v->reload.all, entry)
    generation_end(g);
    renewing_free(v->renewing);
    learn_detach();
    hub_fini(&v->hub);
    resolve_hint_init(NULL, NULL);
    for (int i = 0; i < SIGNALS_COUNT; i++)
        if (v->signals[i] != NULL)
            event_free(v->signals[i]);
    loop_fini(&v->loop);
    reload_fini(&v->reload);
    quota_free(v->site.quota);
    rate_free(v->site.rate);
    rate_free(v->site.handshakes);
    tls_revoked_free(v->site.revoked);
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

int service_run(const struct cfg *cfg, struct gates *gates, struct hub_sockets *sockets, unsigned workers, const char *no_reload)
{
    /* Static, not on the stack: a look-up that still hangs when we end finds a closed loop, not a dead one. */
    static struct service service;
    struct service *v = &service;
    int code = EXIT_TROUBLE;

    v->sockets = sockets;
    v->reload.forbidden = no_reload;
    if (service_start(v, cfg, gates, workers) == 0) {
        log_plain(LOG_LEVEL_INFO, "ready", NULL, NULL);
        audits_ready(NULL);
        notify_say("READY=1\nSTATUS=serving as %s", v->site.cfg->role == CFG_ROLE_RELAY ? "relay" : "agent");
        watchdog_start(&v->loop, &v->site);
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
