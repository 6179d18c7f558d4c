/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Case "bulk": each server sends the pattern as fast as its socket takes it, each client counts what comes, or compares it.
 */
#include "test/bench/load/alarm_run.h"

#include <errno.h>
#include <sys/socket.h>

#include "test/bench/load/pattern.h"

#define READ_BYTES PATTERN_PERIOD

static size_t left_to_send(const struct alarm_run *run, const struct alarm_advise *a)
{
    uint64_t all = run->options->check_bytes;

    if (all == 0 || all - a->bytes_sent > PATTERN_PERIOD)
        return PATTERN_PERIOD;
    return (size_t)(all - a->bytes_sent);
}

static void bulk_writable(struct alarm_run *run, struct alarm_advise *a)
{
    size_t size = left_to_send(run, a);
    ssize_t n = send(a->server.watch.fd, pattern_at(a->bytes_sent), size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        alarm_run_fail(run, a, "the server can't send", errno);
    if (n <= 0)
        return;
    a->bytes_sent += (uint64_t)n;
    if (a->bytes_sent == run->options->check_bytes)
        alarm_run_end(run, a);
}

static void bulk_begin(struct alarm_run *run)
{
    for (unsigned i = 0; i < run->dialled && run->phase == ALARM_RUNNING; i++)
        if (poller_want(&run->poller, &run->advises[i].server.watch, EPOLLIN | EPOLLOUT) != 0)
            alarm_run_fail(run, &run->advises[i], "epoll_ctl", errno);
}

static void check_end(struct alarm_run *run, struct alarm_advise *a)
{
    a->client->has_ended = true;
    if (run->options->check_bytes != 0 && a->bytes_arrived != run->options->check_bytes && run->phase == ALARM_RUNNING)
        alarm_run_fail(run, a, "the end came before all bytes", 0);
}

static void bulk_arrived(struct alarm_run *run, struct alarm_advise *a)
{
    static uint8_t bytes[READ_BYTES];
    bool is_checked = run->options->check_bytes != 0;
    ssize_t n = recv(a->client->watch.fd, bytes, sizeof bytes, MSG_DONTWAIT | (is_checked ? 0 : MSG_TRUNC));

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            alarm_run_fail(run, a, "the client's end was reset", errno);
        return;
    }
    if (n == 0) {
        check_end(run, a);
        return;
    }
    if (is_checked && pattern_compare(bytes, (size_t)n, a->bytes_arrived) != (size_t)n)
        alarm_run_fail(run, a, "a wrong byte arrived", 0);
    a->bytes_arrived += (uint64_t)n;
    alarm_run_count(run, (uint64_t)n);
}

/* Only with --check does one end by itself. */
static void bulk_ended(struct alarm_run *run, struct alarm_advise *a)
{
    (void)a;
    if (run->alive == 0)
        alarm_run_finish(run);
}

const struct alarm_work alarm_bulk = {
    .name = "bulk",
    .unit = "byte",
    .begin = bulk_begin,
    .arrived = bulk_arrived,
    .writable = bulk_writable,
    .ended = bulk_ended,
};
