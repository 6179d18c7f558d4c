/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether a loop that has nothing to do looks about for a moment before it sleeps.
 *
 * To fall asleep and be woken costs a thread some microseconds of its own time, on virtual machines some ten, and its peer
 * the wait. Where the next event comes sooner than that (two machines that answer each other at once), to stay awake is cheaper
 * for both; everywhere else it is waste. Nobody can know beforehand, so it is tried: a round of some waits is made now and then,
 * and waiting awake goes on while it costs about what sleeps cost. What a sleep costs is measured. A loop that moves bulk does
 * not wait awake: what comes in the meantime comes in one piece later. Nor does a loop with a crowd of busy peers: who waits for
 * the first of them takes them one by one, and each wakes somebody; after a sleep they come together.
 *
 * Pure: the caller tells the time. One per loop, its thread only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct awake {
    unsigned warm_up;  /**< waits before the round begins */
    unsigned waits;    /**< of the present round */
    uint64_t spent_ns; /**< in them */
    bool has_paid;     /**< the last round did */
    uint64_t rest_ns;  /**< how long the last rest was; 0: the last round paid */
    uint64_t again_ns; /**< no round before this time */
    uint64_t sleep_ns; /**< what a sleep costs, on average */
};

void awake_init(struct awake *a);

/** True if the loop should stay awake for up to awake_limit_ns() now; then awake_note() must follow. */
bool awake_pays(const struct awake *a, uint64_t now_ns);
uint64_t awake_limit_ns(const struct awake *a);

/** It stayed awake for so long; `is_over`: and sleeps now, for nothing came. */
void awake_note(struct awake *a, uint64_t now_ns, uint64_t waited_ns, bool is_over);

/** A sleep cost so much of the thread's own time. */
void awake_note_sleep(struct awake *a, uint64_t cost_ns);

/** So many events came in the loop's last turn, and maybe bulk moved. After bulk or a crowd it sleeps for a while. */
void awake_note_turn(struct awake *a, uint64_t now_ns, uint64_t events, bool has_bulk);
