/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A program of the system that is run for what it says. Blocks. For commands.
 */
#pragma once

#include <stddef.h>

/** The longest wait, and the longest answer that is looked at. */
#define CHILD_MS    10000
#define CHILD_BYTES ((size_t)4 * 1024 * 1024)

enum child_end {
    CHILD_DONE = 0,
    CHILD_ABSENT,  /**< there is no such program */
    CHILD_FAILED,  /**< it said so by its exit status */
    CHILD_ENDLESS, /**< it took too long, or said too much */
    CHILD_UNMADE   /**< it could not be started; errno */
};

/**
 * Runs `arguments` (ended by NULL), the first of which is a name that is looked for in the system's own folders, never by PATH,
 * as this may be root. Its standard output, which the caller frees; NULL if it did not end well. How it ended goes to `ret_end`,
 * which may be NULL.
 */
char *child_read(const char *const *arguments, enum child_end *ret_end);
