/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A run: all advises of a case, from the first connect() until both ends of the last one are closed.
 *
 *     OPENING ──► RUNNING ──► CLOSING      "latency" is in RUNNING at once: opening is what it measures
 *
 * What is sent and counted in between is the case's (struct alarm_work). An advise ends in order: the server's FIN, then
 * the client's.
 */
#pragma once

#include "test/bench/load/alarm_advise.h"
#include "test/bench/load/alarm_options.h"
#include "test/bench/load/histogram.h"
#include "test/bench/load/result.h"
#include "test/bench/load/window.h"

enum alarm_phase { ALARM_OPENING = 0, ALARM_RUNNING, ALARM_CLOSING };

struct alarm_run;

/** What a case does. Each may call alarm_run_fail(). NULL: nothing. */
struct alarm_work {
    const char *name;
    const char *unit;
    bool measures_opening; /* it does not wait until all advises are open */
    /** The client's end has got message 0. */
    void (*opened)(struct alarm_run *run, struct alarm_advise *a, uint64_t sent_ns);
    /** All advises are open and the window has begun. */
    void (*begin)(struct alarm_run *run);
    /** The client's end can be read. */
    void (*arrived)(struct alarm_run *run, struct alarm_advise *a);
    /** The server's end can be written. */
    void (*writable)(struct alarm_run *run, struct alarm_advise *a);
    /** Both ends have ended in order and are closed. */
    void (*ended)(struct alarm_run *run, struct alarm_advise *a);
};

extern const struct alarm_work alarm_latency, alarm_bulk, alarm_messages;

struct alarm_run {
    const struct alarm_options *options;
    const struct alarm_work *work;
    struct alarm_route route;
    struct poller poller;
    struct alarm_end listener;
    struct alarm_advise *advises;
    enum alarm_phase phase;
    unsigned dialled; /* advises that were begun, of options->advises */
    unsigned opened;
    unsigned alive;                              /* dialled and not ended */
    uint64_t now_ns;                             /* of this turn */
    uint64_t moved_ns;                           /* when something happened last */
    unsigned next;                               /* "alarms": the advise whose turn it is */
    unsigned under_way;                          /* "alarms": messages */
    struct alarm_advise *pausing, *last_pausing; /* "latency": the first one is due first */
    struct window window;
    struct meter meter;
    struct histogram latency;
    struct result result;
};

/** Runs the case to its end. Returns the exit code; the result is printed unless nothing could be started. */
int alarm_run(const struct alarm_options *o);

/** Dials an advise (again). False if that failed: the run is closing. */
bool alarm_run_dial(struct alarm_run *run, struct alarm_advise *a);

/** The same after the pause. */
void alarm_run_dial_later(struct alarm_run *run, struct alarm_advise *a);

/** The server's end says FIN. */
void alarm_run_end(struct alarm_run *run, struct alarm_advise *a);

/** Counts units, if the window is open. */
void alarm_run_count(struct alarm_run *run, uint64_t units);

/** The same for one unit and its latency. */
void alarm_run_note(struct alarm_run *run, uint64_t sent_ns);

/** All that are open end, and then the run. */
void alarm_run_finish(struct alarm_run *run);

/** A fault of the peers: the run is over. `what` names the call, errno tells the rest (0: nothing). */
void alarm_run_fail(struct alarm_run *run, const struct alarm_advise *a, const char *what, int error);
