/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the decision, and no clock. */
#include "proxy/net/awake.h"

/* Waits of one round, after which it is decided whether to go on. */
#define ROUND 16

/* What a sleep costs a thread, about (docs/benchmarks.md). */
#define SLEEP_NS UINT64_C(7000)

/* Rests between trials: the first, and the longest of those that double after each trial in vain. */
#define REST_NS      UINT64_C(50000000)
#define REST_MOST_NS UINT64_C(1600000000)

bool awake_pays(const struct awake *a, uint64_t now_ns)
{
    return now_ns >= a->again_ns;
}

static void start_round(struct awake *a)
{
    a->waits = 0;
    a->spent_ns = 0;
}

void awake_rest(struct awake *a, uint64_t now_ns)
{
    start_round(a);
    a->again_ns = now_ns + REST_NS;
}

void awake_note(struct awake *a, uint64_t now_ns, uint64_t waited_ns)
{
    a->waits++;
    a->spent_ns += waited_ns;
    if (a->waits < ROUND)
        return;
    if (a->spent_ns <= ROUND * SLEEP_NS) {
        a->rest_ns = 0;
    } else {
        a->rest_ns = a->rest_ns == 0 ? REST_NS : a->rest_ns * 2;
        if (a->rest_ns > REST_MOST_NS)
            a->rest_ns = REST_MOST_NS;
        a->again_ns = now_ns + a->rest_ns;
    }
    start_round(a);
}
