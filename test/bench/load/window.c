/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warm-up, measured seconds, end. One thread.
 */
#include "test/bench/load/window.h"

#include "test/bench/load/moment.h"

#define TURN_NS UINT64_C(1000000)

void window_init(struct window *w, double warm_up_s, double measured_s, struct meter *meter, uint64_t now_ns)
{
    w->phase = WINDOW_WARM_UP;
    w->start_ns = now_ns;
    w->warm_up_ns = (uint64_t)(warm_up_s * (double)MOMENT_SECOND_NS);
    w->measured_ns = (uint64_t)(measured_s * (double)MOMENT_SECOND_NS);
    w->seconds = 0;
    w->meter = meter;
}

static uint64_t phase_ns(const struct window *w)
{
    return w->phase == WINDOW_WARM_UP ? w->warm_up_ns : w->measured_ns;
}

pid_t window_turn(struct window *w, uint64_t now_ns)
{
    if (w->phase == WINDOW_OVER || now_ns - w->start_ns < phase_ns(w))
        return 0;
    if (w->phase == WINDOW_WARM_UP) {
        w->phase = WINDOW_MEASURED;
        w->start_ns = now_ns;
        return meter_start(w->meter);
    }
    w->phase = WINDOW_OVER;
    w->seconds = (double)(now_ns - w->start_ns) / (double)MOMENT_SECOND_NS;
    return meter_stop(w->meter);
}

int window_timeout_ms(const struct window *w, uint64_t now_ns)
{
    uint64_t passed = now_ns - w->start_ns;
    uint64_t whole = phase_ns(w);
    uint64_t ms = passed < whole ? (whole - passed) / TURN_NS + 1 : 1;

    return w->phase == WINDOW_OVER || ms > 1000 ? 1000 : (int)ms;
}
