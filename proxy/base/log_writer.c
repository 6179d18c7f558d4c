/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the queue of lines, the log's file and the thread that moves one to the other. The queue is one buffer that the threads
 * of the program fill and one that the writer empties; they change places under the lock, which nobody holds during a write.
 * Every line ends with the only newline in it, so lines that got lost are counted by their newlines.
 */
#include "proxy/base/log_writer.h"

#include "proxy/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/** Room in each of the two buffers. */
#define QUEUE_BYTES ((size_t)512 * 1024)

#define STOP_MS   2000 /**< how long log_writer_stop() waits for the thread */
#define STALL_MS  1000 /**< how long a non-blocking pipe may stay full before the batch is dropped */
#define REPORT_MS 1000 /**< pause between attempts to tell of dropped lines while nothing else is written */

struct log_writer {
    pthread_t thread;
    log_writer_report_fn *report;
    char *path;

    pthread_cond_t has_work; /**< for the thread: lines, a new file, or the end */
    pthread_cond_t has_finished;
    char *filling; /**< under the lock */
    size_t filled;
    uint64_t dropped; /**< lines lost and not yet told of */
    int next_fd;      /**< opened by log_writer_reopen(), taken over by the thread; or -1 */
    bool is_stopping;
    bool is_finished;
    bool is_abandoned; /**< the thread frees the writer when it comes round */

    char *emptying; /**< the thread's own from here on */
    int fd;
    bool is_torn; /**< the last line in the file lacks its end */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_writer *current; /**< where lines are put; under the lock */

/** O_NONBLOCK: a FIFO that nobody reads gives an error now, not a hang; it means nothing to files. */
static int open_path(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static void close_fd(int fd)
{
    if (fd >= 0 && fd != STDERR_FILENO)
        close(fd);
}

static struct timespec deadline_after(unsigned ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static uint64_t count_lines(const char *bytes, size_t length)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < length; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/** True if the descriptor takes bytes again within `ms`. */
static bool wait_writable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, ms) == 1 && (p.revents & POLLOUT) != 0;
}

/** Returns how many bytes were written before an error, or before a pipe stayed full for `stall_ms`. */
static size_t write_bytes(int fd, const char *bytes, size_t length, int stall_ms)
{
    size_t done = 0;

    while (done < length) {
        ssize_t n = write(fd, bytes + done, length - done);

        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EAGAIN && wait_writable(fd, stall_ms))
            continue;
        else if (n == 0 || errno != EINTR)
            break;
    }
    return done;
}

/** Writes whole lines; returns the number of those that did not arrive whole. Thread of the writer. */
static uint64_t write_lines(struct log_writer *w, const char *bytes, size_t length)
{
    size_t done;

    if (length == 0)
        return 0;
    if (w->is_torn && write_bytes(w->fd, "\n", 1, STALL_MS) != 1)
        return count_lines(bytes, length);
    w->is_torn = false;
    done = write_bytes(w->fd, bytes, length, STALL_MS);
    if (done > 0 && bytes[done - 1] != '\n')
        w->is_torn = true;
    return count_lines(bytes + done, length - done);
}

/** Tells of dropped lines, if there are any and they can be told of. Thread of the writer. */
static void report_dropped(struct log_writer *w)
{
    char line[LOG_WRITER_REPORT_BYTES];
    uint64_t lines;

    pthread_mutex_lock(&lock);
    lines = w->dropped;
    pthread_mutex_unlock(&lock);
    if (lines == 0 || write_lines(w, line, w->report(lines, line)) != 0)
        return;
    pthread_mutex_lock(&lock);
    w->dropped -= lines;
    pthread_mutex_unlock(&lock);
}

/** Waits for work and takes it over: the new file, the filled buffer. False at the end. Called and left with the lock held. */
static bool take_work(struct log_writer *w, size_t *ret_length)
{
    char *full = w->filling;

    while (w->filled == 0 && w->next_fd < 0 && !w->is_stopping) {
        struct timespec at = deadline_after(REPORT_MS);

        if (w->dropped == 0)
            pthread_cond_wait(&w->has_work, &lock);
        else if (pthread_cond_timedwait(&w->has_work, &lock, &at) == ETIMEDOUT)
            break;
    }
    if (w->next_fd >= 0) {
        close_fd(w->fd);
        w->fd = w->next_fd;
        w->next_fd = -1;
        w->is_torn = false;
    }
    *ret_length = w->filled;
    w->filling = w->emptying;
    w->filled = 0;
    w->emptying = full;
    return *ret_length > 0 || !w->is_stopping;
}

static void writer_free(struct log_writer *w)
{
    close_fd(w->fd);
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

    pthread_mutex_lock(&lock);
    while (take_work(w, &length)) {
        uint64_t lost;

        pthread_mutex_unlock(&lock);
        lost = write_lines(w, w->emptying, length);
        if (lost == 0)
            report_dropped(w);
        pthread_mutex_lock(&lock);
        w->dropped += lost;
    }
    pthread_mutex_unlock(&lock);
    report_dropped(w);

    pthread_mutex_lock(&lock);
    w->is_finished = true;
    is_abandoned = w->is_abandoned;
    pthread_cond_signal(&w->has_finished);
    pthread_mutex_unlock(&lock);
    if (is_abandoned)
        writer_free(w);
    return NULL;
}

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
static struct log_writer *writer_new(const char *path, log_writer_report_fn *report)
{
    struct log_writer *w = calloc(1, sizeof(*w));
    int error = ENOMEM;

    if (w == NULL)
        return NULL;
    w->report = report;
    w->fd = -1;
    w->next_fd = -1;
    w->path = path == NULL ? NULL : strdup(path);
    w->filling = malloc(QUEUE_BYTES);
    w->emptying = malloc(QUEUE_BYTES);
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

int log_writer_start(const char *path, log_writer_report_fn *report)
{
    struct log_writer *w;
    int error;

    assert(current == NULL);
    w = writer_new(path, report);
    if (w == NULL)
        return -1;
    w->fd = path == NULL ? STDERR_FILENO : open_path(path);
    error = w->fd < 0 ? errno : start_thread(w);
    if (error != 0) {
        writer_free(w);
        errno = error;
        return -1;
    }
    pthread_mutex_lock(&lock);
    current = w;
    pthread_mutex_unlock(&lock);
    return 0;
}

int log_writer_reopen(void)
{
    int fd;

    /* No lock for reading `current`: only the main thread changes it, and it is the one that calls. */
    if (current == NULL || current->path == NULL)
        return 0;
    fd = open_path(current->path);
    if (fd < 0)
        return -1;
    pthread_mutex_lock(&lock);
    close_fd(current->next_fd);
    current->next_fd = fd;
    pthread_cond_signal(&current->has_work);
    pthread_mutex_unlock(&lock);
    return 0;
}

void log_writer_stop(void)
{
    struct timespec at = deadline_after(STOP_MS);
    struct log_writer *w;
    bool is_finished;
    int error = 0;

    pthread_mutex_lock(&lock);
    w = current;
    current = NULL;
    if (w == NULL) {
        pthread_mutex_unlock(&lock);
        return;
    }
    w->is_stopping = true;
    pthread_cond_signal(&w->has_work);
    while (!w->is_finished && error == 0)
        error = pthread_cond_timedwait(&w->has_finished, &lock, &at);
    is_finished = w->is_finished;
    w->is_abandoned = !is_finished;
    if (!is_finished)
        pthread_detach(w->thread);
    pthread_mutex_unlock(&lock);
    if (is_finished) {
        pthread_join(w->thread, NULL);
        writer_free(w);
    }
}

void log_writer_put(const char *line, size_t length)
{
    assert(length > 0 && length <= QUEUE_BYTES && line[length - 1] == '\n');
    pthread_mutex_lock(&lock);
    if (current == NULL) {
        pthread_mutex_unlock(&lock);
        (void)write_bytes(STDERR_FILENO, line, length, 0);
        return;
    }
    if (length > QUEUE_BYTES - current->filled) {
        current->dropped++;
    } else {
        memcpy(current->filling + current->filled, line, length);
        current->filled += length;
        if (current->filled == length)
            pthread_cond_signal(&current->has_work);
    }
    pthread_mutex_unlock(&lock);
}
