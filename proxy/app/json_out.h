/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Writes JSON piece by piece: each call adds one member of the object or list that is open. Any thread; the caller owns `out`.
 *
 *     struct json j = {.out = out};
 *     json_open(&j, NULL, '{'); json_text(&j, "name", "a"); json_close(&j, '}');
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool wants_comma; /**< something stands before in the object or list that is open */
};

/** Opens an object '{' or a list '['; `key` is NULL within a list and outside of all. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);

/** NULL is written as null. */
void json_text(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);

/** With its port; null if it is not set. */
void json_address(struct json *j, const char *key, const struct address *value);

/** A point in time, `ms` since 1970, as "2026-01-31T12:00:00.000Z". */
void json_time(struct json *j, const char *key, uint64_t ms);
