/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulator says: rows of name and number, printed as one key=value line or as JSON, and a latency histogram.
 */
#ifndef GEOSIM_REPORT_H
#define GEOSIM_REPORT_H

#include <stdint.h>
#include <stdio.h>

#define REPORT_ROWS 64

struct report {
    struct {
        const char *name;
        uint64_t value;
    } rows[REPORT_ROWS];
    size_t count;
};

/** Add a row; borrows `name` for the report's life. */
void report_add(struct report *r, const char *name, uint64_t value);

/** Print "PREFIX name=value …" as one line on stdout and flush it. */
void report_print(const struct report *r, const char *prefix);

/** Print the rows as members of a JSON object (without braces). */
void report_json(const struct report *r, FILE *to);

/* Values in microseconds; 32 steps per power of two, so a percentile is at most 3 % too high. */
#define HISTOGRAM_CELLS 1920

struct histogram {
    uint64_t cells[HISTOGRAM_CELLS];
    uint64_t count, max;
};

/** Count one value. */
void histogram_add(struct histogram *h, uint64_t value);

/** The value that `per_mille` of 1000 counted ones do not exceed; 0 when nothing was counted. */
uint64_t histogram_at(const struct histogram *h, unsigned per_mille);

#endif
