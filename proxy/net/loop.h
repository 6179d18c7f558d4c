/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A loop: one thread's event base with what every object on it needs: mailbox, chunks, pipes, graveyard.
 *
 * One turn of a loop: wait for events, run their callbacks, run what asked to be called again, bury the dead. Nothing is freed
 * under a callback's feet: who ends links itself into the graveyard and is freed at the end of the turn.
 *
 * Only loop_post() and loop_stop() may be called by other threads. What travels between threads are mails: owned messages
 * with ids and fds, never pointers to sessions.
 */
#pragma once

#include "proxy/net/awake.h"
#include "proxy/net/chunk.h"
#include "proxy/net/pipe.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/** A read of this size is bulk. */
#define LOOP_BULK_BYTES ((size_t)8 * 1024)

struct event_base;
struct event;
struct loop;
struct listener;

/** A message. Embedded as the first member of a larger struct; the receiver frees it. */
struct mail {
    STAILQ_ENTRY(mail) entry;
    void (*deliver)(struct mail *m, struct loop *loop); /**< on the receiving thread: takes `m` */
    void (*drop)(struct mail *m); /**< instead of deliver, when the loop has ended: frees `m` and what it holds */
};

/** Someone who wants to be called again in the next turn without an event. Embedded; at most once in the list. */
struct again {
    TAILQ_ENTRY(again) entry;
    void (*call)(struct again *a);
    bool is_queued;
};

/** Something that has ended and waits to be freed. Embedded. */
struct grave {
    STAILQ_ENTRY(grave) entry;
    void (*bury)(struct grave *g);
};

struct loop {
    unsigned number; /**< 0: the main loop; workers count from 1 */
    uint64_t turns;  /**< begun so far */
    uint64_t events; /**< so many were delivered, loop_note_event() */
    struct event_base *base;
    struct chunk_pool chunks;
    struct pipe_pool pipes;
    uint64_t paused_listeners; /**< listeners that wait for file descriptors */
    LIST_HEAD(, listener) listeners;
    unsigned away; /**< mails of this thread that must come back before the loop may end; its thread's */

    /* private */
    struct awake awake;
    uint64_t now_ms; /* of this turn, see loop_now_ms(); 0: not read yet */
    bool is_in_turn;
    uint64_t turn_events; /* of the last turn */
    bool has_bulk;        /* bulk has moved in this turn */
    uint64_t sleeps;
    uint64_t asleep_ns; /* the thread's time when a measured sleep began; 0: none is measured */
    bool is_stopping;
    TAILQ_HEAD(again_list, again) agains;
    struct again *last_again; /* of this turn, while they are called */
    STAILQ_HEAD(, grave) graves;
    pthread_mutex_t lock; /* for mails and is_closed: the only lock of a loop */
    STAILQ_HEAD(, mail) mails;
    bool is_closed;
    int wake_fd;
    struct event *wake;
};

/** 0, or -1 with errno. */
int loop_init(struct loop *loop, unsigned number);

/** Runs one turn: waits for an event, unless there is something to do already. */
void loop_turn(struct loop *loop);

/** Runs turns until loop_stop(). */
void loop_run(struct loop *loop);

/** Lets loop_run() return at the end of its turn. Any thread. */
void loop_stop(struct loop *loop);

/** Buries the dead, drops unread mails, frees. The loop must not be running. */
void loop_fini(struct loop *loop);

/** Hands a mail over; takes it. Any thread. */
void loop_post(struct loop *loop, struct mail *m);

/** Calls `a->call` once in the next turn. */
void loop_call_again(struct loop *loop, struct again *a);
void loop_forget_again(struct loop *loop, struct again *a);

/**
 * clock_ms(), which the turn of a worker reads once, when it is first asked. It is behind by no more than the turn has taken
 * since: by so much a deadline of ten seconds or more may come early. Times of loop_now_ms() are compared with each other or with
 * a clock_ms() read later. The loop's thread.
 */
uint64_t loop_now_ms(struct loop *loop);

void loop_end_measured_sleep(struct loop *loop);

/** Whoever is called for an event begins with this. */
static inline void loop_note_event(struct loop *loop)
{
    loop->events++;
    if (loop->asleep_ns != 0)
        loop_end_measured_sleep(loop);
}

/** So much was read at once: bulk gains by waiting, the next read will be larger (proxy/net/awake.h). */
static inline void loop_note_read(struct loop *loop, size_t bytes)
{
    if (bytes >= LOOP_BULK_BYTES)
        loop->has_bulk = true;
}

/** Frees `g` by its own `bury` at the end of this turn. */
void loop_bury(struct loop *loop, struct grave *g);
