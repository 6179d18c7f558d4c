/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a thread, its loop and the table of its sessions. worker_init/start/fini: main thread; the rest: the worker's. */
#include "proxy/session/worker.h"

#include "proxy/session/curfew.h"
#include "proxy/session/session.h"
#include "proxy/session/tally.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Sessions on one worker from which on their memory is worth giving back. */
#define CROWD 256

/* A sixth of the shortest time that a sweep looks after. A time of 0 is none. */
static uint64_t sweep_ms(const struct worker *w)
{
    const struct cfg_timeouts *t = &w->cfg->timeouts;
    const long times[] = {t->idle_s, t->half_closed_s, t->upgraded_s, t->firewall_idle_s};
    long shortest_s = t->dead_peer_s;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i] > 0 && times[i] < shortest_s)
            shortest_s = times[i];
    return (uint64_t)shortest_s * 1000 / 6;
}

/* A crowd of sessions leaves free memory between what is still in use; the system gets it back when most of them have gone. */
static void return_memory(struct worker *w)
{
    if (w->sessions_count > w->sessions_peak)
        w->sessions_peak = w->sessions_count;
    if (w->sessions_peak < CROWD || w->sessions_count > w->sessions_peak / 2)
        return;
    w->sessions_peak = w->sessions_count;
    malloc_trim(0);
}

static void sweep(void *arg)
{
    struct worker *w = arg;
    struct session *s, *next;

    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        session_sweep(s);
    }
    return_memory(w);
    deadline_set(&w->sweep, sweep_ms(w));
}

static void enforce_curfew(void *arg)
{
    struct worker *w = arg;

    curfew_enforce(w);
    deadline_set(&w->curfew, CURFEW_MS);
}

/* Serials of sessions differ from generation to generation, so a handle that outlives its worker fits nobody at the same place.
 */
#define SERIALS_OF_GENERATION 40

static void leave_if_empty(void *arg);

int worker_init(struct worker *w, struct site *site, const struct cfg *cfg)
{
    unsigned index = 0;

    while (index < SITE_WORKERS_MAX && site->places[index] != NULL)
        index++;
    if (index == SITE_WORKERS_MAX) {
        errno = EAGAIN;
        return -1;
    }
    *w = (struct worker){
        .site = site, .cfg = cfg, .index = index, .made = site->made, .serial = site->made << SERIALS_OF_GENERATION};
    if (loop_init(&w->loop, index + 1) != 0)
        return -1;
    if (hosts_init(&w->hosts, cfg) != 0) {
        loop_fini(&w->loop);
        errno = ENOMEM;
        return -1;
    }
    idle_pool_init(&w->idle, &w->loop, (uint64_t)cfg->timeouts.upstream_idle_s * 1000);
    TAILQ_INIT(&w->sessions);
    deadline_init(&w->sweep, &w->loop, sweep, w);
    deadline_set(&w->sweep, sweep_ms(w));
    deadline_init(&w->leave, &w->loop, leave_if_empty, w);
    deadline_init(&w->curfew, &w->loop, enforce_curfew, w);
    if (curfew_is_set(cfg))
        deadline_set(&w->curfew, CURFEW_MS);
    site->places[index] = w;
    return 0;
}

static void *worker_thread(void *arg)
{
    struct worker *w = arg;
    char name[16];

    snprintf(name, sizeof(name), "worker-%u", w->index + 1);
    pthread_setname_np(pthread_self(), name);
    loop_run(&w->loop);
    w->counted = tally_mine;
    return NULL;
}

int worker_start(struct worker *w)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&w->thread, NULL, worker_thread, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return errno == 0 ? 0 : -1;
}

void worker_drain(struct worker *w)
{
    struct session *s, *next;

    w->is_draining = true;
    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        session_drain(s);
    }
    idle_pool_fini(&w->idle);
}

/* -- retiring ------------------------------------------------------------------------------------------------------------------
 */

/* How soon to look again while something of this worker's is away on another thread. */
#define AWAY_MS 50

static bool is_empty(const struct worker *w)
{
    return w->sessions_count == 0 && w->loop.away == 0;
}

static struct worker *worker_of_word(struct mail *m)
{
    return (struct worker *)((char *)m - offsetof(struct worker, word));
}

static void send_word(struct worker *w, struct loop *to, void (*deliver)(struct mail *m, struct loop *loop))
{
    w->word.deliver = deliver;
    loop_post(to, &w->word);
}

static struct worker *worker_of_stay(struct mail *m)
{
    return (struct worker *)((char *)m - offsetof(struct worker, stay));
}

static void drop_word(struct mail *m)
{
    (void)m; /* the program ends, and all workers with it */
}

static void gone_on_main(struct mail *m, struct loop *loop)
{
    struct worker *w = worker_of_word(m);

    (void)loop;
    w->site->gone(w->site->arg, w);
}

static void stays_on_main(struct mail *m, struct loop *loop)
{
    (void)loop;
    worker_of_stay(m)->is_leaving = false;
}

/* All that the main loop has sent before it knew is read now. */
static void end_on_worker(struct mail *m, struct loop *loop)
{
    struct worker *w = worker_of_word(m);

    w->has_word = false;
    if (is_empty(w)) {
        loop_stop(loop);
        send_word(w, w->site->main, gone_on_main);
    } else {
        loop_post(w->site->main, &w->stay); /* whatever was sent of it before has been read there */
    }
}

static void empty_on_main(struct mail *m, struct loop *loop)
{
    struct worker *w = worker_of_word(m);

    (void)loop;
    w->is_leaving = true;
    send_word(w, &w->loop, end_on_worker);
}

static void leave_if_empty(void *arg)
{
    struct worker *w = arg;

    if (!w->is_retired || w->has_word || w->site->gone == NULL || w->sessions_count > 0)
        return; /* the end of the last session asks again */
    if (!is_empty(w)) {
        deadline_set(&w->leave, AWAY_MS);
        return;
    }
    w->has_word = true;
    w->word.drop = w->stay.drop = drop_word;
    w->stay.deliver = stays_on_main;
    send_word(w, w->site->main, empty_on_main);
}

void worker_retire(struct worker *w)
{
    w->is_retired = true;
    idle_pool_fini(&w->idle);
    deadline_set(&w->leave, 0);
}

/* -- the site ------------------------------------------------------------------------------------------------------------------
 */

struct worker *site_next(const struct site *site, unsigned from)
{
    for (unsigned i = from; i < SITE_WORKERS_MAX; i++)
        if (site->places[i] != NULL && !site->places[i]->is_leaving)
            return site->places[i];
    return NULL;
}

struct worker *site_next_running(const struct site *site, unsigned from)
{
    struct worker *w = site_next(site, from);

    while (w != NULL && w->thread == 0)
        w = site_next(site, w->index + 1);
    return w;
}

void site_post(struct site *site, unsigned worker, struct mail *m)
{
    if (site->places[worker] != NULL)
        loop_post(&site->places[worker]->loop, m);
    else
        m->drop(m);
}

/* ------------------------------------------------------------------------------------------------------------------------------
 */

void worker_fini(struct worker *w)
{
    if (w->thread != 0) {
        loop_stop(&w->loop);
        pthread_join(w->thread, NULL);
    }
    while (!TAILQ_EMPTY(&w->sessions))
        session_close(TAILQ_FIRST(&w->sessions), REASON_SHUTDOWN);
    idle_pool_fini(&w->idle);
    deadline_clear(&w->sweep);
    deadline_clear(&w->curfew);
    deadline_clear(&w->leave);
    w->site->places[w->index] = NULL;
    loop_fini(&w->loop);
    tally_keep(&w->counted); /* behind the mails, whose senders may have added it by themselves */
    hosts_fini(&w->hosts);
    while (w->unused_count > 0)
        free(w->unused[--w->unused_count]);
    free(w->slots);
    w->slots = NULL;
}

static int grow(struct worker *w)
{
    unsigned count = w->slots_count > 0 ? w->slots_count * 2 : 64;
    struct session **slots = realloc(w->slots, count * sizeof(*slots));

    if (slots == NULL)
        return -1;
    for (unsigned i = w->slots_count; i < count; i++)
        slots[i] = NULL;
    w->slots = slots;
    w->slots_count = count;
    return 0;
}

int worker_add(struct worker *w, struct session *s)
{
    /* At most half of the slots are in use, so a free one is found within a few steps. */
    if (w->sessions_count * 2 >= w->slots_count && grow(w) != 0)
        return -1;
    while (w->slots[w->slots_free % w->slots_count] != NULL)
        w->slots_free++;
    w->slots_free %= w->slots_count;
    s->handle = (struct session_handle){.worker = w->index, .slot = w->slots_free, .serial = ++w->serial};
    w->slots[s->handle.slot] = s;
    w->slots_free++;
    TAILQ_INSERT_TAIL(&w->sessions, s, entry);
    w->sessions_count++;
    return 0;
}

void worker_remove(struct worker *w, struct session *s)
{
    assert(w->slots[s->handle.slot] == s);
    w->slots[s->handle.slot] = NULL;
    TAILQ_REMOVE(&w->sessions, s, entry);
    w->sessions_count--;
    if (w->is_retired && w->sessions_count == 0)
        deadline_set(&w->leave, 0);
}

struct session *worker_find(struct worker *w, struct session_handle handle)
{
    struct session *s;

    assert(handle.worker == w->index);
    if (handle.serial == 0 || handle.slot >= w->slots_count)
        return NULL;
    s = w->slots[handle.slot];
    return s != NULL && s->handle.serial == handle.serial ? s : NULL;
}
