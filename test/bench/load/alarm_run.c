/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop over all sockets. One thread, level-triggered.
 */
#include "test/bench/load/alarm_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/load/moment.h"
#include "test/bench/load/pattern.h"

/* Advises that are being opened at a time, so that the tunnel is asked for channels by the dozen and not by the thousand. */
#define OPENING_MAX 32

/* Nothing may be silent for longer. */
#define SILENCE_NS (15 * MOMENT_SECOND_NS)

void alarm_run_fail(struct alarm_run *run, const struct alarm_advise *a, const char *what, int error)
{
    result_fail(&run->result, "advise %u: %s%s%s", a != NULL ? a->index : 0, what, error != 0 ? ": " : "",
                error != 0 ? strerror(error) : "");
    alarm_run_finish(run);
}

/* -- counting ------------------------------------------------------------------------------------------------------------------
 */

void alarm_run_count(struct alarm_run *run, uint64_t units)
{
    if (window_counts(&run->window))
        run->result.units += units;
}

void alarm_run_note(struct alarm_run *run, uint64_t sent_ns)
{
    if (!window_counts(&run->window))
        return;
    run->result.units++;
    histogram_add(&run->latency, moment_ns() - sent_ns);
}

static void turn_window(struct alarm_run *run)
{
    pid_t gone = run->phase == ALARM_RUNNING ? window_turn(&run->window, run->now_ns) : 0;

    if (gone != 0)
        alarm_run_fail(run, NULL, "a process of --pids has ended", 0);
    else if (run->window.phase == WINDOW_OVER && run->phase == ALARM_RUNNING)
        alarm_run_finish(run);
}

/* -- the life of an advise -----------------------------------------------------------------------------------------------------
 */

bool alarm_run_dial(struct alarm_run *run, struct alarm_advise *a)
{
    uint32_t index = (uint32_t)(a - run->advises);

    if (alarm_advise_open(a, index, &run->route, &run->poller) != 0) {
        alarm_run_fail(run, a, "the server can't dial", errno);
        return false;
    }
    run->alive++;
    return true;
}

void alarm_run_dial_later(struct alarm_run *run, struct alarm_advise *a)
{
    a->due_ns = moment_ns() + run->options->pause_ms * UINT64_C(1000000);
    a->later = NULL;
    if (run->pausing == NULL)
        run->pausing = a;
    else
        run->last_pausing->later = a;
    run->last_pausing = a;
}

static void dial_due(struct alarm_run *run)
{
    while (run->phase == ALARM_RUNNING && run->pausing != NULL && run->pausing->due_ns <= run->now_ns) {
        struct alarm_advise *a = run->pausing;

        run->pausing = a->later;
        (void)alarm_run_dial(run, a);
    }
}

static void dial_more(struct alarm_run *run)
{
    while (run->phase != ALARM_CLOSING && run->dialled < run->options->advises && run->dialled - run->opened < OPENING_MAX)
        if (alarm_run_dial(run, &run->advises[run->dialled]))
            run->dialled++;
}

void alarm_run_end(struct alarm_run *run, struct alarm_advise *a)
{
    if (shutdown(a->server.watch.fd, SHUT_WR) != 0)
        alarm_run_fail(run, a, "the server can't end", errno);
    else if (poller_want(&run->poller, &a->server.watch, EPOLLIN) != 0)
        alarm_run_fail(run, a, "epoll_ctl", errno);
}

static void begin(struct alarm_run *run)
{
    run->phase = ALARM_RUNNING;
    window_init(&run->window, run->options->warm_up_s, run->options->seconds, &run->meter, moment_ns());
    if (run->work->begin != NULL)
        run->work->begin(run);
}

/* A stranger's first message has come whole. */
static void introduce(struct alarm_run *run, struct alarm_end *e, const struct alarm_message *m)
{
    struct alarm_advise *a = m->advise < run->dialled ? &run->advises[m->advise] : NULL;

    if (a == NULL || a->client != NULL || !alarm_message_is(m, a, 0)) {
        alarm_run_fail(run, a, "a first message that was not sent so", 0);
        alarm_end_free(e, &run->poller);
        return;
    }
    e->advise = a;
    a->client = e;
    a->arrived = 1;
    if (run->opened < run->options->advises)
        run->opened++;
    if (run->work->opened != NULL)
        run->work->opened(run, a, m->sent_ns);
    if (run->phase == ALARM_OPENING && run->opened == run->options->advises)
        begin(run);
}

static void read_stranger(struct alarm_run *run, struct alarm_end *e)
{
    struct alarm_message m;

    switch (alarm_end_read(e, &m)) {
    case ALARM_READ_MESSAGE:
        introduce(run, e, &m);
        return;
    case ALARM_READ_AGAIN:
        return;
    case ALARM_READ_END:
        alarm_run_fail(run, NULL, "an advise ended before its first message came", 0);
        break;
    default:
        alarm_run_fail(run, NULL, "a stranger was reset", errno);
    }
    alarm_end_free(e, &run->poller);
}

static void accept_client(struct alarm_run *run)
{
    int fd = accept4(run->listener.watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct alarm_end *e;

    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR)
            alarm_run_fail(run, NULL, "the client can't accept", errno);
        return;
    }
    e = alarm_end_accept(fd);
    if (e == NULL || poller_want(&run->poller, &e->watch, EPOLLIN) != 0) {
        alarm_end_free(e, &run->poller);
        alarm_run_fail(run, NULL, "a client's end", ENOMEM);
        return;
    }
    read_stranger(run, e);
}

/* The client has seen the server's end and says its own. */
static void client_ended(struct alarm_run *run, struct alarm_advise *a)
{
    if (shutdown(a->client->watch.fd, SHUT_WR) != 0)
        alarm_run_fail(run, a, "the client can't end", errno);
    alarm_end_free(a->client, &run->poller);
    a->client = NULL;
}

static void client_ready(struct alarm_run *run, struct alarm_end *e)
{
    struct alarm_advise *a = e->advise;

    if (a == NULL) {
        read_stranger(run, e);
        return;
    }
    run->work->arrived(run, a);
    if (a->client != NULL && a->client->has_ended)
        client_ended(run, a);
}

/* The client sends nothing: what can be read is its end. */
static void server_readable(struct alarm_run *run, struct alarm_advise *a)
{
    uint8_t byte;
    ssize_t n = recv(a->server.watch.fd, &byte, 1, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        alarm_run_fail(run, a, "the server's end was reset", errno);
    else if (n > 0)
        alarm_run_fail(run, a, "bytes came that nobody has sent", 0);
    else if (a->client != NULL)
        alarm_run_fail(run, a, "the server saw an end that the client has not sent", 0);
    alarm_advise_close(a, &run->poller);
    run->alive--;
    if (run->work->ended != NULL && run->phase == ALARM_RUNNING)
        run->work->ended(run, a);
}

/* -- the run -------------------------------------------------------------------------------------------------------------------
 */

/* All that are open end; those that are being opened end when their client's end is there. */
void alarm_run_finish(struct alarm_run *run)
{
    if (run->phase == ALARM_CLOSING)
        return;
    run->phase = ALARM_CLOSING;
    for (unsigned i = 0; i < run->dialled; i++)
        if (run->advises[i].server.watch.fd >= 0)
            (void)shutdown(run->advises[i].server.watch.fd, SHUT_WR);
    for (unsigned i = 0; i < run->dialled; i++)
        if (run->advises[i].server.watch.fd >= 0)
            (void)poller_want(&run->poller, &run->advises[i].server.watch, EPOLLIN);
}

static void serve(struct alarm_run *run, struct alarm_end *e, uint32_t events)
{
    switch (e->kind) {
    case ALARM_END_LISTENER:
        accept_client(run);
        break;
    case ALARM_END_CLIENT:
        client_ready(run, e);
        break;
    default:
        if ((events & EPOLLOUT) && run->phase == ALARM_RUNNING)
            run->work->writable(run, e->advise);
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && e->watch.fd >= 0)
            server_readable(run, e->advise);
    }
}

static int timeout_ms(const struct alarm_run *run)
{
    int border_ms = run->phase == ALARM_RUNNING ? window_timeout_ms(&run->window, run->now_ns) : 1000;
    uint64_t due_ms = 0;

    if (run->phase != ALARM_RUNNING || run->pausing == NULL)
        return border_ms;
    if (run->pausing->due_ns > run->now_ns)
        due_ms = (run->pausing->due_ns - run->now_ns + 999999) / 1000000;
    return due_ms < (uint64_t)border_ms ? (int)due_ms : border_ms;
}

static void turn(struct alarm_run *run)
{
    struct watch *w;
    uint32_t events;

    if (poller_wait(&run->poller, timeout_ms(run)) != 0)
        alarm_run_fail(run, NULL, "epoll_wait", errno);
    run->now_ns = moment_ns();
    if (run->poller.count > 0)
        run->moved_ns = run->now_ns;
    while ((w = poller_next(&run->poller, &events)) != NULL)
        serve(run, (struct alarm_end *)w, events);
    run->now_ns = moment_ns();
    dial_due(run);
    dial_more(run);
    turn_window(run);
}

static bool is_silent(struct alarm_run *run)
{
    if (run->now_ns - run->moved_ns < SILENCE_NS)
        return false;
    alarm_run_fail(run, NULL, "nothing happens any more", 0);
    return true;
}

static void work_through(struct alarm_run *run)
{
    run->now_ns = run->moved_ns = moment_ns();
    if (run->work->measures_opening)
        begin(run);
    dial_more(run);
    while (run->phase != ALARM_CLOSING || (run->alive > 0 && run->result.errors == 0)) {
        turn(run);
        if (is_silent(run))
            return;
    }
}

static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int set_up(struct alarm_run *run, const struct alarm_options *o)
{
    static const struct alarm_work *const works[] = {&alarm_latency, &alarm_bulk, &alarm_messages};

    run->options = o;
    run->work = works[o->what];
    run->result.unit = run->work->unit;
    run->result.meter = &run->meter;
    run->result.latency = o->what == ALARM_BULK ? NULL : &run->latency;
    run->poller.fd = -1;
    if (meter_init(&run->meter, o->pids) != 0 || alarm_route_open(&run->route, o) != 0)
        return -1;
    run->advises = calloc(o->advises, sizeof run->advises[0]);
    run->listener.kind = ALARM_END_LISTENER;
    watch_init(&run->listener.watch, run->route.listener);
    if (run->advises != NULL && poller_init(&run->poller) == 0 && poller_want(&run->poller, &run->listener.watch, EPOLLIN) == 0)
        return 0;
    perror("bench_alarm");
    alarm_route_close(&run->route);
    return -1;
}

int alarm_run(const struct alarm_options *o)
{
    static struct alarm_run run; /* zero, and too large for a stack */

    pattern_init();
    raise_limit();
    if (set_up(&run, o) != 0)
        return 1;
    work_through(&run);
    for (unsigned i = 0; i < run.dialled; i++)
        alarm_advise_close(&run.advises[i], &run.poller);
    run.result.seconds = run.window.seconds;
    alarm_route_close(&run.route);
    poller_fini(&run.poller);
    free(run.advises);
    return result_print(&run.result);
}
