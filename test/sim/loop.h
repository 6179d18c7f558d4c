/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's event loop: level-triggered epoll, one-shot timers, SIGINT and SIGTERM as events.
 * One thread. Memory that callbacks of this turn may still see is given to loop_free_later().
 */
#ifndef GEOSIM_LOOP_H
#define GEOSIM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*watch_fn)(void *arg, unsigned events); /* events: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
typedef void (*timer_fn)(void *arg);
typedef void (*signal_fn)(void *arg);

/* One watched fd. All zero is not usable: set fd to -1 or call loop_watch(). */
struct watch {
    int fd;
    unsigned wanted;
    watch_fn fn;
    void *arg;
};

/* One timer. All zero is a stopped timer. */
struct timer {
    uint64_t due_us;
    size_t slot; /* place in the heap plus one; 0 when stopped */
    timer_fn fn;
    void *arg;
};

struct conn;

struct loop {
    int epoll_fd;
    struct timer **heap;
    size_t heap_count, heap_room;
    void **graveyard;
    size_t grave_count, grave_room;
    uint64_t now_us;
    bool is_stopped;
    struct conn *conns; /* kept by conn.c */
    struct watch signals;
    signal_fn signal_fn;
    void *signal_arg;
};

/** Nanoseconds of CLOCK_MONOTONIC, read now. */
uint64_t clock_ns(void);

/** Prepare a loop. Returns 0, or -1 with errno. */
int loop_init(struct loop *l);

/** Free what the loop holds; not the watched fds. */
void loop_fini(struct loop *l);

/** Watch `fd` for `events`; EPOLLERR and EPOLLHUP always come. Borrows `w` until loop_unwatch(). Returns 0, or -1 with errno. */
int loop_watch(struct loop *l, struct watch *w, int fd, unsigned events, watch_fn fn, void *arg);

/** Change the wanted events of a watched fd; does nothing when they are the same. */
void loop_rewatch(struct loop *l, struct watch *w, unsigned events);

/** Stop watching and give the fd back (not closed). No callback of `w` runs after this, not even in this turn. */
int loop_unwatch(struct loop *l, struct watch *w);

/** Start or restart a timer. Borrows `t` until it fires or is stopped. */
void timer_start(struct loop *l, struct timer *t, uint64_t delay_us, timer_fn fn, void *arg);

/** Stop a timer; a stopped one may be stopped again. */
void timer_stop(struct loop *l, struct timer *t);

/** True while the timer waits. */
bool timer_is_running(const struct timer *t);

/** Call `fn` for each SIGINT or SIGTERM. Returns 0, or -1 with errno. */
int loop_on_signal(struct loop *l, signal_fn fn, void *arg);

/** Take malloc()ed memory and free it when this turn's callbacks have run. */
void loop_free_later(struct loop *l, void *memory);

/** Run until loop_stop(). */
void loop_run(struct loop *l);

/** Leave loop_run() at the end of this turn. */
void loop_stop(struct loop *l);

#endif
