/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A worker: a thread with a loop and the sessions that live on it from accept to end.
 *
 * Other threads reach a session only by its handle, in a mail to its worker: worker_find() then gives the session or, if it has
 * ended meanwhile, NULL.
 */
#pragma once

#include "config/model.h"
#include "proxy/net/loop.h"
#include "proxy/net/watch.h"
#include "proxy/session/hosts.h"
#include "proxy/session/idle.h"
#include "proxy/session/quota.h"
#include "proxy/session/tally.h"
#include "tls/context.h"

#include <pthread.h>
#include <sys/queue.h>

struct session;
struct tls_revoked;
struct hub;
struct rate;
struct worker;

/** A relay of this agent as workers see it (role agent). */
#define WORKER_RELAYS_MAX 16
struct worker_relay {
    bool is_up;             /**< its control channel is welcome, and it does not drain */
    unsigned rank;          /**< its place in the newest configuration */
    struct address address; /**< where the control channel is connected to */
    struct address local;   /**< from where */
    uint8_t instance[16];   /**< of the control channel */
    unsigned version;       /**< of the protocol that is spoken there */
};

/** Places for workers, those that retire included. */
#define SITE_WORKERS_MAX 1024

/**
 * What all workers share. Immutable while they run, but for what has its own lock and what is the main thread's alone: there
 * workers come and go with generations (docs/design.md).
 */
struct site {
    struct quota *quota;
    struct rate *rate;       /**< of new connections; NULL: no limit */
    struct rate *handshakes; /**< of TLS handshakes; NULL: no limit */
    struct loop *main;
    struct hub *hub;             /**< main thread's; workers only name it in mails */
    struct tls_revoked *revoked; /**< certificates of agents that no longer count; role relay */

    /* main thread's: */
    const struct cfg *cfg;         /**< the newest */
    struct tls_context *agent_tls; /**< the newest; role agent */
    struct worker *places[SITE_WORKERS_MAX];
    struct worker **workers; /**< of the newest generation; borrowed */
    unsigned workers_count;
    uint64_t made;  /**< generations of workers so far */
    bool is_island; /**< nobody is let in (proxy/app/island.h); workers read it by site_is_island() */
    /** A certificate of this agent's has been renewed on the disk: use it. NULL: at the next start. */
    void (*renewed)(void *arg);
    /** A worker that retires has ended: join and free it. NULL: none ever retires. */
    void (*gone)(void *arg, struct worker *w);
    void *arg;
};

/** The next living worker at or after place `from`, or NULL: to tell all of them, the retired ones too. Main thread. */
struct worker *site_next(const struct site *site, unsigned from);

/** The same, of those whose threads run: one that is only prepared does not answer. */
struct worker *site_next_running(const struct site *site, unsigned from);

#define SITE_EACH(w, site) for (struct worker * (w) = site_next(site, 0); (w) != NULL; (w) = site_next(site, (w)->index + 1))

/** Any thread. */
static inline bool site_is_island(const struct site *site)
{
    return __atomic_load_n(&site->is_island, __ATOMIC_ACQUIRE);
}

/** A mail to a worker that a handle names; dropped if nobody is at that place any more. Main thread. */
void site_post(struct site *site, unsigned worker, struct mail *m);

/** One of the newest generation's workers: `turn` counts. Main thread. */
static inline struct worker *site_pick(const struct site *site, unsigned turn)
{
    return site->workers[turn % site->workers_count];
}

/** What is held is not freed with its generation. Any thread. */
static inline void site_hold_cfg(const struct cfg *cfg)
{
    __atomic_add_fetch((unsigned *)(uintptr_t)&cfg->holds, 1, __ATOMIC_RELAXED);
}

/** NULL is ignored. */
static inline void site_release_cfg(const struct cfg *cfg)
{
    if (cfg != NULL)
        __atomic_sub_fetch((unsigned *)(uintptr_t)&cfg->holds, 1, __ATOMIC_RELEASE);
}

struct session_handle {
    unsigned worker; /**< its place in the site */
    unsigned slot;
    uint64_t serial; /**< 0: no session */
};

/** Conversations that a worker keeps for the next requests (proxy/web/rest.c): some 45 KiB at most. */
#define WORKER_UNUSED_MAX 64

/** How often refusals of one reason are logged within LOG_WINDOW_MS; the others are counted. */
#define LOG_WINDOW_MS    1000
#define LOG_WINDOW_LINES 50

struct log_window {
    uint64_t since_ms;
    unsigned lines;
    uint64_t skipped;
};

struct worker {
    struct loop loop; /**< first: a mail's loop is its worker */
    unsigned index;   /**< its place in the site */
    unsigned number;  /**< within its generation */
    uint64_t made;    /**< no two workers that were at one place have the same */
    pthread_t thread;
    struct site *site;
    const struct cfg *cfg;
    struct tls_context *agent_tls; /**< role agent; its generation's */
    struct hosts hosts;
    struct idle_pool idle;                         /**< connections to web servers */
    struct worker_relay relays[WORKER_RELAYS_MAX]; /**< a relay keeps its place for as long as it is configured */
    TAILQ_HEAD(session_list, session) sessions;
    unsigned sessions_count;
    unsigned sessions_peak; /**< since memory was last given back */
    bool is_draining;
    bool is_retired;        /**< a newer generation takes what comes; what is here goes on */
    struct deadline sweep;  /**< looks for vanished peers and idle sessions */
    struct deadline curfew; /**< looks for sessions whose hours are over; set if any hours end so */
    struct log_window refusals[REASON_COUNT];
    void *unused[WORKER_UNUSED_MAX]; /**< memory of conversations; freed with free() */
    unsigned unused_count;

    /* private */
    struct session **slots; /* worker_slot() */
    unsigned slots_count;
    unsigned slots_free; /* where to look for a free slot first */
    uint64_t serial;
    struct deadline leave; /* when it is empty */
    struct mail word;      /* of its end: to the main loop, back, and there again */
    struct mail stay;      /* that it was none */
    bool has_word;         /* that is on its way; worker's thread */
    bool is_leaving;       /* the same; main thread */
    struct tally counted;  /* when the thread has ended */
};

/** Takes a free place in the site. 0, or -1 with errno. `site` and `cfg` are borrowed until worker_fini(). Main thread. */
int worker_init(struct worker *w, struct site *site, const struct cfg *cfg);

/** Starts the thread. 0, or -1 with errno. */
int worker_start(struct worker *w);

/** Stops the loop, joins the thread, closes what is left. Main thread. */
void worker_fini(struct worker *w);

/** Certificates were revoked: ends whatever stands on a tunnel of their holders. Worker's thread. */
void worker_cut_revoked(struct worker *w);

/** georelay is stopping: nothing new is begun. Worker's thread. */
void worker_drain(struct worker *w);

/**
 * A newer generation has taken over; the doors are closed. Sessions go on; connections of HTTP end after their next response.
 * When nothing is left, `gone` of the site is called. Worker's thread.
 */
void worker_retire(struct worker *w);

/** What is to be used for the next connection to a relay; the main thread may exchange it at any moment. */
static inline struct tls_context *worker_agent_tls(const struct worker *w)
{
    return __atomic_load_n(&w->agent_tls, __ATOMIC_ACQUIRE);
}

static inline struct worker *worker_of(struct loop *loop)
{
    return (struct worker *)loop;
}

/** Enters a session in the list and gives it slot and serial. 0, or -1 without memory. */
int worker_add(struct worker *w, struct session *s);
void worker_remove(struct worker *w, struct session *s);

/** The session in a slot below `slots_count`, or NULL: for who looks at all of them bit by bit. */
static inline struct session *worker_slot(const struct worker *w, unsigned slot)
{
    return w->slots[slot];
}

/** The session of a handle that names this worker, or NULL if it has ended. */
struct session *worker_find(struct worker *w, struct session_handle handle);
