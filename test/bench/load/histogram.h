/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How long many things took, in fixed memory, so that percentiles can be told afterwards.
 *
 * Times up to HISTOGRAM_STEPS ns are kept exactly; above, each power of two has HISTOGRAM_STEPS / 2 equal cells, so
 * a percentile is less than 1/64 (1.6 %) too low. Times above an hour count as an hour.
 */
#pragma once

#include <stdint.h>

#define HISTOGRAM_STEPS  128 /* a power of two */
#define HISTOGRAM_POWERS 36  /* 2^(7 + 35) ns is more than an hour */

struct histogram {
    uint64_t count;
    uint64_t largest_ns;
    uint64_t cells[HISTOGRAM_STEPS + HISTOGRAM_POWERS * (HISTOGRAM_STEPS / 2)];
};

/** An all-zero histogram is empty; this empties one. */
void histogram_clear(struct histogram *h);

/** Counts one time. Cheap: no division, no branch but two. */
void histogram_add(struct histogram *h, uint64_t ns);

/** The time below or at which `share` (0.5: half, 0.99) of all lie, in ns; 0 when empty. */
uint64_t histogram_share(const struct histogram *h, double share);
