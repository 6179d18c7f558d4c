/* SPDX-License-Identifier: Apache-2.0 */
/* Owns each thread's tally, and the sum of those that have ended. */
#include "proxy/session/tally.h"

#include "proxy/session/session.h"

#include <assert.h>
#include <pthread.h>

static_assert(TALLY_KINDS == SESSION_TUNNEL + 1, "a row for each kind of session");
static_assert(sizeof(struct tally) % sizeof(uint64_t) == 0, "nothing but uint64_t");

_Thread_local struct tally tally_mine;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of `retired` alone */
static struct tally retired;

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

void tally_retire(void)
{
    pthread_mutex_lock(&lock);
    tally_add(&retired, &tally_mine);
    pthread_mutex_unlock(&lock);
    tally_mine = (struct tally){0};
}

void tally_add_retired(struct tally *to)
{
    pthread_mutex_lock(&lock);
    tally_add(to, &retired);
    pthread_mutex_unlock(&lock);
}
