/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps of a reload and what is logged of it; generations that have retired, until they end. Main thread. */
#include "proxy/app/reload.h"

#include "proxy/app/admin_port.h"
#include "proxy/app/audits.h"
#include "proxy/app/certificates.h"
#include "proxy/app/expiries.h"
#include "proxy/app/notify.h"
#include "proxy/app/privilege.h"
#include "proxy/app/revocation.h"
#include "proxy/app/startup.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/session/rate.h"

#include "config/compare.h"
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long new names may take; what comes later is used when it comes. */
#define NAMES_MS 2000
#define LOOK_MS  20

/* How soon a generation without workers is looked at again, while an advise still holds its configuration. */
#define TIDY_MS 1000

/* -- the log -------------------------------------------------------------------------------------------------------------------
 */

static void log_problem(const struct cfg_problem *p, size_t problems)
{
    struct log_line l;

    audits_config_refused(p->file != NULL ? p->file : "-", p->sentence);
    if (!log_begin(&l, LOG_LEVEL_ERROR, problems > 0 ? "reload_failed" : "reload_problem"))
        return;
    if (p->file != NULL)
        log_text(&l, "file", p->file);
    if (p->line > 0)
        log_number(&l, "line", p->line);
    log_text(&l, "error", p->sentence);
    if (p->remedy[0] != '\0')
        log_text(&l, "remedy", p->remedy);
    if (problems > 0)
        log_number(&l, "problems", problems);
    log_end(&l);
}

static void log_refused(const struct reload *r, const char *error, const char *remedy)
{
    struct log_line l;

    audits_config_refused(r->now->cfg->file, error);
    if (!log_begin(&l, LOG_LEVEL_ERROR, "reload_failed"))
        return;
    log_text(&l, "error", error);
    if (remedy != NULL)
        log_text(&l, "remedy", remedy);
    log_end(&l);
}

static void log_problems(const struct cfg_problems *problems)
{
    for (size_t i = 0; i < problems->kept; i++)
        log_problem(&problems->list[i], i == 0 ? problems->count : 0);
}

static const char *hash_text(const char *hash)
{
    return hash[0] != '\0' ? hash : NULL;
}

static void log_reloaded(const struct reload *r)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "reloaded"))
        return;
    log_number(&l, "generation", r->now->number);
    log_text(&l, "changed", r->changed);
    log_text(&l, "config", r->now->cfg->file);
    log_text(&l, "hash_before", hash_text(r->hash_before));
    log_text(&l, "hash", hash_text(r->now->hash));
    log_number(&l, "ms", clock_ms() - r->begun_ms);
    log_end(&l);
}

/* -- generations that have retired ---------------------------------------------------------------------------------------------
 */

static void log_ended(const struct generation *g)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "generation_ended"))
        return;
    log_number(&l, "generation", g->number);
    log_end(&l);
}

static bool is_held(const struct generation *g)
{
    return __atomic_load_n(&g->cfg->holds, __ATOMIC_ACQUIRE) > 0;
}

/* The first generation's memory is the caller's, and what it was started with may still be asked for. */
static void end_generation(struct reload *r, struct generation *g)
{
    TAILQ_REMOVE(&r->all, g, entry);
    log_ended(g);
    generation_fini(g);
    if (g != r->first)
        free(g);
}

static void tidy(void *arg)
{
    struct reload *r = arg;
    struct generation *g, *next;
    bool has_more = false;

    for (g = TAILQ_FIRST(&r->all); g != NULL; g = next) {
        next = TAILQ_NEXT(g, entry);
        if (!g->is_retired || g->living > 0 || g->closing > 0)
            continue;
        gates_fini(g->gates);
        if (is_held(g) && g != r->first)
            has_more = true;
        else
            end_generation(r, g);
    }
    if (has_more)
        deadline_set(&r->tidy, TIDY_MS);
}

void reload_worker_gone(void *arg, struct worker *w)
{
    struct reload *r = arg;
    struct generation *g;

    TAILQ_FOREACH(g, &r->all, entry)
    if (generation_bury(g, w))
        break;
    deadline_set(&r->tidy, 0);
}

/* -- the service manager -------------------------------------------------------------------------------------------------------
 */

static void say_begun(void)
{
    notify_say("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(clock_ns() / 1000));
}

/* Not while georelay stops, which the manager has been told. */
static void say_over(const struct reload *r)
{
    if (r->forbidden == NULL)
        notify_say("READY=1");
}

/* -- giving up -----------------------------------------------------------------------------------------------------------------
 */

static void over(struct reload *r)
{
    r->next = NULL;
    r->is_committed = false;
    deadline_clear(&r->look);
    say_over(r);
    if (!r->is_wanted)
        return;
    r->is_wanted = false;
    reload_begin(r);
}

static void drop_next(struct reload *r)
{
    struct generation *g = r->next;

    generation_end(g);
    generation_fini(g);
    free(g);
    hub_sockets_close(&r->sockets);
    admin_port_forget(r->admin);
    r->admin = NULL;
}

static void fail(struct reload *r, const struct cfg_problems *problems)
{
    log_problems(problems);
    drop_next(r);
    over(r);
}

/* -- checking ------------------------------------------------------------------------------------------------------------------
 */

struct comparison {
    struct reload *r;
    const struct cfg *cfg;
    struct cfg_problems *problems;
};

static void differs(void *arg, const char *name, const struct cfg_setting *row)
{
    struct comparison *c = arg;
    size_t used = strlen(c->r->changed);

    if (used + 1 + strlen(name) < sizeof(c->r->changed))
        snprintf(c->r->changed + used, sizeof(c->r->changed) - used, "%s%s", used > 0 ? "," : "", name);
    if (row->change == CFG_CHANGE_AT_START)
        cfg_problems_add(c->problems, c->cfg->file, 0, "Restart georelay, or set it back",
                         "\"%s\" can't be changed while georelay runs", name);
}

static void compare(struct reload *r, const struct cfg *cfg, struct cfg_problems *problems)
{
    struct comparison c = {.r = r, .cfg = cfg, .problems = problems};

    r->changed[0] = '\0';
    r->is_same = cfg_compare(r->now->cfg, cfg, differs, &c) == 0;
    if (r->is_same)
        strcpy(r->changed, "none");
}

/* What the process was allowed when it started may be less than the new configuration needs. */
static void check_rights(struct reload *r, const struct cfg *cfg, struct cfg_problems *problems)
{
    if (!privilege_suffices(cfg))
        cfg_problems_add(problems, cfg->file, 0, "Restart georelay: it then keeps the capability CAP_NET_RAW",
                         "Addressing \"transparent\" needs a right that was given up at the start");
    if (privilege_keeps_leases(cfg) && !privilege_keeps_leases(r->now->cfg) && access(cfg->state, W_OK | X_OK) != 0)
        cfg_problems_add(problems, cfg->file, 0, "Make it and give it to the user of georelay, or restart georelay",
                         "The state folder %s can't be written to: %s", cfg->state, strerror(errno));
}

/* -- preparing -----------------------------------------------------------------------------------------------------------------
 */

static void add_trouble(struct cfg_problems *problems, const struct cfg *cfg)
{
    cfg_problems_add(problems, cfg->file, 0,
                     errno == EAGAIN ? "Wait until sessions of earlier reloads have ended, or restart" : NULL,
                     "The new configuration could not be set up: %s",
                     errno == EAGAIN ? "too many earlier ones still have sessions" : strerror(errno));
}

static void open_sockets(struct reload *r, struct generation *g, struct cfg_problems *problems)
{
    struct hub_sockets_fault fault = {.remedy = NULL};

    if (hub_sockets_open(&r->sockets, g->own_cfg, r->hub->intercept != NULL, &fault) != 0)
        cfg_problems_add(problems, g->own_cfg->file, 0, fault.remedy, "%s", fault.sentence);
    (void)gates_open(&g->own_gates, r->now->gates, r->now->workers_count, problems);
}

static int make(struct reload *r, struct generation *g)
{
    g->links = hub_links_new(g->own_cfg);
    if (g->links == NULL)
        return -1;
    hosts_inherit(&g->links->hosts, &r->hub->links->hosts);
    if (generation_init(g, r->site, g->own_cfg, &g->own_gates, r->now->workers_count) != 0 ||
        generation_resolve(g, &g->links->hosts) != 0)
        return -1;
    return r->seats != NULL ? seats_reserve(r->seats, g->own_cfg) : 0;
}

/* Loads, checks, opens. Problems are told; what was made is in `g`. */
static void prepare(struct reload *r, struct generation *g, struct cfg_problems *problems)
{
    g->number = r->made + 1;
    g->own_cfg = startup_load_again(r->now->cfg->file, r->tickets, &g->own_gates, problems);
    if (g->own_cfg == NULL)
        return;
    generation_note_hash(g, g->own_cfg);
    compare(r, g->own_cfg, problems);
    check_rights(r, g->own_cfg, problems);
    if (problems->count > 0 || r->is_same)
        return;
    r->admin = admin_port_read(problems);
    open_sockets(r, g, problems);
    if (problems->count > 0)
        return;
    errno = ENOMEM;
    if (make(r, g) != 0)
        add_trouble(problems, g->own_cfg);
}

static void follow_revoked(struct reload *r, struct gates *gates)
{
    struct log_line l;

    if (r->seats == NULL || revocation_follow(r->site, r->seats, gates) == 0)
        return;
    if (!log_begin(&l, LOG_LEVEL_WARN, "revoked_watch_off"))
        return;
    log_text(&l, "error", strerror(errno));
    log_text(&l, "remedy", "lists of revoked certificates are read at a reload only; raise fs.inotify.max_user_instances");
    log_end(&l);
}

/* -- nothing new ---------------------------------------------------------------------------------------------------------------
 */

/* No setting has another value, so the generation goes on; files that it names may have changed. */
static void stay(struct reload *r)
{
    strcpy(r->hash_before, r->now->hash);
    strcpy(r->now->hash, r->next->hash);
    if (strcmp(r->hash_before, r->now->hash) != 0)
        audits_config_changed(r->now->cfg, r->now->hash);
    follow_revoked(r, &r->next->own_gates);
    drop_next(r);
    certificates_look();
    log_reloaded(r);
    over(r);
}

/* -- committing ----------------------------------------------------------------------------------------------------------------
 */

static void doors_closed(void *arg, struct generation *g)
{
    struct reload *r = arg;

    (void)g;
    log_reloaded(r);
    over(r);
    deadline_set(&r->tidy, 0);
}

static void retired_unused(void *arg, struct generation *g)
{
    struct reload *r = arg;

    (void)g;
    over(r);
    deadline_set(&r->tidy, 0);
}

static void move_roles(struct reload *r, struct generation *g)
{
    struct hub_links *links = g->links;

    g->links = NULL;
    hub_move(r->hub, links, &r->sockets);
    hub_sockets_close(&r->sockets);
    if (r->seats != NULL)
        seats_move(r->seats);
    if (r->uplinks != NULL)
        uplinks_move(r->uplinks, &links->hosts);
    if (r->curfew != NULL)
        seats_curfew_move(r->curfew);
}

static void set_rates(struct site *site, const struct cfg_limits *limits)
{
    rate_set(site->rate, limits->rate, limits->rate_per_client, limits->burst_s);
    rate_set(site->handshakes, limits->handshakes, limits->handshakes_per_client, limits->burst_s);
}

static void commit(struct reload *r)
{
    struct generation *g = r->next, *before = r->now;

    if (r->uplinks != NULL)
        for (unsigned i = 0; i < g->workers_count; i++)
            uplinks_show(r->uplinks, g->workers[i]);
    TAILQ_INSERT_TAIL(&r->all, g, entry);
    r->made++;
    r->is_committed = true;
    if (generation_start(g) != 0) { /* no thread: those that run may have accepted already, and go on as if replaced */
        log_refused(r, strerror(errno), "let there be more threads: see ulimit -u and TasksMax=");
        hub_sockets_close(&r->sockets);
        admin_port_forget(r->admin);
        r->admin = NULL;
        generation_retire(g, retired_unused, r);
        if (g->closing == 0)
            retired_unused(r, g);
        return;
    }
    gates_log(g->gates);
    gates_pass_on(before->gates, g->gates);
    strcpy(r->hash_before, before->hash);
    r->now = g;
    r->site->cfg = g->cfg;
    r->site->agent_tls = g->gates->agent_tls;
    r->site->workers = g->workers;
    r->site->workers_count = g->workers_count;
    quota_set_limits(r->site->quota, &g->cfg->limits);
    set_rates(r->site, &g->cfg->limits);
    log_set_level((enum log_level)g->cfg->log.level);
    privilege_raise_files(g->cfg);
    privilege_warn_files(g->cfg);
    certificates_follow(g);
    admin_port_use(r->admin);
    r->admin = NULL;
    expiries_load(g->cfg);
    audits_config_changed(g->cfg, g->hash);
    generation_retire(before, doors_closed, r);
    move_roles(r, g);
    follow_revoked(r, g->gates);
}

static void attend(struct reload *r)
{
    struct cfg_problems problems = {0};

    if (generation_attend(r->next, r->now) != 0) {
        add_trouble(&problems, r->next->own_cfg);
        fail(r, &problems);
        cfg_problems_fini(&problems);
        return;
    }
    commit(r);
}

static void look(void *arg)
{
    struct reload *r = arg;

    if (!generation_is_resolved(r->next) && clock_ms() < r->names_until_ms)
        deadline_set(&r->look, LOOK_MS);
    else
        attend(r);
}

void reload_begin(struct reload *r)
{
    struct cfg_problems problems = {0};

    if (r->forbidden != NULL) {
        log_refused(r, r->forbidden, NULL);
        return;
    }
    if (r->next != NULL) {
        r->is_wanted = true;
        return;
    }
    r->begun_ms = clock_ms();
    r->next = calloc(1, sizeof(*r->next));
    if (r->next == NULL) {
        log_refused(r, "there is no memory left", NULL);
        return;
    }
    say_begun();
    prepare(r, r->next, &problems);
    if (problems.count > 0) {
        fail(r, &problems);
    } else if (r->is_same) {
        stay(r);
    } else {
        r->names_until_ms = clock_ms() + NAMES_MS;
        look(r);
    }
    cfg_problems_fini(&problems);
}

void reload_abandon(struct reload *r)
{
    r->forbidden = "georelay is stopping";
    r->is_wanted = false;
    if (r->next == NULL || r->is_committed)
        return;
    log_refused(r, r->forbidden, NULL);
    drop_next(r);
    over(r);
}

void reload_init(struct reload *r, struct loop *loop, struct generation *first)
{
    TAILQ_INIT(&r->all);
    TAILQ_INSERT_TAIL(&r->all, first, entry);
    r->now = r->first = first;
    r->made = first->number = 1;
    for (int i = 0; i < HUB_FAMILIES; i++)
        r->sockets.intercept[i] = r->sockets.syns[i] = -1;
    deadline_init(&r->look, loop, look, r);
    deadline_init(&r->tidy, loop, tidy, r);
}

void reload_fini(struct reload *r)
{
    struct generation *g;

    deadline_clear(&r->look);
    deadline_clear(&r->tidy);
    while ((g = TAILQ_FIRST(&r->all)) != NULL) {
        TAILQ_REMOVE(&r->all, g, entry);
        generation_fini(g);
        if (g != r->first)
            free(g);
    }
}
