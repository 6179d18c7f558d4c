/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The little of an HTTP/1.1 message head that the bench needs: its length, a field, a number (RFC 9112).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_LIMIT 4096 /* a longer head is a fault */

struct head_value {
    const char *at;
    size_t length;
};

/** The length of the head with its empty line, or 0 when it is not whole yet. */
size_t head_length(const char *bytes, size_t size);

/** The value of the first field of that name, letter case ignored. Borrows from the head. Returns whether it is there. */
bool head_field(const char *head, size_t length, const char *name, struct head_value *value);

/** Whether the field is there with exactly this value, letter case ignored. */
bool head_field_is(const char *head, size_t length, const char *name, const char *value);

/** The value of Content-Length. Returns 0, or -1 when it is missing or no number. */
int head_content_length(const char *head, size_t length, uint64_t *number);

/** Reads up to 15 decimal digits which must fill `length` characters. Returns 0 or -1. */
int head_number(const char *text, size_t length, uint64_t *number);
