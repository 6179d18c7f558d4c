/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Input that ends where memory ends: a parser that reads one byte too far stops the program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct guard {
    uint8_t *map;
    size_t usable; /**< bytes before the page that may not be touched */
};

/** Makes room for inputs of up to `max` bytes; stops the program without memory. */
void guard_init(struct guard *g, size_t max);
void guard_fini(struct guard *g);

/** A copy of `bytes` whose end is the last byte before the forbidden page. Valid until the next copy. */
uint8_t *guard_copy(struct guard *g, const void *bytes, size_t length);
