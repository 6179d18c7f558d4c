/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Command-line options of the commands: a small table each, read by one loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct option_row {
    const char *short_name; /**< "-c", or NULL */
    const char *long_name;  /**< "--config", or NULL */
    const char *argument;   /**< what its value is called, or NULL if it takes none */
    const char *what;
    const char **value; /**< where the value goes; for one without value, a non-NULL text is stored */
    size_t *count;      /**< for one that may be given several times: how many values there are; else NULL */
    size_t room;        /**< how many there may be */
};

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_BAD };

/**
 * Reads `argv` by the rows (ended by one without names). What is no option is moved to the front of argv[1..], their count goes
 * to `ret_count`. BAD: told on standard error. HELP: `usage` and the rows were printed on standard output.
 */
enum options_result options_read(int argc, char **argv, const struct option_row *rows, const char *usage, int *ret_count);
