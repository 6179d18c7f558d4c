/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Chance with a fixed seed, and bytes that show where they are from.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

static inline uint64_t chance_next(struct chance *c)
{
    c->state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = c->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/** From 0 to `below` - 1. */
static inline size_t chance_below(struct chance *c, size_t below)
{
    return (size_t)(chance_next(c) % below);
}

/** Fills `bytes` so that no two places look alike for long. */
static inline void pattern_fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    struct chance c = {seed};

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(chance_next(&c) >> 40);
}
