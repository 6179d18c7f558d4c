/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Case "alarms": many advises are open, and messages go over them in turn; so many are under way at any time. Each must
 * arrive once and in order.
 */
#include "test/bench/load/alarm_run.h"

#include <errno.h>

#include "test/bench/load/moment.h"

static void send_more(struct alarm_run *run)
{
    while (run->phase == ALARM_RUNNING && run->under_way < run->options->outstanding) {
        struct alarm_advise *a = &run->advises[run->next];

        if (alarm_advise_send(a, moment_ns()) != 0) {
            alarm_run_fail(run, a, "the server can't send", errno);
            return;
        }
        run->under_way++;
        run->next = run->next + 1 < run->dialled ? run->next + 1 : 0;
    }
}

static void messages_arrived(struct alarm_run *run, struct alarm_advise *a)
{
    struct alarm_message m;

    switch (alarm_end_read(a->client, &m)) {
    case ALARM_READ_MESSAGE:
        break;
    case ALARM_READ_FAILED:
        alarm_run_fail(run, a, "the client's end was reset", errno);
        return;
    default:
        return;
    }
    if (!alarm_message_is(&m, a, a->arrived)) {
        alarm_run_fail(run, a, "a message that was not sent so", 0);
        return;
    }
    a->arrived++;
    run->under_way--;
    alarm_run_note(run, m.sent_ns);
    send_more(run);
}

const struct alarm_work alarm_messages = {
    .name = "alarms",
    .unit = "message",
    .begin = send_more,
    .arrived = messages_arrived,
};
