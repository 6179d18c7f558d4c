/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells on a scale that is linear between powers of two, as HdrHistogram has them. One thread.
 */
#include "test/bench/load/histogram.h"

#include <string.h>

#define HOUR_NS   UINT64_C(3600000000000)
#define HALF      (HISTOGRAM_STEPS / 2)
#define STEP_BITS 7

_Static_assert(1 << STEP_BITS == HISTOGRAM_STEPS, "STEP_BITS follows HISTOGRAM_STEPS");

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

/** The cell of a time: 0-127 are themselves; then 64 cells for 128-255, 64 for 256-511, and so on. */
static unsigned cell_of(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned shift = (unsigned)(63 - __builtin_clzll(ns)) - (STEP_BITS - 1);
    return HISTOGRAM_STEPS + (shift - 1) * HALF + ((unsigned)(ns >> shift) - HALF);
}

/** The lowest time of a cell. */
static uint64_t time_of(unsigned cell)
{
    if (cell < HISTOGRAM_STEPS)
        return cell;
    unsigned shift = (cell - HISTOGRAM_STEPS) / HALF + 1;
    return (uint64_t)(HALF + (cell - HISTOGRAM_STEPS) % HALF) << shift;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    if (ns > HOUR_NS)
        ns = HOUR_NS;
    if (ns > h->largest_ns)
        h->largest_ns = ns;
    h->count++;
    h->cells[cell_of(ns)]++;
}

uint64_t histogram_share(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->count * share);
    uint64_t seen = 0;

    for (unsigned i = 0; i < sizeof h->cells / sizeof h->cells[0]; i++) {
        seen += h->cells[i];
        if (seen > wanted)
            return time_of(i);
    }
    return h->largest_ns;
}
