/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A slice: some bytes of somebody else's buffer. Never terminated, never owned; {NULL, 0} is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *at;
    size_t length;
};

/** Of a terminated string; NULL gives none. */
struct slice slice_of(const char *text);

/** Byte for byte. */
bool slice_is(struct slice s, const char *text);
bool slice_equals(struct slice a, struct slice b);

/** ASCII letters of either case are equal; the locale plays no part. */
bool slice_is_nocase(struct slice s, const char *text);
bool slice_equals_nocase(struct slice a, struct slice b);

bool slice_starts(struct slice s, const char *text);
bool slice_starts_nocase(struct slice s, const char *text);

/** Without blanks and tabs at both ends. */
struct slice slice_trim(struct slice s);

/**
 * Takes the next element of a comma-separated list (RFC 9110 5.6.1) off `rest`, trimmed; empty elements are passed over, commas
 * within quoted strings are not separators. False at the end.
 */
bool slice_next_element(struct slice *rest, struct slice *ret_element);

/** Only digits, at least one, no sign, no overflow. False: it is not a number of that kind. */
bool slice_number(struct slice s, uint64_t *ret);
