/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the round that is under way and its time. Main thread. */
#include "proxy/app/watchdog.h"

#include "proxy/app/counts.h"
#include "proxy/app/notify.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* In the manager's time two rounds may be late. */
#define ROUNDS 3

/* The longest that a manager may wait: a week. */
#define USEC_MAX ((unsigned long long)7 * 24 * 3600 * 1000 * 1000)

static struct watchdog {
    uint64_t interval_ms; /* 0: nobody waits for us */
    struct site *site;    /* NULL: not started, or stopped */
    struct deadline next;
    uint64_t asked_ms; /* 0: no round is under way */
    bool is_late;      /* and was told in the log */
} watchdog;

/* A whole number without sign up to `max`, or 0. */
static unsigned long long read_number(const char *text, unsigned long long max)
{
    char *end = NULL;
    unsigned long long value;

    if (text == NULL || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    value = strtoull(text, &end, 10);
    return errno != 0 || *end != '\0' || value > max ? 0 : value;
}

static void read_environment(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t ms = read_number(usec, USEC_MAX) / 1000;

    if (usec == NULL || (pid != NULL && read_number(pid, USEC_MAX) != (unsigned long long)getpid()))
        return;
    if (ms < ROUNDS)
        fprintf(stderr, "georelay: WATCHDOG_USEC is \"%s\"; 3000 is the least, so no watchdog is told. Mend WatchdogSec=.\n",
                usec);
    else
        watchdog.interval_ms = ms / ROUNDS;
}

void watchdog_open(void)
{
    watchdog = (struct watchdog){0};
    read_environment();
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void all_answered(void *arg, const struct counts *c)
{
    (void)arg;
    watchdog.asked_ms = 0;
    watchdog.is_late = false;
    if (watchdog.site != NULL && c != NULL)
        notify_say("WATCHDOG=1\nSTATUS=%lu links, %lu advises, %lu web connections", c->links, c->advises, c->web);
}

static void log_late(void)
{
    struct log_line l;

    if (watchdog.is_late || !log_begin(&l, LOG_LEVEL_ERROR, "watchdog_late"))
        return;
    watchdog.is_late = true;
    log_number(&l, "ms", clock_ms() - watchdog.asked_ms);
    log_text(&l, "remedy", "a worker does not answer, so the service manager will restart georelay; report it with this log");
    log_end(&l);
}

static void ask(void *arg)
{
    (void)arg;
    deadline_set(&watchdog.next, watchdog.interval_ms);
    if (watchdog.asked_ms != 0) {
        log_late();
        return;
    }
    watchdog.asked_ms = clock_ms();
    if (!counts_ask(watchdog.site, all_answered, NULL))
        watchdog.asked_ms = 0; /* the next round finds memory, or the manager finds us */
}

void watchdog_start(struct loop *loop, struct site *site)
{
    if (watchdog.interval_ms == 0 || !notify_is_on())
        return;
    watchdog.site = site;
    deadline_init(&watchdog.next, loop, ask, NULL);
    ask(NULL);
}

void watchdog_stop(void)
{
    if (watchdog.site != NULL)
        deadline_clear(&watchdog.next);
    watchdog.site = NULL;
}
