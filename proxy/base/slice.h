/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A slice: some bytes of somebody else's buffer. Never terminated, never owned; {NULL, 0} is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *at;
    size_t length;
};

/** Of a terminated string; NULL gives none. Inline, as the next ones, so that the compiler counts and compares constants. */
static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

/** Byte for byte. */
static inline bool slice_equals(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static inline bool slice_is(struct slice s, const char *text)
{
    return slice_equals(s, slice_of(text));
}

/** ASCII letters of either case are equal; the locale plays no part. */
bool slice_bytes_equal_nocase(const char *a, const char *b, size_t length);

static inline bool slice_equals_nocase(struct slice a, struct slice b)
{
    return a.length == b.length && slice_bytes_equal_nocase(a.at, b.at, a.length);
}

static inline bool slice_is_nocase(struct slice s, const char *text)
{
    return slice_equals_nocase(s, slice_of(text));
}

static inline bool slice_starts(struct slice s, const char *text)
{
    struct slice start = slice_of(text);

    return s.length >= start.length && slice_equals((struct slice){s.at, start.length}, start);
}

static inline bool slice_starts_nocase(struct slice s, const char *text)
{
    struct slice start = slice_of(text);

    return s.length >= start.length && slice_bytes_equal_nocase(s.at, start.at, start.length);
}

/** Without blanks and tabs at both ends. */
struct slice slice_trim(struct slice s);

/**
 * Takes the next element of a comma-separated list (RFC 9110 5.6.1) off `rest`, trimmed; empty elements are passed over, commas
 * within quoted strings are not separators. False at the end.
 */
bool slice_next_element(struct slice *rest, struct slice *ret_element);

/** Only digits, at least one, no sign, no overflow. False: it is not a number of that kind. */
bool slice_number(struct slice s, uint64_t *ret);
