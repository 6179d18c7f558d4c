/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU clocks of other processes, see clock_getcpuclockid(3). One thread.
 */
#include "test/bench/load/meter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/bench/load/moment.h"

static int read_clock(clockid_t clock, uint64_t *ns)
{
    struct timespec t;

    if (clock_gettime(clock, &t) != 0)
        return -1;
    *ns = (uint64_t)t.tv_sec * MOMENT_SECOND_NS + (uint64_t)t.tv_nsec;
    return 0;
}

static int add_process(struct meter *m, long pid)
{
    struct meter_process *p = &m->processes[m->count];

    if (m->count == METER_PROCESSES) {
        fprintf(stderr, "--pids: more than %d processes\n", METER_PROCESSES);
        return -1;
    }
    p->pid = (pid_t)pid;
    int fault = clock_getcpuclockid(p->pid, &p->clock);
    if (fault != 0) {
        fprintf(stderr, "--pids: process %ld has no CPU clock: %s\n", pid, strerror(fault));
        return -1;
    }
    m->count++;
    return 0;
}

int meter_init(struct meter *m, const char *pids)
{
    memset(m, 0, sizeof *m);
    for (const char *at = pids; at != NULL && *at != '\0';) {
        char *end;

        errno = 0;
        long pid = strtol(at, &end, 10);
        if (end == at || errno != 0 || pid <= 0 || pid > INT32_MAX || (*end != ',' && *end != '\0')) {
            fprintf(stderr, "--pids: \"%s\" is not a list of process ids such as 12,34\n", pids);
            return -1;
        }
        if (add_process(m, pid) != 0)
            return -1;
        at = *end == ',' ? end + 1 : end;
    }
    return 0;
}

pid_t meter_start(struct meter *m)
{
    pid_t gone = 0;

    for (size_t i = 0; i < m->count; i++) {
        if (read_clock(m->processes[i].clock, &m->processes[i].start_ns) != 0)
            gone = m->processes[i].pid;
    }
    read_clock(CLOCK_PROCESS_CPUTIME_ID, &m->own_start_ns);
    return gone;
}

pid_t meter_stop(struct meter *m)
{
    pid_t gone = 0;
    uint64_t now = m->own_start_ns;

    for (size_t i = 0; i < m->count; i++) {
        struct meter_process *p = &m->processes[i];

        now = p->start_ns;
        if (read_clock(p->clock, &now) != 0)
            gone = p->pid;
        p->spent_ns = now - p->start_ns;
    }
    now = m->own_start_ns;
    read_clock(CLOCK_PROCESS_CPUTIME_ID, &now);
    m->own_spent_ns = now - m->own_start_ns;
    return gone;
}

uint64_t meter_spent_ns(const struct meter *m)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->count; i++)
        sum += m->processes[i].spent_ns;
    return sum;
}
