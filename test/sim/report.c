/* SPDX-License-Identifier: Apache-2.0 */
/* Summary lines, JSON and latency percentiles of the simulator. One thread. */
#include "test/sim/report.h"

#include <assert.h>
#include <inttypes.h>

void report_add(struct report *r, const char *name, uint64_t value)
{
    assert(r->count < REPORT_ROWS);
    r->rows[r->count].name = name;
    r->rows[r->count++].value = value;
}

void report_print(const struct report *r, const char *prefix)
{
    printf("%s", prefix);
    for (size_t i = 0; i < r->count; i++)
        printf(" %s=%" PRIu64, r->rows[i].name, r->rows[i].value);
    printf("\n");
    fflush(stdout);
}

void report_json(const struct report *r, FILE *to)
{
    for (size_t i = 0; i < r->count; i++)
        fprintf(to, "%s\n  \"%s\": %" PRIu64, i == 0 ? "" : ",", r->rows[i].name, r->rows[i].value);
}

/* Below 32 each value has its cell; above, the five bits behind the leading one choose the cell. */
static size_t cell_of(uint64_t value)
{
    if (value < 32)
        return (size_t)value;
    unsigned top = 63u - (unsigned)__builtin_clzll(value);
    return 32u * (top - 4u) + (size_t)((value >> (top - 5u)) & 31u);
}

/* The highest value of a cell. */
static uint64_t cell_end(size_t cell)
{
    if (cell < 32)
        return cell;
    unsigned shift = (unsigned)(cell / 32) - 1u;
    return (((uint64_t)(cell % 32) + 33u) << shift) - 1u;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    assert(cell_of(value) < HISTOGRAM_CELLS);
    h->cells[cell_of(value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

uint64_t histogram_at(const struct histogram *h, unsigned per_mille)
{
    uint64_t wanted = (h->count * per_mille + 999) / 1000, seen = 0;
    for (size_t i = 0; i < HISTOGRAM_CELLS && h->count > 0; i++) {
        seen += h->cells[i];
        if (seen >= wanted)
            return cell_end(i) < h->max ? cell_end(i) : h->max;
    }
    return h->max;
}
