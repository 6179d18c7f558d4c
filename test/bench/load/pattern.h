/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The bytes that every body and every ping is made of, so that a lost, doubled or foreign piece shows.
 *
 * The byte at offset i depends on i alone and repeats after PATTERN_PERIOD bytes. The period is held twice in
 * memory: from any offset a whole period can be sent, or compared, in one piece.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD ((size_t)1 << 20)

/** Fills the memory. Call it once, before anything else here. */
void pattern_init(void);

/** The bytes from `offset` on; PATTERN_PERIOD of them may be read. Never changes, never ends. */
const uint8_t *pattern_at(uint64_t offset);

/**
 * Compares `size` received bytes, of any size, with the pattern from `offset` on.
 * Returns the index of the first wrong byte, or `size` when all are right.
 */
size_t pattern_compare(const uint8_t *bytes, size_t size, uint64_t offset);
