/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What "georelay check --probe" tries besides reading: whether this machine and its neighbours are as the configuration wants
 * them.
 *
 * Nothing is started and nothing is changed. Each finding is one line that begins with "good:", "warning:" or "missing:"; the
 * latter two say what mends it. Everything that waits has a bound. Main thread.
 */
#pragma once

#include "proxy/app/doors.h"

#include <stdio.h>

enum probe_level { PROBE_GOOD = 0, PROBE_WARNING, PROBE_MISSING, PROBE_LEVELS };

struct probe {
    const struct cfg *cfg;
    const struct gates *gates;
    FILE *out;
    unsigned counts[PROBE_LEVELS];
};

/** The longest wait for names, and for connections. */
#define PROBE_NAMES_MS 10000
#define PROBE_DIAL_MS  10000

/** Tries everything. True if nothing is missing. `gates` are loaded and not open. */
bool probe_run(const struct cfg *cfg, const struct gates *gates, FILE *out);

/** Writes a finding. `mend` is a command or a sentence without a full stop; NULL for what is good. */
void probe_say(struct probe *p, enum probe_level level, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
