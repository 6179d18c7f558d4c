/* SPDX-License-Identifier: Apache-2.0 */
/* Counting alarms of one application: loss, duplication, order. Pure code. */
#include "test/sim/tally.h"

#include <string.h>

void tally_instance(struct tally *t, uint64_t instance)
{
    if (t->instance == instance)
        return;
    if (t->instance != 0)
        t->restarts++;
    t->instance = instance;
    t->highest = 0;
    t->gap_count = 0;
}

static void add_gap(struct tally *t, uint64_t first, uint64_t last)
{
    t->lost += last - first + 1;
    if (t->gap_count == TALLY_GAPS)
        return;
    t->gaps[t->gap_count].first = first;
    t->gaps[t->gap_count++].last = last;
}

static void remove_gap(struct tally *t, unsigned at)
{
    t->gap_count--;
    memmove(&t->gaps[at], &t->gaps[at + 1], (t->gap_count - at) * sizeof(t->gaps[0]));
}

static void split_gap(struct tally *t, unsigned at, uint64_t sequence)
{
    memmove(&t->gaps[at + 1], &t->gaps[at], (t->gap_count - at) * sizeof(t->gaps[0]));
    t->gap_count++;
    t->gaps[at].last = sequence - 1;
    t->gaps[at + 1].first = sequence + 1;
}

/* Take one number out of its gap. Returns false when it is in none (or there is no room to split it). */
static bool fill_gap(struct tally *t, uint64_t sequence)
{
    for (unsigned i = 0; i < t->gap_count; i++) {
        uint64_t first = t->gaps[i].first, last = t->gaps[i].last;
        if (sequence < first || sequence > last)
            continue;
        if (first == last)
            remove_gap(t, i);
        else if (sequence == first)
            t->gaps[i].first++;
        else if (sequence == last)
            t->gaps[i].last--;
        else if (t->gap_count < TALLY_GAPS)
            split_gap(t, i, sequence);
        else
            return false;
        t->lost--;
        return true;
    }
    return false;
}

bool tally_alarm(struct tally *t, uint64_t sequence, bool is_resend)
{
    if (sequence > t->highest) {
        if (sequence > t->highest + 1)
            add_gap(t, t->highest + 1, sequence - 1);
        t->highest = sequence;
        t->received++;
        return true;
    }
    if (fill_gap(t, sequence)) {
        t->reordered++;
        t->received++;
        return true;
    }
    if (is_resend)
        t->resent++;
    else
        t->duplicated++;
    return false;
}

uint64_t tally_complete(const struct tally *t)
{
    return t->gap_count > 0 ? t->gaps[0].first - 1 : t->highest;
}
