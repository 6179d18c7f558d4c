/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Time that never jumps, for deadlines; the wall clock is used in log lines and certificates only.
 */
#pragma once

#include <stdint.h>

/** Milliseconds of the monotonic clock. Any thread. */
uint64_t clock_ms(void);

/** The same in nanoseconds. */
uint64_t clock_ns(void);

/** The CPU time of the calling thread, in nanoseconds. A system call. */
uint64_t clock_thread_ns(void);
