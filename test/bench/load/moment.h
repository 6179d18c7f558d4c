/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Time that never jumps, in nanoseconds. Read it once per event, not once per thought: the load shares its CPU.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#define MOMENT_SECOND_NS UINT64_C(1000000000)

static inline uint64_t moment_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * MOMENT_SECOND_NS + (uint64_t)t.tv_nsec;
}
