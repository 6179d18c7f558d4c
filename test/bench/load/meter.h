/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The CPU time that processes spend between two moments: the ones under test, by pid, and this one.
 *
 * The kernel's CPU clock of a process counts all its threads, user and system, in nanoseconds. Children count
 * only when their pids are given.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define METER_PROCESSES 64

struct meter_process {
    pid_t pid;
    clockid_t clock;
    uint64_t start_ns;
    uint64_t spent_ns; /* after meter_stop() */
};

struct meter {
    struct meter_process processes[METER_PROCESSES];
    size_t count;
    uint64_t own_start_ns;
    uint64_t own_spent_ns; /* after meter_stop() */
};

/**
 * Takes the processes from "12,34,56" ("" and NULL: none). Returns 0, or -1 with a sentence on stderr.
 */
int meter_init(struct meter *m, const char *pids);

/** Reads all clocks: from here on CPU time counts. Returns 0, or the pid of a process that is gone. */
pid_t meter_start(struct meter *m);

/** Reads all clocks again and sets `spent_ns`. Returns 0, or the pid of a process that is gone (it has spent 0). */
pid_t meter_stop(struct meter *m);

/** What all processes given have spent together, without this one. */
uint64_t meter_spent_ns(const struct meter *m);
