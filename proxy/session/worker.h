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
#include "tls/context.h"

#include <pthread.h>
#include <sys/queue.h>

struct session;
struct hub;
struct rate;
struct worker;

/** A relay of this agent as workers see it (role agent). */
#define WORKER_RELAYS_MAX 16
struct worker_relay {
    bool is_up;             /**< its control channel is welcome, and it does not drain */
    struct address address; /**< where the control channel is connected to */
    struct address local;   /**< from where */
    uint8_t instance[16];   /**< of the control channel */
    unsigned version;       /**< of the protocol that is spoken there */
};

/** What all workers share; immutable while they run, but for what has its own lock. */
struct site {
    const struct cfg *cfg;
    struct quota *quota;
    struct rate *rate;       /**< of new connections; NULL: no limit */
    struct rate *handshakes; /**< of TLS handshakes; NULL: no limit */
    struct loop *main;
    struct hub *hub; /**< main thread's; workers only name it in mails */
    struct worker *workers;
    unsigned workers_count;
    struct tls_context *agent_tls; /**< role agent */
};

struct session_handle {
    unsigned worker; /**< index in site.workers */
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
    unsigned index;
    pthread_t thread;
    struct site *site;
    const struct cfg *cfg;
    struct hosts hosts;
    struct idle_pool idle; /**< connections to web servers */
    struct worker_relay relays[WORKER_RELAYS_MAX];
    TAILQ_HEAD(session_list, session) sessions;
    unsigned sessions_count;
    unsigned sessions_peak; /**< since memory was last given back */
    bool is_draining;
    struct deadline sweep;  /**< looks for vanished peers and idle sessions */
    struct deadline curfew; /**< looks for sessions whose hours are over; set if any hours end so */
    struct log_window refusals[REASON_COUNT];
    void *unused[WORKER_UNUSED_MAX]; /**< memory of conversations; freed with free() */
    unsigned unused_count;

    /* private */
    struct session **slots;
    unsigned slots_count;
    unsigned slots_free; /* where to look for a free slot first */
    uint64_t serial;
};

/** 0, or -1 with errno. `site` is borrowed until worker_fini(). */
int worker_init(struct worker *w, struct site *site, unsigned index);

/** Starts the thread. 0, or -1 with errno. */
int worker_start(struct worker *w);

/** Stops the loop, joins the thread, closes what is left. Main thread. */
void worker_fini(struct worker *w);

/** georelay is stopping: nothing new is begun. Worker's thread. */
void worker_drain(struct worker *w);

static inline struct worker *worker_of(struct loop *loop)
{
    return (struct worker *)loop;
}

/** Enters a session in the list and gives it slot and serial. 0, or -1 without memory. */
int worker_add(struct worker *w, struct session *s);
void worker_remove(struct worker *w, struct session *s);

/** The session of a handle that names this worker, or NULL if it has ended. */
struct session *worker_find(struct worker *w, struct session_handle handle);
