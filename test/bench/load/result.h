/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What one run found, told as one JSON line on stdout.
 */
#pragma once

#include <stdint.h>

#include "test/bench/load/histogram.h"
#include "test/bench/load/meter.h"

#define RESULT_ERROR_TEXT 256

struct result {
    const char *unit;                /* "handshake", "request", "byte", "ping", "connection", "message"; borrowed */
    uint64_t units;                  /* in the measured window */
    double seconds;                  /* its length */
    const struct meter *meter;       /* borrowed */
    const struct histogram *latency; /* of a unit; NULL for bulk; borrowed */
    uint64_t errors;                 /* by result_fail() */
    char first_error[RESULT_ERROR_TEXT];
    uint64_t resumed;     /* TLS handshakes with a ticket, in the window */
    uint64_t late_resets; /* connections reset by the peer after their answer was whole; no error */
    char protocol[16];    /* "TLSv1.3"; "" without TLS */
    char cipher[64];
};

/** Counts an error. The first one is kept and written to stderr; write a sentence that tells who did what. */
__attribute__((format(printf, 2, 3))) void result_fail(struct result *r, const char *format, ...);

/** Prints the line. Returns the exit code: 0, or 1 when there were errors. */
int result_print(const struct result *r);
