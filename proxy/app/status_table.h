/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The status document (docs/status.md) as tables for people.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/** Rows of one table, unless all are wanted. */
#define STATUS_ROWS 40

/**
 * Prints `status`. `before` is the same of a moment ago, for the rates, or NULL: then rates are averages over a session's life.
 */
void status_table_print(FILE *out, const json_t *status, const json_t *before, bool wants_all);
