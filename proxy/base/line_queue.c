/* SPDX-License-Identifier: Apache-2.0 */
/* Owns two buffers that change places under the lock: one is filled by those who put, the other is the taker's. */
#include "proxy/base/line_queue.h"

#include "proxy/base/clock.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int line_queue_init(struct line_queue *q, size_t bytes)
{
    pthread_condattr_t attr;

    *q = (struct line_queue){.bytes = bytes, .filling = malloc(bytes), .emptying = malloc(bytes)};
    if (q->filling == NULL || q->emptying == NULL || pthread_condattr_init(&attr) != 0) {
        free(q->filling);
        free(q->emptying);
        *q = (struct line_queue){0};
        errno = ENOMEM;
        return -1;
    }
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->has_work, &attr);
    pthread_condattr_destroy(&attr);
    return 0;
}

void line_queue_fini(struct line_queue *q)
{
    if (q->filling == NULL)
        return;
    pthread_cond_destroy(&q->has_work);
    pthread_mutex_destroy(&q->lock);
    free(q->filling);
    free(q->emptying);
    *q = (struct line_queue){0};
}

bool line_queue_put(struct line_queue *q, const char *line, size_t length)
{
    bool has_room;

    assert(length > 0 && line[length - 1] == '\n');
    pthread_mutex_lock(&q->lock);
    has_room = length <= q->bytes - q->filled;
    if (has_room) {
        memcpy(q->filling + q->filled, line, length);
        q->filled += length;
        pthread_cond_signal(&q->has_work);
    } else {
        q->lost++;
    }
    pthread_mutex_unlock(&q->lock);
    return has_room;
}

/* Under the lock. */
static void await(struct line_queue *q, unsigned wait_ms, bool is_resting)
{
    struct timespec at = clock_after(wait_ms);
    int error = 0;

    while (error == 0 && !q->is_woken && !q->is_stopping && (is_resting || (q->filled == 0 && q->lost == 0)))
        error = pthread_cond_timedwait(&q->has_work, &q->lock, &at);
    q->is_woken = false;
}

struct line_batch line_queue_take(struct line_queue *q, unsigned wait_ms)
{
    struct line_batch batch;
    char *full;

    pthread_mutex_lock(&q->lock);
    await(q, wait_ms, false);
    full = q->filling;
    batch = (struct line_batch){.lines = full, .length = q->filled, .lost = q->lost};
    q->filling = q->emptying;
    q->emptying = full;
    q->filled = 0;
    q->lost = 0;
    pthread_mutex_unlock(&q->lock);
    return batch;
}

void line_queue_rest(struct line_queue *q, unsigned wait_ms)
{
    pthread_mutex_lock(&q->lock);
    await(q, wait_ms, true);
    pthread_mutex_unlock(&q->lock);
}

void line_queue_wake(struct line_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_woken = true;
    pthread_cond_signal(&q->has_work);
    pthread_mutex_unlock(&q->lock);
}

void line_queue_stop(struct line_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_stopping = true;
    pthread_cond_signal(&q->has_work);
    pthread_mutex_unlock(&q->lock);
}

bool line_queue_is_stopping(struct line_queue *q)
{
    bool is_stopping;

    pthread_mutex_lock(&q->lock);
    is_stopping = q->is_stopping;
    pthread_mutex_unlock(&q->lock);
    return is_stopping;
}

uint64_t line_queue_lost(struct line_queue *q)
{
    uint64_t lost;

    pthread_mutex_lock(&q->lock);
    lost = q->lost;
    pthread_mutex_unlock(&q->lock);
    return lost;
}
