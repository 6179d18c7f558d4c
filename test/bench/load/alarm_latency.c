/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Case "latency": again and again an advise is dialled, its first message arrives, it ends in order. Measured is the time from
 * before connect() to the message at the client. A pause between two shows what one advise takes when it comes alone.
 */
#include "test/bench/load/alarm_run.h"

#include <errno.h>

static void latency_opened(struct alarm_run *run, struct alarm_advise *a, uint64_t sent_ns)
{
    alarm_run_note(run, sent_ns);
    if (run->phase == ALARM_RUNNING)
        alarm_run_end(run, a);
}

static void latency_arrived(struct alarm_run *run, struct alarm_advise *a)
{
    struct alarm_message m;

    switch (alarm_end_read(a->client, &m)) {
    case ALARM_READ_MESSAGE:
        alarm_run_fail(run, a, "a second message came", 0);
        break;
    case ALARM_READ_FAILED:
        alarm_run_fail(run, a, "the client's end was reset", errno);
        break;
    default:
        break;
    }
}

static void latency_ended(struct alarm_run *run, struct alarm_advise *a)
{
    alarm_run_dial_later(run, a);
}

const struct alarm_work alarm_latency = {
    .name = "latency",
    .unit = "advise",
    .measures_opening = true,
    .opened = latency_opened,
    .arrived = latency_arrived,
    .ended = latency_ended,
};
