/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two periods of the pattern in static memory. One thread.
 */
#include "test/bench/load/pattern.h"

#include <string.h>

static uint8_t pattern[2 * PATTERN_PERIOD];

void pattern_init(void)
{
    for (size_t i = 0; i < PATTERN_PERIOD; i++)
        pattern[i] = (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16) * 3);
    memcpy(pattern + PATTERN_PERIOD, pattern, PATTERN_PERIOD);
}

const uint8_t *pattern_at(uint64_t offset)
{
    return pattern + offset % PATTERN_PERIOD;
}

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t i = 0;

    while (i < size && a[i] == b[i])
        i++;
    return i;
}

size_t pattern_compare(const uint8_t *bytes, size_t size, uint64_t offset)
{
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < PATTERN_PERIOD ? size - at : PATTERN_PERIOD;
        const uint8_t *right = pattern_at(offset + at);

        if (memcmp(bytes + at, right, piece) != 0)
            return at + first_difference(bytes + at, right, piece);
        at += piece;
    }
    return size;
}
