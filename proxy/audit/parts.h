/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of proxy/audit share; nobody else includes it.
 */
#pragma once

#include "proxy/audit/audit.h"
#include "proxy/audit/chain.h"
#include "proxy/base/line_queue.h"

/** Room in each of a queue's two buffers: some 2000 lines. */
#define AUDIT_QUEUE_BYTES ((size_t)1024 * 1024)

/** How long a thread may take for what is left when georelay stops. */
#define AUDIT_STOP_MS 2000

/** Lines can't be written at present. One for each place that they go to; a thread's own. */
struct audit_trouble {
    const char *what;     /**< "file", "seal", "syslog" */
    const char *remedy;   /**< for the log */
    uint64_t since_ms;    /**< 0: there is none */
    uint64_t may_tell_ms; /**< when the log may be told again */
    char error[256];
};

/** There is trouble: told in the log, at once and then once a minute. `lost` lines are gone so far. */
void audit_trouble(struct audit_trouble *t, const char *error, uint64_t lost);

/** It is over; returns how many seconds it took. */
uint64_t audit_trouble_over(struct audit_trouble *t);

/** A line can't be kept: stops the program if the settings say so. Any thread. */
void audit_give_up(void);

/** The same, and the line is gone: it is counted. Any thread. */
void audit_lose(enum audit_place place);

/** Begins a line's fields without a look at whether anything is audited: for the audit's own. */
void audit_line(struct log_line *l, enum audit_event event, enum audit_result result);

/** Starts a thread with all signals blocked: they are the main thread's. 0, or an error number. */
int audit_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

/** Waits for it; false if it is stuck, and then it goes on by itself. */
bool audit_thread_join(pthread_t thread);
