/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What "georelay check --probe" tries besides reading: whether this machine and its neighbours are as the configuration wants
 * them.
 *
 * Nothing is started and nothing is changed. Each finding is one line:
 *
 *     ok: KIND: what was tried, and that it is so
 *     warning: KIND: what was found; remedy: what mends it
 *     error: KIND: the same, and georelay or a part of it can't work so
 *
 * A remedy that begins with "run: " is a command for a shell on this machine, as root; with "set: " a setting for the
 * configuration; with "on WHERE, run: " or "on WHERE, set: " the same elsewhere. What is written in capitals must be filled in.
 * Everything that waits has a bound. Main thread.
 */
#pragma once

#include "proxy/app/doors.h"

#include <stdio.h>

struct running;

enum probe_level { PROBE_OK = 0, PROBE_WARNING, PROBE_ERROR, PROBE_LEVELS };

enum probe_kind {
#define X(constant, name, tried) PROBE_##constant,
#include "proxy/app/probe.def"
#undef X
    PROBE_KINDS
};

struct probe {
    const struct cfg *cfg;
    const struct gates *gates;
    struct running *running; /**< what the running process says of itself (proxy/app/running.h); NULL: none answers */
    FILE *out;
    unsigned counts[PROBE_LEVELS];
};

/** The longest wait for names, and for connections. */
#define PROBE_NAMES_MS 10000
#define PROBE_DIAL_MS  10000

/** Tries everything. True if there is no error. `gates` are not open; what could not be loaded is in `problems`. */
bool probe_run(const struct cfg *cfg, const struct gates *gates, const struct cfg_problems *problems, FILE *out);

/** Writes a finding. `remedy` is a command or a sentence without a full stop; NULL for what is good. */
void probe_say(struct probe *p, enum probe_kind kind, enum probe_level level, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
