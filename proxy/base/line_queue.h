/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A bounded queue of lines: any thread puts, one thread takes them all at once. Who puts never waits; a line that finds the queue
 * full is refused and counted.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_queue {
    pthread_mutex_t lock;
    pthread_cond_t has_work; /**< for the taker */
    size_t bytes;            /**< room of each buffer */
    char *filling;
    size_t filled;
    uint64_t lost; /**< refused since the last taking */
    bool is_woken;
    bool is_stopping;
    char *emptying; /**< the taker's own */
};

/** What was taken. The lines, each with its newline, are the queue's until the next taking. */
struct line_batch {
    const char *lines;
    size_t length;
    uint64_t lost; /**< lines that were refused behind these */
};

/** 0, or -1 with errno. */
int line_queue_init(struct line_queue *q, size_t bytes);

/** Nobody may use it any more. */
void line_queue_fini(struct line_queue *q);

/** Copies a line, its only newline at its end. False: there is no room, and it is counted. Any thread. */
bool line_queue_put(struct line_queue *q, const char *line, size_t length);

/** Takes what there is; if there is nothing, waits for `wait_ms` at most, or until line_queue_wake(). */
struct line_batch line_queue_take(struct line_queue *q, unsigned wait_ms);

/** Waits for `wait_ms`, or until line_queue_wake(), whatever is put meanwhile. */
void line_queue_rest(struct line_queue *q, unsigned wait_ms);

/** Ends the taker's waiting once. Any thread. */
void line_queue_wake(struct line_queue *q);

/** The taker is to end: it never waits again. Any thread. */
void line_queue_stop(struct line_queue *q);
bool line_queue_is_stopping(struct line_queue *q);

/** Lines refused since the last taking. */
uint64_t line_queue_lost(struct line_queue *q);
