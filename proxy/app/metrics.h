/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The metrics: everything that is counted, as text in the form that Prometheus reads (version 0.0.4). docs/metrics.md lists them,
 * and a test compares the two. Names and labels are a contract with users. Main thread.
 */
#pragma once

#include "proxy/app/counts.h"
#include "proxy/link/hub.h"
#include "proxy/tunnel/seats.h"
#include "proxy/tunnel/uplinks.h"

#include <stdio.h>

/** Where the numbers come from; everything is borrowed. */
struct metrics_view {
    const struct counts *counts;
    const struct hub *hub;
    const struct seats *seats;     /**< NULL: an agent */
    const struct uplinks *uplinks; /**< NULL: a relay */
    unsigned workers;
    uint64_t started_ms; /**< wall clock */
};

void metrics_write(FILE *out, const struct metrics_view *v);
