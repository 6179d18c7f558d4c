/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the turn: events, then the again-list, then the graveyard. Runs on the thread that calls loop_run(); loop_post() and
 * loop_stop() are the only entries for others and hold the lock only to link a mail.
 */
#include "proxy/net/loop.h"

#include "proxy/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void deliver_mails(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    STAILQ_HEAD(, mail) mails = STAILQ_HEAD_INITIALIZER(mails);
    uint64_t count;

    (void)what;
    loop_note_event(loop);
    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&loop->lock);
    STAILQ_CONCAT(&mails, &loop->mails);
    pthread_mutex_unlock(&loop->lock);
    while (!STAILQ_EMPTY(&mails)) {
        struct mail *m = STAILQ_FIRST(&mails);

        STAILQ_REMOVE_HEAD(&mails, entry);
        m->deliver(m, loop);
    }
}

/* Without EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST: it would take fds out of the epoll set a turn after they were closed, when
 * another thread may have opened others of that number. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    if (config == NULL)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int loop_init(struct loop *loop, unsigned number)
{
    *loop = (struct loop){.number = number, .wake_fd = -1};
    awake_init(&loop->awake);
    LIST_INIT(&loop->listeners);
    TAILQ_INIT(&loop->agains);
    STAILQ_INIT(&loop->graves);
    STAILQ_INIT(&loop->mails);
    loop->base = base_new();
    if (loop->base == NULL) {
        errno = ENOMEM;
        return -1;
    }
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        goto free_base;
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, deliver_mails, loop);
    if (loop->wake == NULL || event_add(loop->wake, NULL) != 0) {
        errno = ENOMEM;
        goto close_wake;
    }
    pthread_mutex_init(&loop->lock, NULL);
    return 0;

close_wake:
    if (loop->wake != NULL)
        event_free(loop->wake);
    close(loop->wake_fd);
free_base:
    event_base_free(loop->base);
    return -1;
}

/* Calls those that were queued before this call; who queues itself again waits for the next turn, after the sockets had theirs.
 */
static void run_agains(struct loop *loop)
{
    loop->last_again = TAILQ_LAST(&loop->agains, again_list);
    while (loop->last_again != NULL) {
        struct again *a = TAILQ_FIRST(&loop->agains);

        loop_forget_again(loop, a);
        a->call(a);
    }
}

static void bury_graves(struct loop *loop)
{
    while (!STAILQ_EMPTY(&loop->graves)) {
        struct grave *g = STAILQ_FIRST(&loop->graves);

        STAILQ_REMOVE_HEAD(&loop->graves, entry);
        g->bury(g);
    }
}

/* Looks about without sleeping, if that pays. True if something came. Not the main loop, whose signals nobody counts. */
static bool wait_awake(struct loop *loop)
{
    uint64_t start, events = loop->events, limit = awake_limit_ns(&loop->awake), now;

    if (loop->number == 0)
        return false;
    start = clock_ns();
    awake_note_turn(&loop->awake, start, loop->turn_events, loop->has_bulk);
    loop->has_bulk = false;
    if (!awake_pays(&loop->awake, start))
        return false;
    do {
        event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        now = clock_ns();
    } while (loop->events == events && now - start < limit);
    awake_note(&loop->awake, now, now - start, loop->events == events);
    return loop->events != events;
}

/* The cost of the first sleeps is measured, later that of one in so many: from here to the first event after it. */
#define SLEEPS_FIRST    64
#define SLEEPS_MEASURED 16

static void sleep_for_events(struct loop *loop)
{
    if (loop->number != 0 && (++loop->sleeps <= SLEEPS_FIRST || loop->sleeps % SLEEPS_MEASURED == 0))
        loop->asleep_ns = clock_thread_ns();
    event_base_loop(loop->base, EVLOOP_ONCE);
    loop->asleep_ns = 0;
}

void loop_end_measured_sleep(struct loop *loop)
{
    awake_note_sleep(&loop->awake, clock_thread_ns() - loop->asleep_ns);
    loop->asleep_ns = 0;
}

static void take_events(struct loop *loop)
{
    if (!TAILQ_EMPTY(&loop->agains))
        event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    else if (!wait_awake(loop) && TAILQ_EMPTY(&loop->agains))
        sleep_for_events(loop);
}

void loop_turn(struct loop *loop)
{
    uint64_t before = loop->events;

    loop->turns++;
    loop->is_in_turn = true;
    take_events(loop);
    loop->turn_events = loop->events - before;
    run_agains(loop);
    bury_graves(loop);
    loop->is_in_turn = false;
    loop->now_ms = 0;
}

/* Nobody asks between the beginning of a turn and its first event, so the wait is not in it. The main loop reads files and waits
 * for names: its turns may be long, and it has few. */
uint64_t loop_now_ms(struct loop *loop)
{
    if (loop->number == 0 || !loop->is_in_turn)
        return clock_ms();
    if (loop->now_ms == 0)
        loop->now_ms = clock_ms();
    return loop->now_ms;
}

void loop_run(struct loop *loop)
{
    while (!__atomic_load_n(&loop->is_stopping, __ATOMIC_ACQUIRE))
        loop_turn(loop);
}

static void wake(struct loop *loop)
{
    uint64_t one = 1;

    /* A full counter (EAGAIN) means that the loop is awake already. */
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void loop_stop(struct loop *loop)
{
    __atomic_store_n(&loop->is_stopping, true, __ATOMIC_RELEASE);
    wake(loop);
}

void loop_post(struct loop *loop, struct mail *m)
{
    bool is_closed, was_empty;

    assert(m->deliver != NULL && m->drop != NULL);
    pthread_mutex_lock(&loop->lock);
    is_closed = loop->is_closed;
    was_empty = STAILQ_EMPTY(&loop->mails);
    if (!is_closed)
        STAILQ_INSERT_TAIL(&loop->mails, m, entry);
    pthread_mutex_unlock(&loop->lock);
    if (is_closed)
        m->drop(m);
    else if (was_empty)
        wake(loop);
}

void loop_call_again(struct loop *loop, struct again *a)
{
    if (a->is_queued)
        return;
    a->is_queued = true;
    TAILQ_INSERT_TAIL(&loop->agains, a, entry);
}

void loop_forget_again(struct loop *loop, struct again *a)
{
    if (!a->is_queued)
        return;
    if (a == loop->last_again) /* NULL if it was the first one, too */
        loop->last_again = TAILQ_PREV(a, again_list, entry);
    a->is_queued = false;
    TAILQ_REMOVE(&loop->agains, a, entry);
}

void loop_bury(struct loop *loop, struct grave *g)
{
    STAILQ_INSERT_TAIL(&loop->graves, g, entry);
}

void loop_fini(struct loop *loop)
{
    if (loop->base == NULL)
        return;
    bury_graves(loop);
    pthread_mutex_lock(&loop->lock);
    loop->is_closed = true;
    pthread_mutex_unlock(&loop->lock);
    while (!STAILQ_EMPTY(&loop->mails)) {
        struct mail *m = STAILQ_FIRST(&loop->mails);

        STAILQ_REMOVE_HEAD(&loop->mails, entry);
        m->drop(m);
    }
    bury_graves(loop);
    event_free(loop->wake);
    close(loop->wake_fd);
    event_base_free(loop->base);
    chunk_pool_fini(&loop->chunks);
    pipe_pool_fini(&loop->pipes);
    loop->base = NULL;
    /* The lock stays usable: a thread that ends later may still post, and its mail is dropped. */
}
