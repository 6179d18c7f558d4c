/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the queue of lines and the thread that moves them to the log's file (log_file.c). The queue is one buffer that the threads
 * of the program fill and one that the writer empties; they change places under a lock, which nobody holds during a write.
 * Every line ends with the only newline in it, so lines that got lost are counted by their newlines.
 */
#include "proxy/base/log_writer.h"

#include "proxy/base/clock.h"
#include "proxy/base/log_file.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/** Room in each of a writer's two buffers. Requests come at 20 MB/s: theirs outlast a disk's hiccup of 200 ms. */
static const size_t queue_bytes[LOG_WRITERS] = {(size_t)512 * 1024, (size_t)4 * 1024 * 1024};

#define STOP_MS   2000  /**< how long log_writer_stop() waits for the thread */
#define REPORT_MS 1000  /**< pause between attempts to tell of dropped lines while nothing else is written */
#define GATHER_MS 10    /**< how long lines gather after a batch; less if the queue becomes half full */
#define QUICK_MS  1     /**< a batch that comes so soon after the one before is one of a streak */
#define STREAK    32    /**< batches of a streak from which on lines gather: a line that comes alone is written at once */
#define FAILED_MS 60000 /**< pause between two calls of log_writer_ops.failed */

struct log_writer {
    pthread_t thread;
    enum log_which which;
    struct log_writer_ops ops;
    char *path;

    pthread_cond_t has_work; /**< for the thread: lines, a new file, or the end */
    pthread_cond_t has_finished;
    char *filling; /**< under the lock */
    size_t filled;
    uint64_t dropped; /**< lines lost and not yet told of */
    int next_fd;      /**< opened by log_writer_reopen(), taken over by the thread; or -1 */
    bool is_idle;     /**< the thread waits for the first line */
    bool is_stopping;
    bool is_finished;
    bool is_abandoned; /**< the thread frees the writer when it comes round */

    char *emptying; /**< the thread's own from here on */
    struct log_file file;
    bool lacks_head;      /**< the file is to begin with ops.head, if there is one, and that is not written yet */
    uint64_t may_tell_ms; /**< when ops.failed may be called again */
};

/** Outlives its writer: threads may put lines until the very end. */
static struct place {
    pthread_mutex_t lock;
    struct log_writer *writer; /**< where lines are put; under the lock */
    uint64_t dropped;          /**< lines since the start; under the lock */
} places[LOG_WRITERS] = {{.lock = PTHREAD_MUTEX_INITIALIZER}, {.lock = PTHREAD_MUTEX_INITIALIZER}};

static void lock(enum log_which which)
{
    pthread_mutex_lock(&places[which].lock);
}

static void unlock(enum log_which which)
{
    pthread_mutex_unlock(&places[which].lock);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* -- the thread ----------------------------------------------------------------------------------------------------------------
 */

/** A new file for the thread. A file that holds lines already, from before a restart, has its head. */
static void take_file(struct log_writer *w, int fd)
{
    log_file_set(&w->file, fd);
    w->lacks_head = log_file_size(&w->file) <= 0;
}

/** Writes the head if it is due. False if it is still due then. */
static bool write_head(struct log_writer *w)
{
    char text[LOG_WRITER_OWN_BYTES];

    if (log_file_size(&w->file) == 0) { /* also if somebody has emptied it in its place */
        w->lacks_head = true;
        w->file.is_torn = false;
    }
    if (w->lacks_head && w->ops.head != NULL)
        w->lacks_head = log_file_write(&w->file, text, w->ops.head(text)) != 0;
    return !w->lacks_head || w->ops.head == NULL;
}

/** Writes a batch of lines, and before it the head if that is due; returns the number of those that did not arrive whole. */
static uint64_t write_lines(struct log_writer *w, const char *bytes, size_t length)
{
    uint64_t lost;
    int error;

    lost = write_head(w) ? log_file_write(&w->file, bytes, length) : log_file_count(bytes, length);
    error = errno;
    if (lost > 0 && w->ops.failed != NULL && clock_ms() >= w->may_tell_ms) {
        w->may_tell_ms = clock_ms() + FAILED_MS;
        w->ops.failed(error);
    }
    return lost;
}

/** Tells of dropped lines, if there are any and they can be told of. */
static void report_dropped(struct log_writer *w)
{
    char line[LOG_WRITER_OWN_BYTES];
    uint64_t lines;

    lock(w->which);
    lines = w->dropped;
    unlock(w->which);
    if (lines == 0 || write_lines(w, line, w->ops.dropped(w->which, lines, line)) != 0)
        return;
    lock(w->which);
    w->dropped -= lines;
    unlock(w->which);
}

static bool is_half_full(const struct log_writer *w)
{
    return w->filled >= queue_bytes[w->which] / 2;
}

/** Lets lines gather, unless something can't wait. Called and left with the lock held. */
static void gather(struct log_writer *w)
{
    struct timespec at = clock_after(GATHER_MS);
    int error = 0;

    while (error == 0 && !is_half_full(w) && w->next_fd < 0 && !w->is_stopping)
        error = pthread_cond_timedwait(&w->has_work, &places[w->which].lock, &at);
}

/** Waits for a line, a new file or the end; or, with dropped lines to tell of, for a while. Called and left with the lock held.
 */
static void await_work(struct log_writer *w)
{
    struct timespec at = clock_after(REPORT_MS);
    int error = 0;

    while (error == 0 && w->filled == 0 && w->next_fd < 0 && !w->is_stopping) {
        w->is_idle = true;
        if (w->dropped == 0)
            error = pthread_cond_wait(&w->has_work, &places[w->which].lock);
        else
            error = pthread_cond_timedwait(&w->has_work, &places[w->which].lock, &at);
    }
    w->is_idle = false;
}

/** Waits for work and takes it over: the new file, the filled buffer. False at the end. Called and left with the lock held. */
static bool take_work(struct log_writer *w, size_t *ret_length)
{
    char *full = w->filling;

    await_work(w);
    if (w->next_fd >= 0)
        take_file(w, w->next_fd);
    w->next_fd = -1;
    *ret_length = w->filled;
    w->filling = w->emptying;
    w->filled = 0;
    w->emptying = full;
    return *ret_length > 0 || !w->is_stopping;
}

static void writer_free(struct log_writer *w)
{
    log_file_set(&w->file, -1);
    close_fd(w->next_fd);
    pthread_cond_destroy(&w->has_work);
    pthread_cond_destroy(&w->has_finished);
    free(w->filling);
    free(w->emptying);
    free(w->path);
    free(w);
}

static void *writer_main(void *arg)
{
    struct log_writer *w = arg;
    size_t length;
    bool is_abandoned;
    unsigned streak = 0;
    uint64_t before_ms;

    (void)write_head(w);
    lock(w->which);
    for (before_ms = clock_ms(); take_work(w, &length); before_ms = clock_ms()) {
        uint64_t lost;

        streak = clock_ms() - before_ms <= QUICK_MS ? streak + 1 : 0;
        unlock(w->which);
        lost = write_lines(w, w->emptying, length);
        if (lost == 0)
            report_dropped(w);
        lock(w->which);
        w->dropped += lost;
        places[w->which].dropped += lost;
        if (streak >= STREAK)
            gather(w);
    }
    unlock(w->which);
    report_dropped(w);

    lock(w->which);
    w->is_finished = true;
    is_abandoned = w->is_abandoned;
    pthread_cond_signal(&w->has_finished);
    unlock(w->which);
    if (is_abandoned)
        writer_free(w);
    return NULL;
}

/* -- start and stop ------------------------------------------------------------------------------------------------------------
 */

/** Conditions that are timed by the clock that never jumps. */
static int init_conditions(struct log_writer *w)
{
    pthread_condattr_t attr;
    int error = pthread_condattr_init(&attr);

    if (error != 0)
        return error;
    error = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (error == 0)
        error = pthread_cond_init(&w->has_work, &attr);
    if (error == 0) {
        error = pthread_cond_init(&w->has_finished, &attr);
        if (error != 0)
            pthread_cond_destroy(&w->has_work);
    }
    pthread_condattr_destroy(&attr);
    return error;
}

/** A writer without file and thread, or NULL with errno. */
static struct log_writer *writer_new(enum log_which which, const char *path, const struct log_writer_ops *ops)
{
    struct log_writer *w = calloc(1, sizeof(*w));
    int error = ENOMEM;

    if (w == NULL)
        return NULL;
    w->which = which;
    w->ops = *ops;
    w->file.fd = -1;
    w->next_fd = -1;
    w->path = path == NULL ? NULL : strdup(path);
    w->filling = malloc(queue_bytes[which]);
    w->emptying = malloc(queue_bytes[which]);
    if (w->filling != NULL && w->emptying != NULL && (path == NULL || w->path != NULL))
        error = init_conditions(w);
    if (error == 0)
        return w;
    free(w->filling);
    free(w->emptying);
    free(w->path);
    free(w);
    errno = error;
    return NULL;
}

/** Starts the thread with all signals blocked: they are the main thread's. Returns 0 or an error number. */
static int start_thread(struct log_writer *w)
{
    sigset_t all;
    sigset_t before;
    int error;

    sigfillset(&all);
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error != 0)
        return error;
    error = pthread_create(&w->thread, NULL, writer_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int log_writer_start(enum log_which which, const char *path, const struct log_writer_ops *ops)
{
    struct log_writer *w;
    int fd, error;

    assert(places[which].writer == NULL);
    w = writer_new(which, path, ops);
    if (w == NULL)
        return -1;
    fd = path == NULL ? STDERR_FILENO : log_file_open(path);
    error = fd < 0 ? errno : 0;
    if (error == 0) {
        take_file(w, fd);
        error = start_thread(w);
    }
    if (error != 0) {
        writer_free(w);
        errno = error;
        return -1;
    }
    lock(which);
    places[which].writer = w;
    unlock(which);
    return 0;
}

int log_writer_reopen(enum log_which which)
{
    /* No lock for reading it: only the main thread changes it, and it is the one that calls. */
    struct log_writer *w = places[which].writer;
    int fd;

    if (w == NULL || w->path == NULL)
        return 0;
    fd = log_file_open(w->path);
    if (fd < 0)
        return -1;
    lock(which);
    close_fd(w->next_fd);
    w->next_fd = fd;
    pthread_cond_signal(&w->has_work);
    unlock(which);
    return 0;
}

/** Ends the thread. False if it is stuck and will free the writer itself, whenever it comes round. */
static bool end_thread(struct log_writer *w)
{
    struct timespec at = clock_after(STOP_MS);
    bool is_finished;
    int error = 0;

    lock(w->which);
    w->is_stopping = true;
    pthread_cond_signal(&w->has_work);
    while (!w->is_finished && error == 0)
        error = pthread_cond_timedwait(&w->has_finished, &places[w->which].lock, &at);
    is_finished = w->is_finished;
    w->is_abandoned = !is_finished;
    if (!is_finished)
        pthread_detach(w->thread);
    unlock(w->which);
    if (is_finished)
        pthread_join(w->thread, NULL);
    return is_finished;
}

void log_writer_stop(enum log_which which)
{
    struct log_writer *w;

    lock(which);
    w = places[which].writer;
    places[which].writer = NULL;
    unlock(which);
    if (w != NULL && end_thread(w))
        writer_free(w);
}

/** Copies the line into the queue, if there is room, and wakes the thread if it must not go on waiting. Under the lock. */
static void queue_line(struct log_writer *w, const char *line, size_t length)
{
    bool was_half_full = is_half_full(w);

    if (length > queue_bytes[w->which] - w->filled) {
        w->dropped++;
        places[w->which].dropped++;
        return;
    }
    memcpy(w->filling + w->filled, line, length);
    w->filled += length;
    if (w->is_idle || (!was_half_full && is_half_full(w)))
        pthread_cond_signal(&w->has_work);
    w->is_idle = false;
}

uint64_t log_writer_dropped(enum log_which which)
{
    uint64_t dropped;

    lock(which);
    dropped = places[which].dropped;
    unlock(which);
    return dropped;
}

void log_writer_put(enum log_which which, const char *line, size_t length)
{
    struct log_writer *w;

    assert(length > 0 && length <= queue_bytes[which] && line[length - 1] == '\n');
    lock(which);
    w = places[which].writer;
    if (w != NULL)
        queue_line(w, line, length);
    unlock(which);
    if (w == NULL)
        log_file_write_stderr(line, length);
}
