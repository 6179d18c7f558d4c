/* SPDX-License-Identifier: Apache-2.0 */
/* Owns each thread's tally, and the sum of those that have ended. */
#include "proxy/session/tally.h"

#include "proxy/session/session.h"

#include <assert.h>

static_assert(TALLY_KINDS == SESSION_TUNNEL + 1, "a row for each kind of session");
static_assert(sizeof(struct tally) % sizeof(uint64_t) == 0, "nothing but uint64_t");

_Thread_local struct tally tally_mine;

static struct tally kept; /* the main thread's */

static const uint64_t bounds[TALLY_BUCKETS] = {
#define X(ms, seconds) ms,
    TALLY_BOUNDS(X)
#undef X
};

void tally_time(struct tally_times *times, uint64_t ms)
{
    unsigned i = 0;

    while (i < TALLY_BUCKETS && ms > bounds[i])
        i++;
    times->buckets[i]++;
    times->sum_ms += ms;
}

void tally_add(struct tally *to, const struct tally *t)
{
    uint64_t *sums = (uint64_t *)to;
    const uint64_t *numbers = (const uint64_t *)t;

    for (size_t i = 0; i < sizeof(*to) / sizeof(*sums); i++)
        sums[i] += numbers[i];
}

void tally_keep(const struct tally *t)
{
    tally_add(&kept, t);
}

void tally_add_kept(struct tally *to)
{
    tally_add(to, &kept);
}
