/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is wrong with a configuration: a list of sentences, each with its place and its remedy, so that all of them are
 * told in one run. Caller's thread only.
 *
 * Text from the file or the file system may stand in a sentence as it is: bytes that are not printable ASCII are stored
 * as \xNN, so nothing in a file can move the cursor of the terminal that shows the list. At most CFG_PROBLEMS_KEPT are kept;
 * all are counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CFG_PROBLEMS_KEPT 1000

struct cfg_problem {
    char *file;
    unsigned line; /**< 0: the file as a whole */
    char *sentence;
    char *remedy;
    size_t order; /**< the how-manieth it was */
};

/** All zero is an empty list. */
struct cfg_problems {
    struct cfg_problem *list;
    size_t kept;
    size_t count; /**< all, kept or not */
};

/**
 * Adds a problem. The sentence and the remedy have no full stop at their end; the remedy is NULL where the sentence holds it.
 * Borrows everything until return.
 */
void cfg_problems_add(struct cfg_problems *p, const char *file, unsigned line, const char *remedy, const char *sentence, ...)
    __attribute__((format(printf, 5, 6)));

/** True if one of the `first` problems that were added is in this line. */
bool cfg_problems_has(const struct cfg_problems *p, size_t first, const char *file, unsigned line);

/** Writes "FILE:LINE: sentence. Remedy." for each, sorted by file and line. No full stop follows a remedy that ends with ';'. */
void cfg_problems_print(struct cfg_problems *p, FILE *out);

/** Frees what the list holds and empties it. */
void cfg_problems_fini(struct cfg_problems *p);
