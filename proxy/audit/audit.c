/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of events, the lines' beginning, and whether the program must stop. Lines are put by any thread; start and stop
 * are the main thread's.
 */
#include "proxy/audit/audit.h"

#include "proxy/audit/parts.h"
#include "proxy/audit/syslog.h"
#include "proxy/audit/writer.h"
#include "proxy/base/clock.h"
#include "proxy/base/log_form.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TELL_MS 60000 /* pause between two lines of the log about one trouble */

static const struct audit_row rows[AUDIT_EVENTS] = {
#define X(constant, number, name, category, severity, iec, cip, sentence) {number, name, category, severity, iec, cip, sentence},
#include "proxy/audit/audit.def"
#undef X
};

static const char *const result_names[] = {"ok", "refused", "failed"};

static atomic_bool is_on;
static atomic_uint_fast64_t lost_at[AUDIT_PLACES];

static struct {
    pthread_mutex_t lock;
    bool must_stop;  /* by the settings */
    bool has_failed; /* and it came to that */
    void (*stop)(void *arg);
    void *arg;
} end = {.lock = PTHREAD_MUTEX_INITIALIZER};

const struct audit_row *audit_row_of(enum audit_event event)
{
    return &rows[event];
}

const struct audit_row *audit_row_find(unsigned number)
{
    for (size_t i = 0; i < AUDIT_EVENTS; i++)
        if (rows[i].number == number)
            return &rows[i];
    return NULL;
}

/* -- lines ---------------------------------------------------------------------------------------------------------------------
 */

/* "2026-11-21T11:02:03.123+00:00": UTC, and says so by its offset. */
static void add_time(struct log_line *l)
{
    char time[LOG_FORM_TIME_BYTES + 6];

    log_form_time(time);
    memcpy(time + LOG_FORM_TIME_BYTES - 1, "+00:00", 7);
    log_text(l, "ts", time);
}

void audit_line(struct log_line *l, enum audit_event event, enum audit_result result)
{
    log_fields_begin(l);
    add_time(l);
    log_number(l, "id", rows[event].number);
    log_text(l, "ev", rows[event].name);
    log_text(l, "result", result_names[result]);
}

bool audit_begin(struct log_line *l, enum audit_event event, enum audit_result result)
{
    if (!atomic_load_explicit(&is_on, memory_order_relaxed))
        return false;
    audit_line(l, event, result);
    return true;
}

void audit_end(struct log_line *l)
{
    log_fields_end(l);
    if (!writer_put(l->text, l->used))
        audit_lose(AUDIT_CHAIN);
}

/* -- what was lost -------------------------------------------------------------------------------------------------------------
 */

void audit_lose(enum audit_place place)
{
    atomic_fetch_add_explicit(&lost_at[place], 1, memory_order_relaxed);
    audit_give_up();
}

uint64_t audit_lost(enum audit_place place)
{
    return atomic_load_explicit(&lost_at[place], memory_order_relaxed);
}

/* -- trouble -------------------------------------------------------------------------------------------------------------------
 */

void audit_trouble(struct audit_trouble *t, const char *error, uint64_t lost)
{
    uint64_t now = clock_ms();
    struct log_line l;

    if (t->since_ms == 0)
        t->since_ms = now;
    snprintf(t->error, sizeof(t->error), "%s", error);
    if (now < t->may_tell_ms)
        return;
    t->may_tell_ms = now + TELL_MS;
    if (!log_begin(&l, LOG_LEVEL_ERROR, "audit_failed"))
        return;
    log_text(&l, "to", t->what);
    log_text(&l, "error", error);
    log_number(&l, "seconds", (now - t->since_ms) / 1000);
    log_number(&l, "lost", lost);
    log_text(&l, "remedy", t->remedy);
    log_end(&l);
}

uint64_t audit_trouble_over(struct audit_trouble *t)
{
    uint64_t seconds = t->since_ms != 0 ? (clock_ms() - t->since_ms) / 1000 : 0;
    struct log_line l;

    if (t->since_ms != 0 && log_begin(&l, LOG_LEVEL_WARN, "audit_resumed")) {
        log_text(&l, "to", t->what);
        log_number(&l, "seconds", seconds);
        log_end(&l);
    }
    t->since_ms = 0;
    t->may_tell_ms = 0;
    return seconds;
}

void audit_give_up(void)
{
    void (*stop)(void *) = NULL;
    void *arg = NULL;

    pthread_mutex_lock(&end.lock);
    if (end.must_stop && !end.has_failed) {
        end.has_failed = true;
        stop = end.stop;
        arg = end.arg;
    }
    if (stop != NULL)
        stop(arg); /* under the lock: audit_on_stop(NULL) then means that nobody calls any more */
    pthread_mutex_unlock(&end.lock);
}

void audit_on_stop(void (*stop)(void *arg), void *arg)
{
    pthread_mutex_lock(&end.lock);
    end.stop = stop;
    end.arg = arg;
    if (stop != NULL && end.has_failed)
        stop(arg);
    pthread_mutex_unlock(&end.lock);
}

bool audit_has_failed(void)
{
    bool has_failed;

    pthread_mutex_lock(&end.lock);
    has_failed = end.has_failed;
    pthread_mutex_unlock(&end.lock);
    return has_failed;
}

/* -- threads -------------------------------------------------------------------------------------------------------------------
 */

int audit_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error != 0)
        return error;
    error = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

bool audit_thread_join(pthread_t thread)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += AUDIT_STOP_MS / 1000;
    if (pthread_timedjoin_np(thread, NULL, &at) == 0)
        return true;
    pthread_detach(thread);
    return false;
}

/* -- start and stop ------------------------------------------------------------------------------------------------------------
 */

int audit_key_read(const char *path, struct audit_key *key)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char bytes[AUDIT_KEY_BYTES + 2];
    ssize_t n;
    int error;

    if (fd < 0)
        return -1;
    n = read(fd, bytes, sizeof(bytes));
    error = errno;
    close(fd);
    errno = n < 0 ? error : EINVAL;
    if (n > 0 && bytes[n - 1] == '\n')
        n--;
    if (n < 16 || n > AUDIT_KEY_BYTES)
        return -1;
    memcpy(key->bytes, bytes, (size_t)n);
    key->length = (size_t)n;
    explicit_bzero(bytes, sizeof(bytes));
    return 0;
}

int audit_start(const struct audit_settings *settings, const char **ret_path)
{
    int error;

    end.must_stop = settings->must_stop;
    end.has_failed = false;
    if (settings->transport != AUDIT_NO_SYSLOG && syslog_start(settings) != 0) {
        *ret_path = settings->host;
        return -1;
    }
    if (writer_start(settings, ret_path) != 0) {
        error = errno;
        syslog_stop();
        errno = error;
        return -1;
    }
    atomic_store(&is_on, true);
    return 0;
}

void audit_stop(void)
{
    if (!atomic_exchange(&is_on, false))
        return;
    writer_stop();
    syslog_stop();
}

int audit_reopen(void)
{
    return atomic_load(&is_on) ? writer_reopen() : 0;
}
