/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Time that never jumps, for deadlines; the wall clock is used in log lines and certificates only.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/** Milliseconds of the monotonic clock. Any thread. */
uint64_t clock_ms(void);

/** The same in nanoseconds. */
uint64_t clock_ns(void);

/** The CPU time of the calling thread, in nanoseconds. A system call. */
uint64_t clock_thread_ns(void);

/** The monotonic time in so many milliseconds, for pthread_cond_timedwait() with CLOCK_MONOTONIC. */
struct timespec clock_after(unsigned ms);
