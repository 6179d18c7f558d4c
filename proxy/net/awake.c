/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the decision, and no clock. */
#include "proxy/net/awake.h"

/* Waits of one round, after which it is decided whether to go on; those before, after a rest, only wake the peers up. */
#define ROUND   16
#define WARM_UP 16

/* How long it looks about at most: so many times what a sleep costs, for a peer that sleeps itself takes longer to answer. */
#define LIMIT_SLEEPS  4
#define LIMIT_MOST_NS UINT64_C(64000)

/* What a sleep may cost: guessed until it is measured, and the bounds of what is believed. */
#define SLEEP_NS       UINT64_C(8000)
#define SLEEP_LEAST_NS UINT64_C(4000)
#define SLEEP_MOST_NS  UINT64_C(40000)

/* More events than these in one turn are a crowd: a relayed connection alone has two at most. */
#define EVENTS_FEW 2

/* Rests between rounds: the first, and the longest of those that double after each round in vain. */
#define REST_NS      UINT64_C(25000000)
#define REST_MOST_NS UINT64_C(400000000)

void awake_init(struct awake *a)
{
    *a = (struct awake){.sleep_ns = SLEEP_NS, .warm_up = WARM_UP};
}

bool awake_pays(const struct awake *a, uint64_t now_ns)
{
    return now_ns >= a->again_ns;
}

uint64_t awake_limit_ns(const struct awake *a)
{
    uint64_t limit = LIMIT_SLEEPS * a->sleep_ns;

    return limit < LIMIT_MOST_NS ? limit : LIMIT_MOST_NS;
}

static void start_round(struct awake *a, unsigned warm_up)
{
    a->warm_up = warm_up;
    a->waits = 0;
    a->spent_ns = 0;
}

void awake_note_turn(struct awake *a, uint64_t now_ns, uint64_t events, bool has_bulk)
{
    if (!has_bulk && events <= EVENTS_FEW)
        return;
    start_round(a, WARM_UP);
    a->again_ns = now_ns + REST_NS;
}

/* Half as much again as sleeps would cost is a fair price for the peer's wait. */
static bool round_paid(const struct awake *a)
{
    return a->spent_ns <= ROUND * (a->sleep_ns + a->sleep_ns / 2);
}

void awake_note(struct awake *a, uint64_t now_ns, uint64_t waited_ns, bool is_over)
{
    if (a->warm_up > 0) {
        a->warm_up--;
        return;
    }
    a->waits++;
    a->spent_ns += waited_ns + (is_over ? a->sleep_ns : 0);
    if (a->waits < ROUND)
        return;
    if (round_paid(a)) {
        a->rest_ns = 0;
        a->has_paid = true;
        start_round(a, 0);
    } else if (a->has_paid) { /* once is chance */
        a->has_paid = false;
        start_round(a, 0);
    } else {
        a->rest_ns = a->rest_ns == 0 ? REST_NS : a->rest_ns * 2;
        if (a->rest_ns > REST_MOST_NS)
            a->rest_ns = REST_MOST_NS;
        a->again_ns = now_ns + a->rest_ns;
        start_round(a, WARM_UP);
    }
}

void awake_note_sleep(struct awake *a, uint64_t cost_ns)
{
    uint64_t cost = cost_ns < SLEEP_LEAST_NS ? SLEEP_LEAST_NS : cost_ns < SLEEP_MOST_NS ? cost_ns : SLEEP_MOST_NS;

    a->sleep_ns = (3 * a->sleep_ns + cost) / 4;
}
