/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_load: opens the crowd, measures in the window, ends in order, tells the result.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/bench/load/load.h"
#include "test/bench/load/load_tls.h"
#include "test/bench/load/moment.h"
#include "test/bench/load/pattern.h"
#include "test/bench/load/tcp.h"

#define OPENING_LEAST 128 /* not proven at a time, so that no accept queue runs over */
#define OPENING_SHARE 8   /* of many this part, for each of them waits behind all that already work */
#define STALL_NS      (10 * MOMENT_SECOND_NS)
#define DRAIN_NS      (3 * MOMENT_SECOND_NS)
#define DRAIN_EACH_NS (MOMENT_SECOND_NS / 200) /* more for each connection: a handshake behind all others takes that long */
#define RESUMED_SHARE 0.99

/** When the run last saw something move. */
struct stall {
    uint64_t progress;
    uint64_t since_ns;
};

/** Bulk with --check has a last byte, idle a line on stdin; the other cases end with the window. */
static bool ends_by_itself(const struct load *l)
{
    return l->options.what.life == LOAD_HELD || (l->options.what.life == LOAD_BULK && l->options.checks);
}

bool load_counts(const struct load *l)
{
    return window_counts(&l->window) || ends_by_itself(l);
}

static void write_request(struct load *l)
{
    const struct load_options *o = &l->options;
    bool is_endless = o->what.life == LOAD_BULK && !o->checks;
    unsigned long long bytes = is_endless ? LOAD_ENDLESS : o->bytes;
    int size;

    if (o->what.talk == LOAD_PUT)
        size = snprintf(l->request, sizeof l->request, "PUT /u HTTP/1.1\r\nHost: %s\r\nContent-Length: %llu\r\n%s\r\n", o->name,
                        bytes, o->checks ? "Check: 1\r\n" : "");
    else
        size = snprintf(l->request, sizeof l->request, "GET /b/%llu HTTP/1.1\r\nHost: %s\r\n%s\r\n", bytes, o->name,
                        o->what.life == LOAD_ONE_SHOT ? "Connection: close\r\n" : "");
    l->request_size = (size_t)size < sizeof l->request ? (size_t)size : 0;
}

static int set_up(struct load *l)
{
    signal(SIGPIPE, SIG_IGN); /* stdout may go */
    tcp_raise_limit();
    pattern_init();
    write_request(l);
    if (l->request_size == 0) {
        fprintf(stderr, "--name is too long.\n");
        return -1;
    }
    if (l->options.is_tls && (l->tls = load_tls_new(&l->options)) == NULL)
        return -1;
    if (meter_init(&l->meter, l->options.pids) != 0)
        return -1;
    l->clients = calloc(l->options.connections, sizeof *l->clients);
    if (l->clients == NULL || poller_init(&l->poller) != 0) {
        fprintf(stderr, "bench_load cannot make its clients: %s\n", strerror(errno));
        return -1;
    }
    for (unsigned i = 0; i < l->options.connections; i++)
        l->clients[i].wire.watch.fd = -1;
    l->result.unit = l->options.what.unit;
    l->result.meter = &l->meter;
    l->result.latency = l->options.what.life == LOAD_BULK ? NULL : &l->latency;
    return 0;
}

static void tear_down(struct load *l)
{
    for (unsigned i = 0; i < l->options.connections; i++) {
        client_drop(l, &l->clients[i]);
        wire_fini(&l->clients[i].wire);
    }
    poller_fini(&l->poller);
    SSL_CTX_free(l->tls);
    free(l->clients);
}

static void note_gone(struct load *l, pid_t gone)
{
    if (gone == 0)
        return;
    result_fail(&l->result, "process %d, whose CPU time is wanted, is gone", gone);
    l->is_broken = true;
}

static void open_more(struct load *l)
{
    unsigned share = l->options.connections / OPENING_SHARE;
    unsigned limit = share > OPENING_LEAST ? share : OPENING_LEAST;

    while (l->opened < l->options.connections && l->opening < limit && !l->is_ending && !l->is_broken)
        client_begin(l, &l->clients[l->opened++]);
}

static void turn(struct load *l, int timeout_ms)
{
    struct watch *w;
    uint32_t events;

    if (poller_wait(&l->poller, timeout_ms) != 0) {
        result_fail(&l->result, "bench_load cannot wait for events: %s", strerror(errno));
        l->is_broken = true;
    }
    while ((w = poller_next(&l->poller, &events)) != NULL)
        client_run(l, (struct client *)w, events);
}

static unsigned count_waiting(const struct load *l)
{
    unsigned waiting = 0;

    for (unsigned i = 0; i < l->opened; i++)
        waiting += client_is_waiting(&l->clients[i]);
    return waiting;
}

static void watch_stall(struct load *l, struct stall *s, uint64_t now)
{
    if (l->progress != s->progress) {
        *s = (struct stall){l->progress, now};
    } else if (now - s->since_ns > STALL_NS) {
        result_fail(&l->result, "nothing moved for 10 seconds: of %u connections %u wait for an answer, %u for the peer's end",
                    l->live, count_waiting(l), l->live - count_waiting(l));
        l->is_broken = true;
    }
}

/** Ends every connection in order; what is not answered by then is an error. */
static void end(struct load *l)
{
    uint64_t start = moment_ns();
    uint64_t patience = DRAIN_NS + l->opened * DRAIN_EACH_NS;

    l->is_ending = true;
    for (unsigned i = 0; i < l->opened; i++)
        client_stop(l, &l->clients[i]);
    while (l->live > 0 && !l->is_broken && moment_ns() - start < patience)
        turn(l, 100);
    unsigned waiting = count_waiting(l);
    if (waiting > 0 && !l->is_broken)
        result_fail(&l->result, "%u connections had no whole answer %.0f seconds after the end", waiting,
                    (double)patience / (double)MOMENT_SECOND_NS);
}

static bool all_are_proven(const struct load *l)
{
    return l->opened == l->options.connections && l->opening == 0;
}

/** Runs until the window is over. The warm-up starts when every client has had a unit, and so a ticket. */
static void run_window(struct load *l)
{
    uint64_t now = moment_ns();
    struct stall stall = {0, now};
    bool has_started = false;

    window_init(&l->window, l->options.warm_up_s, l->options.seconds, &l->meter, now);
    while (l->window.phase != WINDOW_OVER && !l->is_broken) {
        open_more(l);
        turn(l, window_timeout_ms(&l->window, now));
        now = moment_ns();
        watch_stall(l, &stall, now);
        if (!has_started)
            window_init(&l->window, l->options.warm_up_s, l->options.seconds, &l->meter, now);
        has_started = has_started || all_are_proven(l);
        note_gone(l, has_started ? window_turn(&l->window, now) : 0);
        if (l->live == 0 && l->opened > 0)
            l->is_broken = true;
    }
    l->result.seconds = l->window.seconds;
    end(l);
}

/** Runs until every connection has ended (bulk with --check) or stands (idle). */
static void run_crowd(struct load *l)
{
    struct stall stall = {0, moment_ns()};

    do {
        open_more(l);
        turn(l, 100);
        watch_stall(l, &stall, moment_ns());
    } while (!l->is_broken && (l->opened < l->options.connections || l->live > l->standing));
}

static void run_bulk_check(struct load *l)
{
    uint64_t start = moment_ns();

    note_gone(l, meter_start(&l->meter));
    run_crowd(l);
    note_gone(l, meter_stop(&l->meter));
    l->result.seconds = (double)(moment_ns() - start) / (double)MOMENT_SECOND_NS;
}

/** Returns when a line, or the end, has come on stdin, or a held connection is lost. */
static void hold(struct load *l)
{
    struct watch line;

    printf("holding\n");
    fflush(stdout);
    watch_init(&line, STDIN_FILENO);
    if (poller_want(&l->poller, &line, EPOLLIN) != 0) {
        result_fail(&l->result, "--case idle waits for a line on stdin, which must be a pipe or a terminal: %s", strerror(errno));
        return;
    }
    for (bool is_told = false; !is_told && l->result.errors == 0;) {
        struct watch *w;
        uint32_t events;

        poller_wait(&l->poller, -1);
        while ((w = poller_next(&l->poller, &events)) != NULL) {
            if (w == &line)
                is_told = true;
            else
                client_run(l, (struct client *)w, events);
        }
    }
    epoll_ctl(l->poller.fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
}

static void run_idle(struct load *l)
{
    run_crowd(l);
    if (l->result.errors > 0)
        return;
    uint64_t start = moment_ns();
    note_gone(l, meter_start(&l->meter));
    hold(l);
    note_gone(l, meter_stop(&l->meter));
    l->result.seconds = (double)(moment_ns() - start) / (double)MOMENT_SECOND_NS;
    end(l);
}

static void judge_resumed(struct load *l)
{
    struct result *r = &l->result;

    if (l->options.what.resumes && (double)r->resumed < RESUMED_SHARE * (double)r->units)
        result_fail(r, "only %llu of %llu handshakes were resumed", (unsigned long long)r->resumed, (unsigned long long)r->units);
    if (r->units == 0 && r->errors == 0)
        result_fail(r, "not one %s was done in the window", r->unit);
}

int main(int argc, char **argv)
{
    static struct load load;

    if (load_options_read(&load.options, argc, argv) != 0)
        return 2;
    if (set_up(&load) != 0)
        return 1;
    if (load.options.what.life == LOAD_HELD)
        run_idle(&load);
    else if (ends_by_itself(&load))
        run_bulk_check(&load);
    else
        run_window(&load);
    judge_resumed(&load);
    int code = result_print(&load.result);
    tear_down(&load);
    return code;
}
