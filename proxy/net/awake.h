/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether a loop that has nothing to do looks about for a moment before it sleeps.
 *
 * To fall asleep and be woken costs a thread some microseconds of its own time and its peer some ten of waiting. Where the next
 * event comes sooner than that (two machines that answer each other at once), to stay awake is cheaper for both; everywhere else
 * it is waste. Nobody can know beforehand, so it is tried: a trial of some waits is made now and then, and waiting awake goes on
 * while on average it takes less time than a sleep would cost. A loop that moves bulk does not wait awake: what comes in the
 * meantime comes in one piece later.
 *
 * Pure: the caller tells the time. One per loop, its thread only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** So long a loop looks about at most. */
#define AWAKE_NS UINT64_C(20000)

struct awake {
    unsigned waits;    /**< of the present round */
    uint64_t spent_ns; /**< in them */
    uint64_t rest_ns;  /**< how long the next rest is; 0: nothing was tried yet */
    uint64_t again_ns; /**< no trial before this time */
};

/** True if the loop should stay awake for up to AWAKE_NS now; then awake_note() must follow. */
bool awake_pays(const struct awake *a, uint64_t now_ns);

/** It stayed awake for so long, until an event came or AWAKE_NS were over. */
void awake_note(struct awake *a, uint64_t now_ns, uint64_t waited_ns);

/** Bulk has moved: no waiting awake for a while. */
void awake_rest(struct awake *a, uint64_t now_ns);
