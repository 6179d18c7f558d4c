/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated client machines from start to end: starting them at a pace, summaries, the end and its verdict. One thread, one
 * loop. */
#include "test/sim/client.h"

#include "test/sim/client_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define START_TICK_US 10000

/* What only a walk over all clients tells. */
struct totals {
    uint64_t alarms, resent, lost, duplicated, reordered, restarts, alarms_min, alarms_max, missing, unfinished;
};

static void add_up(const struct run *run, struct totals *t)
{
    const struct options *o = run->options;
    *t = (struct totals){.alarms_min = UINT64_MAX};
    for (unsigned i = 0; i < run->count; i++) {
        const struct client *c = &run->clients[i];
        t->alarms += c->tally.received;
        t->resent += c->tally.resent;
        t->lost += c->tally.lost;
        t->duplicated += c->tally.duplicated;
        t->reordered += c->tally.reordered;
        t->restarts += c->tally.restarts;
        t->alarms_min = c->tally.received < t->alarms_min ? c->tally.received : t->alarms_min;
        t->alarms_max = c->tally.received > t->alarms_max ? c->tally.received : t->alarms_max;
        t->missing += c->tally.received < o->alarms ? o->alarms - c->tally.received : 0;
        t->missing += c->answers < o->requests ? o->requests - c->answers : 0;
        /* alarms that the server says it sent and that had not come when time was up */
        t->lost += c->has_finished && c->tally.highest < c->last_alarm ? c->last_alarm - c->tally.highest : 0;
        t->unfinished += c->phase != CLIENT_DONE ? 1 : 0;
    }
}

static void report_counts(const struct run *run, struct report *r)
{
    const struct run_counts *c = &run->counts;
    report_add(r, "requests", c->requests);
    report_add(r, "answers", c->answers);
    report_add(r, "unanswered", c->unanswered);
    report_add(r, "request_bytes", c->request_bytes);
    report_add(r, "answer_bytes", c->answer_bytes);
    report_add(r, "link_ends", c->link_ends);
    report_add(r, "link_resets", c->link_resets);
    report_add(r, "link_refused", c->link_refused);
    report_add(r, "link_timeouts", c->link_timeouts);
    report_add(r, "link_breaks", c->link_breaks);
    report_add(r, "half_closed", c->half_closed);
    report_add(r, "advise_accepts", c->advise_accepts);
    report_add(r, "advise_ends", c->advise_ends);
    report_add(r, "advise_resets", c->advise_resets);
    report_add(r, "advise_replaced", c->advise_replaced);
    report_add(r, "stale", c->stale);
    report_add(r, "p50_us", histogram_at(&run->alarm_us, 500));
    report_add(r, "p99_us", histogram_at(&run->alarm_us, 990));
    report_add(r, "max_us", run->alarm_us.max);
    report_add(r, "answer_p50_us", histogram_at(&run->answer_us, 500));
    report_add(r, "answer_p99_us", histogram_at(&run->answer_us, 990));
    report_add(r, "answer_max_us", run->answer_us.max);
    report_add(r, "errors", c->errors);
}

static void make_report(const struct run *run, const struct totals *t, struct report *r)
{
    unsigned connected = run->is_finishing ? run->connected_at_end : run->connected;
    uint64_t end_us = run->is_finishing ? run->end_us : clock_ns() / 1000;
    *r = (struct report){0};
    report_add(r, "ms", (end_us - run->started_us) / 1000);
    report_add(r, "clients", run->count);
    report_add(r, "connected", connected);
    report_add(r, "not_connected", run->count - connected);
    report_add(r, "links", run->counts.links);
    report_add(r, "advises", run->counts.advises);
    report_add(r, "alarms", t->alarms);
    report_add(r, "alarms_min", t->alarms_min);
    report_add(r, "alarms_max", t->alarms_max);
    report_add(r, "resent", t->resent);
    report_add(r, "lost", t->lost);
    report_add(r, "duplicated", t->duplicated);
    report_add(r, "reordered", t->reordered);
    report_add(r, "corrupt", run->counts.corrupt);
    report_add(r, "foreign", run->counts.foreign);
    report_add(r, "missing", run->is_finishing ? t->missing : 0);
    report_add(r, "unfinished", run->is_finishing ? t->unfinished : 0);
    report_add(r, "server_restarts", t->restarts);
    report_counts(run, r);
}

static void every_timer(void *arg)
{
    struct run *run = arg;
    struct totals t;
    struct report r;
    add_up(run, &t);
    make_report(run, &t, &r);
    report_print(&r, "client");
    timer_start(&run->loop, &run->every_timer, run->options->every * 1000000, every_timer, run);
}

static void deadline_timer(void *arg)
{
    struct run *run = arg;
    loop_stop(&run->loop);
}

void run_finish(void *arg)
{
    struct run *run = arg;
    if (run->is_finishing) {
        loop_stop(&run->loop);
        return;
    }
    run->is_finishing = true;
    run->connected_at_end = run->connected;
    run->end_us = run->loop.now_us;
    timer_stop(&run->loop, &run->start_timer);
    timer_start(&run->loop, &run->end_timer, run->options->drain_ms * 1000, deadline_timer, run);
    for (unsigned i = 0; i < run->count; i++)
        client_finish(&run->clients[i]);
}

/* Start the clients that are due by now. */
static void start_tick(void *arg)
{
    struct run *run = arg;
    uint64_t due = 1 + (run->loop.now_us - run->started_us) * run->options->start_rate / 1000000;
    while (run->started < run->count && run->started < due)
        client_start(&run->clients[run->started++]);
    if (run->started < run->count)
        timer_start(&run->loop, &run->start_timer, START_TICK_US, start_tick, run);
}

/* The kernel keeps the sockets open and acknowledges what comes, and nobody is at home: until time is up or a signal comes. */
static void vanish_timer(void *arg)
{
    struct run *run = arg;
    uint64_t end_us = run->started_us + run->options->seconds * 1000000, now = clock_ns() / 1000;
    int wait_ms = run->options->seconds == 0 ? -1 : end_us > now ? (int)((end_us - now) / 1000) : 0;
    struct pollfd signals = {.fd = run->loop.signals.fd, .events = POLLIN};
    printf("vanished\n");
    fflush(stdout);
    poll(&signals, 1, wait_ms);
    run->has_vanished = run->is_finishing = true;
    run->connected_at_end = run->connected;
    run->end_us = clock_ns() / 1000;
    loop_stop(&run->loop);
}

static void print_ready(const struct run *run)
{
    const struct client *first = &run->clients[0];
    struct address at = first->bind.len != 0 ? first->bind : address_any(&run->options->server);
    char text[ADDRESS_TEXT];
    address_set_port(&at, first->port);
    printf("ready clients=%u listen=%s\n", run->count, first->port != 0 ? address_format(&at, text) : "-");
    fflush(stdout);
}

static int run_open(struct run *run)
{
    if (loop_init(&run->loop) != 0 || loop_on_signal(&run->loop, run_finish, run) != 0) {
        fprintf(stderr, "geosim: event loop: %s\n", strerror(errno));
        return -1;
    }
    for (unsigned i = 0; i < run->count; i++)
        if (client_init(&run->clients[i], run, i) != 0)
            return -1;
    print_ready(run);
    return 0;
}

static void run_run(struct run *run)
{
    const struct options *o = run->options;
    run->loop.now_us = run->started_us = clock_ns() / 1000;
    if (o->seconds != 0)
        timer_start(&run->loop, &run->end_timer, o->seconds * 1000000, run_finish, run);
    if (o->every != 0)
        timer_start(&run->loop, &run->every_timer, o->every * 1000000, every_timer, run);
    if (o->misbehave == MISBEHAVE_VANISH)
        timer_start(&run->loop, &run->vanish_timer, o->misbehave_arg * 1000000, vanish_timer, run);
    start_tick(run);
    loop_run(&run->loop);
}

static void json_clients(const struct run *run, FILE *to)
{
    char text[ADDRESS_TEXT];
    fprintf(to, ",\n  \"each\": [");
    for (unsigned i = 0; i < run->count; i++) {
        const struct client *c = &run->clients[i];
        fprintf(to, "%s\n    {\"name\": \"%s\", \"address\": \"%s\", \"port\": %u, \"connected\": %s, ", i == 0 ? "" : ",",
                c->name, address_format_ip(&c->bind, text), (unsigned)c->port, c->is_connected ? "true" : "false");
        fprintf(to, "\"alarms\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"answers\": %" PRIu64 "}", c->tally.received, c->tally.lost,
                c->answers);
    }
    fprintf(to, "\n  ]");
}

static int write_report(const struct run *run, const struct report *r)
{
    FILE *to = fopen(run->options->report, "we");
    if (to == NULL)
        return -1;
    fprintf(to, "{");
    report_json(r, to);
    if (run->options->per_client)
        json_clients(run, to);
    fprintf(to, "\n}\n");
    return fclose(to);
}

static bool is_all_well(const struct run *run, const struct totals *t)
{
    const struct run_counts *c = &run->counts;
    uint64_t wrong = t->lost + t->duplicated + t->reordered + c->corrupt + c->foreign + c->errors + t->missing;
    if (!run->has_vanished)
        wrong += t->unfinished + (run->count - run->connected_at_end);
    if (run->options->strict)
        wrong += c->link_ends + c->link_resets + c->link_refused + c->link_timeouts + c->link_breaks + c->advise_ends +
                 c->advise_resets + c->advise_replaced + c->stale;
    return wrong == 0;
}

static int run_result(const struct run *run)
{
    struct totals t;
    struct report r;
    add_up(run, &t);
    make_report(run, &t, &r);
    report_print(&r, "final client");
    if (run->options->report != NULL && write_report(run, &r) != 0) {
        fprintf(stderr, "geosim: %s: %s\n", run->options->report, strerror(errno));
        return 1;
    }
    return is_all_well(run, &t) ? 0 : 1;
}

int client_main(const struct options *o)
{
    struct run *run = calloc(1, sizeof(*run));
    struct client *clients = calloc(o->clients, sizeof(*clients));
    if (run == NULL || clients == NULL)
        abort();
    run->options = o;
    run->clients = clients;
    run->count = (unsigned)o->clients;
    run->loop.epoll_fd = run->loop.signals.fd = -1;
    srand((unsigned)clock_ns());
    int result = 1;
    if (run_open(run) == 0) {
        run_run(run);
        result = run_result(run);
    }
    conn_close_all(&run->loop);
    for (unsigned i = 0; i < run->count; i++)
        client_fini(&clients[i]);
    loop_fini(&run->loop);
    free(clients);
    free(run);
    return result;
}
