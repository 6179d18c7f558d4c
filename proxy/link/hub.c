/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the lease tables and the state file. Main loop; hub_ask() and hub_give_back() only send mail from workers. */
#include "proxy/link/hub.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/link/lease_door.h"
#include "proxy/link/lease_file.h"
#include "proxy/link/server_side.h"
#include "proxy/net/job.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* New leases are written together after this pause. */
#define SAVE_MS 200

/* How long the end waits for a save under way. */
#define LAST_SAVE_MS 5000

/* After a failed write. */
#define SAVE_RETRY_MS 10000

/* -- the state file ------------------------------------------------------------------------------------------------------------
 */

struct save_job {
    struct job job;
    struct hub *hub;
    char *path;
    char *text;
    int error;
};

static void save_free(struct mail *m)
{
    struct save_job *job = (struct save_job *)m;

    free(job->path);
    free(job->text);
    free(job);
}

static void save_work(struct job *j)
{
    struct save_job *job = (struct save_job *)j;

    job->error = lease_file_write(job->path, job->text) == 0 ? 0 : errno;
}

static void log_save_failure(const struct hub *h, int error)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_ERROR, "state_not_saved"))
        return;
    log_text(&l, "file", h->state_path);
    log_text(&l, "error", strerror(error));
    log_text(&l, "remedy", "make room or mend the rights; clients may get other addresses after a restart");
    log_end(&l);
}

static void save_done(struct mail *m, struct loop *loop)
{
    struct save_job *job = (struct save_job *)m;
    struct hub *h = job->hub;

    (void)loop;
    h->is_saving = false;
    if (job->error != 0) {
        log_save_failure(h, job->error);
        h->is_dirty = true;
        deadline_set(&h->save, SAVE_RETRY_MS);
    } else if (h->is_dirty) {
        deadline_set(&h->save, SAVE_MS);
    }
    save_free(m);
}

static struct save_job *save_job_new(struct hub *h)
{
    struct save_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->job.mail.deliver = save_done;
    job->job.mail.drop = save_free;
    job->job.work = save_work;
    job->hub = h;
    job->path = strdup(h->state_path);
    job->text = lease_file_text(h->cfg, h->tables);
    if (job->path == NULL || job->text == NULL) {
        save_free(&job->job.mail);
        return NULL;
    }
    return job;
}

static void save(void *arg)
{
    struct hub *h = arg;
    struct save_job *job;

    if (h->is_saving || !h->is_loaded)
        return;
    job = save_job_new(h);
    if (job == NULL || job_start(&job->job, h->loop) != 0) {
        if (job != NULL)
            save_free(&job->job.mail);
        deadline_set(&h->save, SAVE_RETRY_MS);
        return;
    }
    h->is_saving = true;
    h->is_dirty = false;
}

static void save_soon(struct hub *h)
{
    if (h->is_dirty)
        return;
    h->is_dirty = true;
    if (!h->is_saving)
        deadline_set(&h->save, SAVE_MS);
}

/* -- asking for a link ---------------------------------------------------------------------------------------------------------
 */

struct ask {
    struct mail mail;
    struct hub *hub;
    struct session_handle session;
    const struct cfg_link *link;
    struct identity identity;
    uint8_t instance[16];
    uint64_t serial; /* given back, or granted */
    struct address source;
    enum reason why;
};

static void ask_drop(struct mail *m)
{
    free(m);
}

static void give_back_on_main(struct mail *m, struct loop *loop)
{
    struct ask *ask = (struct ask *)m;
    struct lease *lease = lease_find(&ask->hub->tables[ask->link - ask->hub->cfg->links], &ask->identity);

    (void)loop;
    if (lease != NULL && lease->is_active && lease->serial == ask->serial)
        lease_let_go(lease);
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
        s->ask.source = ask->source;
        server_side_granted(s);
    }
    session_update(s);
    free(ask);
}

static void log_lease_new(const struct lease *lease)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "lease_new"))
        return;
    log_text(&l, "link", lease->table->link->name);
    log_text(&l, "agent", lease->identity.agent != NULL ? lease->identity.agent->name : "direct");
    log_ip(&l, "client", &lease->identity.client);
    log_ip(&l, "address", &lease->address);
    log_end(&l);
}

static enum reason grant_lease(struct hub *h, struct ask *ask)
{
    struct lease_table *table = &h->tables[ask->link - h->cfg->links];
    struct lease *lease = lease_find(table, &ask->identity);
    enum reason why;

    if (lease == NULL) {
        lease = lease_get(table, &ask->identity);
        if (lease == NULL)
            return REASON_POOL_EXHAUSTED;
        log_lease_new(lease);
        save_soon(h);
    }
    if (!lease->is_active) {
        why = lease_open(h, lease);
        if (why != REASON_NONE)
            return why;
    }
    lease_hold(lease);
    ask->serial = lease->serial;
    ask->source = lease->address;
    return REASON_NONE;
}

static enum reason decide(struct hub *h, struct ask *ask)
{
    const struct cfg_advise *advise = &ask->link->advise;
    bool is_direct = ask->identity.agent == NULL;
    enum reason why;

    /* An agent's request must belong to its present control channel, and an advise must have a way to its client. */
    if (!is_direct || (advise->addressing != CFG_ADDRESSING_OFF && advise->delivery == CFG_DELIVERY_AGENT)) {
        if (h->tunnel.can_deliver == NULL)
            return REASON_AGENT_DOWN;
        why = h->tunnel.can_deliver(h->tunnel.arg, &ask->identity, ask->instance);
        if (why != REASON_NONE)
            return why;
    }
    return advise->addressing == CFG_ADDRESSING_OFF ? REASON_NONE : grant_lease(h, ask);
}

static void ask_on_main(struct mail *m, struct loop *loop)
{
    struct ask *ask = (struct ask *)m;

    (void)loop;
    ask->why = decide(ask->hub, ask);
    ask->mail.deliver = answer_on_worker;
    loop_post(&ask->hub->site->workers[ask->session.worker].loop, &ask->mail);
}

static struct ask *ask_new(struct worker *w, const struct cfg_link *link, const struct session_ask *from)
{
    struct ask *ask = calloc(1, sizeof(*ask));

    if (ask == NULL)
        return NULL;
    ask->mail.drop = ask_drop;
    ask->hub = w->site->hub;
    ask->link = link;
    ask->identity.agent = from->agent;
    ask->identity.client = from->client;
    address_set_port(&ask->identity.client, 0);
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
    loop_post(w->site->main, &ask->mail);
}

/* -- the hub -------------------------------------------------------------------------------------------------------------------
 */

static bool has_alias(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        if (cfg->links[i].advise.addressing == CFG_ADDRESSING_ALIAS)
            return true;
    return false;
}

static int load_state(struct hub *h)
{
    if (!has_alias(h->cfg))
        return 0;
    if (asprintf(&h->state_path, "%s/leases", h->cfg->state) < 0) {
        h->state_path = NULL;
        return -1;
    }
    if (lease_file_load(h->state_path, h->cfg, h->tables) != 0)
        return -1;
    h->is_loaded = true;
    return 0;
}

int hub_init(struct hub *h, struct loop *loop, struct site *site)
{
    const struct cfg *cfg = site->cfg;

    *h = (struct hub){.loop = loop, .site = site, .cfg = cfg};
    deadline_init(&h->save, loop, save, h);
    h->tables = calloc(cfg->links_count > 0 ? cfg->links_count : 1, sizeof(*h->tables));
    if (h->tables == NULL || hosts_init(&h->hosts, cfg) != 0)
        return -1;
    for (size_t i = 0; i < cfg->links_count; i++)
        if (lease_table_init(&h->tables[i], &cfg->links[i]) != 0)
            return -1;
    return load_state(h);
}

static void close_active(struct lease *lease, void *arg)
{
    (void)arg;
    if (lease->is_active)
        lease_close(lease);
}

/* One writer at a time: a save that is under way ends first. */
static void wait_for_save(struct hub *h)
{
    uint64_t until_ms = clock_ms() + LAST_SAVE_MS;

    deadline_set(&h->save, LAST_SAVE_MS);
    while (h->is_saving && clock_ms() < until_ms)
        loop_turn(h->loop);
}

void hub_fini(struct hub *h)
{
    char *text;

    if (h->cfg == NULL)
        return;
    for (size_t i = 0; i < h->cfg->links_count; i++)
        lease_each(&h->tables[i], close_active, NULL);
    wait_for_save(h);
    deadline_clear(&h->save);
    if (h->is_loaded) { /* what could not be read is not overwritten */
        text = lease_file_text(h->cfg, h->tables);
        if (text == NULL || lease_file_write(h->state_path, text) != 0)
            log_save_failure(h, errno);
        free(text);
    }
    for (size_t i = 0; i < h->cfg->links_count; i++)
        lease_table_fini(&h->tables[i]);
    free(h->tables);
    free(h->state_path);
    hosts_fini(&h->hosts);
    h->cfg = NULL;
}

bool hub_has_lease(const struct hub *h, const struct session_ask *ask)
{
    struct identity identity = {.agent = ask->agent, .client = ask->client};
    const struct lease *lease = lease_find(&h->tables[ask->link - h->cfg->links], &identity);

    return lease != NULL && lease->is_active && lease->serial == ask->lease;
}

size_t hub_active_leases(const struct hub *h)
{
    size_t count = 0;

    for (size_t i = 0; i < h->cfg->links_count; i++)
        count += h->tables[i].active_count;
    return count;
}

struct worker *hub_pick_worker(struct hub *h)
{
    return &h->site->workers[h->next_worker++ % h->site->workers_count];
}
