/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The entry point of a fuzz target, as libFuzzer and test/fuzz/replay.c call it. One target defines it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Takes any input; stops the program if a promise is broken. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
