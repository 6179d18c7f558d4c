/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Watches one fd for the events that its owner wants at present: the one place that adds and deletes socket events.
 *
 * Level-triggered. Embedded in the owner. All calls on the loop's thread.
 */
#pragma once

#include "proxy/net/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

/** `ready` is STREAM_READ, STREAM_WRITE or both. */
typedef void watch_fn(void *arg, unsigned ready);

struct watch {
    struct event event;
    struct loop *loop;
    watch_fn *call;
    void *arg;
    unsigned wanted; /**< what is watched now: STREAM_READ | STREAM_WRITE; 0: nothing */
};

/** `arg` is borrowed until watch_set(…, 0). */
void watch_init(struct watch *w, struct loop *loop, watch_fn *call, void *arg);

/** Watches `fd` for `wanted`; 0 stops watching (also a callback that is already due in this turn). */
void watch_set(struct watch *w, int fd, unsigned wanted);

/** One on the heap, for an fd that changes its owner: what is watched goes on while watch_give() sets who is called. NULL without
 * memory. Freed with free(), after watch_set(…, 0) and not within a callback. */
struct watch *watch_new(struct loop *loop, watch_fn *call, void *arg);
void watch_give(struct watch *w, watch_fn *call, void *arg);

/**
 * Timer for one deadline of its owner; embedded.
 *
 * Most deadlines are put off or rested long before they are due, some several times for each request. So libevent's timer is not
 * touched while it comes no later than the deadline: when it fires early it is set anew for the rest.
 */
struct deadline {
    struct event event;
    struct loop *loop;
    void (*call)(void *arg);
    void *arg;
    uint64_t due_ms;   /**< on clock_ms(); 0: not set */
    uint64_t timer_ms; /**< when libevent's timer fires; 0: it does not */
};

void deadline_init(struct deadline *d, struct loop *loop, void (*call)(void *arg), void *arg);

/** Calls in `ms` from now, in place of any call set before. */
void deadline_set(struct deadline *d, uint64_t ms);

/** No call. The owner may be freed. */
void deadline_clear(struct deadline *d);

/** No call, but likely another one soon: cheaper than deadline_clear(), after which alone the owner may be freed. */
void deadline_rest(struct deadline *d);
bool deadline_is_set(const struct deadline *d);
