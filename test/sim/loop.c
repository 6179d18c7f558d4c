/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the simulator: epoll(7), a binary heap of timers, a signalfd(2). One thread owns it.
 * Callbacks may unwatch and free anything: a dead watch has fd -1 and is skipped, memory goes at the turn's end.
 */
#include "test/sim/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_TURN 512
#define LONGEST_WAIT_US 60000000

uint64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int loop_init(struct loop *l)
{
    *l = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .signals.fd = -1};
    l->now_us = clock_ns() / 1000;
    return l->epoll_fd < 0 ? -1 : 0;
}

static void empty_graveyard(struct loop *l)
{
    for (size_t i = 0; i < l->grave_count; i++)
        free(l->graveyard[i]);
    l->grave_count = 0;
}

void loop_fini(struct loop *l)
{
    if (l->signals.fd >= 0)
        close(loop_unwatch(l, &l->signals));
    empty_graveyard(l);
    free(l->graveyard);
    free(l->heap);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    *l = (struct loop){.epoll_fd = -1, .signals.fd = -1};
}

int loop_watch(struct loop *l, struct watch *w, int fd, unsigned events, watch_fn fn, void *arg)
{
    *w = (struct watch){.fd = fd, .wanted = events, .fn = fn, .arg = arg};
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    w->fd = -1;
    return -1;
}

void loop_rewatch(struct loop *l, struct watch *w, unsigned events)
{
    assert(w->fd >= 0);
    if (w->wanted == events)
        return;
    struct epoll_event ev = {.events = events, .data.ptr = w};
    int rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
    assert(rc == 0); /* the fd is in the set: only our own mistake can fail here */
    (void)rc;
    w->wanted = events;
}

int loop_unwatch(struct loop *l, struct watch *w)
{
    int fd = w->fd;
    assert(fd >= 0);
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    w->fd = -1;
    return fd;
}

/* Grow an array of pointers to hold one more. Out of memory ends the program: a load generator has nothing to save. */
static void *room_for_one(void *array, size_t count, size_t *room)
{
    if (count < *room)
        return array;
    size_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = realloc(array, wanted * sizeof(void *));
    if (grown == NULL)
        abort();
    *room = wanted;
    return grown;
}

static void heap_put(struct loop *l, size_t at, struct timer *t)
{
    l->heap[at] = t;
    t->slot = at + 1;
}

static void heap_up(struct loop *l, size_t at, struct timer *t)
{
    while (at > 0 && l->heap[(at - 1) / 2]->due_us > t->due_us) {
        heap_put(l, at, l->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(l, at, t);
}

static void heap_down(struct loop *l, size_t at, struct timer *t)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < l->heap_count && l->heap[child + 1]->due_us < l->heap[child]->due_us)
            child++;
        if (child >= l->heap_count || l->heap[child]->due_us >= t->due_us)
            break;
        heap_put(l, at, l->heap[child]);
        at = child;
    }
    heap_put(l, at, t);
}

void timer_start(struct loop *l, struct timer *t, uint64_t delay_us, timer_fn fn, void *arg)
{
    timer_stop(l, t);
    t->due_us = l->now_us + delay_us;
    t->fn = fn;
    t->arg = arg;
    l->heap = room_for_one(l->heap, l->heap_count, &l->heap_room);
    heap_up(l, l->heap_count++, t);
}

void timer_stop(struct loop *l, struct timer *t)
{
    if (t->slot == 0)
        return;
    size_t at = t->slot - 1;
    assert(at < l->heap_count && l->heap[at] == t);
    struct timer *last = l->heap[--l->heap_count];
    t->slot = 0;
    if (last == t)
        return;
    if (at > 0 && l->heap[(at - 1) / 2]->due_us > last->due_us)
        heap_up(l, at, last);
    else
        heap_down(l, at, last);
}

bool timer_is_running(const struct timer *t)
{
    return t->slot != 0;
}

void loop_free_later(struct loop *l, void *memory)
{
    l->graveyard = room_for_one(l->graveyard, l->grave_count, &l->grave_room);
    l->graveyard[l->grave_count++] = memory;
}

static void signal_event(void *arg, unsigned events)
{
    struct loop *l = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (l->signals.fd >= 0 && read(l->signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        l->signal_fn(l->signal_arg);
}

int loop_on_signal(struct loop *l, signal_fn fn, void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -1;
    l->signal_fn = fn;
    l->signal_arg = arg;
    if (loop_watch(l, &l->signals, fd, EPOLLIN, signal_event, l) == 0)
        return 0;
    close(fd);
    return -1;
}

static int wait_ms(const struct loop *l)
{
    uint64_t wait_us = LONGEST_WAIT_US;
    if (l->heap_count > 0) {
        uint64_t due = l->heap[0]->due_us, now = clock_ns() / 1000;
        wait_us = due > now ? due - now : 0;
    }
    if (wait_us > LONGEST_WAIT_US)
        wait_us = LONGEST_WAIT_US;
    return (int)((wait_us + 999) / 1000);
}

/* Timers that were due when the turn began; one that restarts itself with no delay waits for the next turn. */
static void run_timers(struct loop *l)
{
    uint64_t limit = l->now_us;
    size_t budget = l->heap_count;
    while (budget-- > 0 && l->heap_count > 0 && l->heap[0]->due_us <= limit) {
        struct timer *t = l->heap[0];
        timer_stop(l, t);
        t->fn(t->arg);
    }
}

void loop_run(struct loop *l)
{
    struct epoll_event events[EVENTS_PER_TURN];
    l->is_stopped = false;
    while (!l->is_stopped) {
        int count = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, wait_ms(l));
        assert(count >= 0 || errno == EINTR);
        l->now_us = clock_ns() / 1000;
        for (int i = 0; i < count; i++) {
            struct watch *w = events[i].data.ptr;
            if (w->fd >= 0)
                w->fn(w->arg, events[i].events);
        }
        run_timers(l);
        empty_graveyard(l);
    }
}

void loop_stop(struct loop *l)
{
    l->is_stopped = true;
}
