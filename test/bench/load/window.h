/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The measured window: a warm-up that does not count, then the seconds that count, then the end.
 *
 * Its owner calls window_turn() once a turn of its loop; at both borders the CPU clocks are read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "test/bench/load/meter.h"

enum window_phase { WINDOW_WARM_UP = 0, WINDOW_MEASURED, WINDOW_OVER };

struct window {
    enum window_phase phase;
    uint64_t start_ns; /* of the phase */
    uint64_t warm_up_ns;
    uint64_t measured_ns;
    double seconds; /* the true length, when it is over */
    struct meter *meter;
};

/** Starts the warm-up now. Borrows the meter as long as the window lives. */
void window_init(struct window *w, double warm_up_s, double measured_s, struct meter *meter, uint64_t now_ns);

/** Goes to the next phase when it is time. Returns 0, or the pid of a process that is gone at a border. */
pid_t window_turn(struct window *w, uint64_t now_ns);

/** True between the borders: units count. */
static inline bool window_counts(const struct window *w)
{
    return w->phase == WINDOW_MEASURED;
}

/** Milliseconds to the next border, at least 1 and at most 1000: a timeout for poller_wait(). */
int window_timeout_ms(const struct window *w, uint64_t now_ns);
