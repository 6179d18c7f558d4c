/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the struct event of a socket and of a timer; libevent's own timers serve as deadlines (one per owner, none while there is
 * none). */
#include "proxy/net/watch.h"

#include "proxy/base/clock.h"
#include "proxy/net/stream.h"

#include <assert.h>
#include <stdlib.h>

/* Shorter deadlines count from the moment itself: the time that a long turn has taken would be most of them. */
#define EXACT_BELOW_MS 10000

static void watch_fired(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    unsigned ready = 0;

    (void)fd;
    if (what & EV_READ)
        ready |= STREAM_READ;
    if (what & EV_WRITE)
        ready |= STREAM_WRITE;
    loop_note_event(w->loop);
    w->call(w->arg, ready);
}

void watch_init(struct watch *w, struct loop *loop, watch_fn *call, void *arg)
{
    *w = (struct watch){.loop = loop, .call = call, .arg = arg};
}

void watch_set(struct watch *w, int fd, unsigned wanted)
{
    short what = EV_PERSIST;

    if (wanted == w->wanted)
        return;
    if (w->wanted != 0)
        event_del(&w->event);
    w->wanted = wanted;
    if (wanted == 0)
        return;
    assert(fd >= 0);
    if (wanted & STREAM_READ)
        what |= EV_READ;
    if (wanted & STREAM_WRITE)
        what |= EV_WRITE;
    event_assign(&w->event, w->loop->base, fd, what, watch_fired, w);
    if (event_add(&w->event, NULL) != 0)
        assert(false && "event_add failed: out of memory for libevent's tables");
}

struct watch *watch_new(struct loop *loop, watch_fn *call, void *arg)
{
    struct watch *w = malloc(sizeof(*w));

    if (w != NULL)
        watch_init(w, loop, call, arg);
    return w;
}

void watch_give(struct watch *w, watch_fn *call, void *arg)
{
    w->call = call;
    w->arg = arg;
}

static void set_timer(struct deadline *d, uint64_t now, uint64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    d->timer_ms = now + ms;
    event_add(&d->event, &tv);
}

/* libevent's clock ticks some milliseconds at a time: a call that comes so much early is in time. */
#define TICK_MS 5

static void deadline_fired(evutil_socket_t fd, short what, void *arg)
{
    struct deadline *d = arg;
    uint64_t now = clock_ms();

    (void)fd;
    (void)what;
    loop_note_event(d->loop);
    d->timer_ms = 0;
    if (d->due_ms > now + TICK_MS) {
        set_timer(d, now, d->due_ms - now);
    } else if (d->due_ms != 0) {
        d->due_ms = 0;
        d->call(d->arg);
    }
}

void deadline_init(struct deadline *d, struct loop *loop, void (*call)(void *arg), void *arg)
{
    /* libevent's heap would be torn by a second assignment; an all-zero or freshly allocated object was never assigned. */
    assert(!event_initialized(&d->event) || !event_pending(&d->event, EV_TIMEOUT, NULL));
    d->loop = loop;
    d->call = call;
    d->arg = arg;
    d->due_ms = d->timer_ms = 0;
    event_assign(&d->event, loop->base, -1, 0, deadline_fired, d);
}

void deadline_set(struct deadline *d, uint64_t ms)
{
    uint64_t now = ms < EXACT_BELOW_MS ? clock_ms() : loop_now_ms(d->loop);

    d->due_ms = now + ms;
    if (d->timer_ms == 0 || d->timer_ms > d->due_ms)
        set_timer(d, now, ms);
}

void deadline_clear(struct deadline *d)
{
    d->due_ms = d->timer_ms = 0;
    event_del(&d->event);
}

void deadline_rest(struct deadline *d)
{
    d->due_ms = 0;
}

bool deadline_is_set(const struct deadline *d)
{
    return d->due_ms != 0;
}
