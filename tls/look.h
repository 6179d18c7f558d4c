/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a file of certificates says of itself: for whom each is, and until when. For commands that tell people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define LOOK_NAMES 256

/** One certificate. */
struct look {
    char names[LOOK_NAMES]; /**< its host names and addresses, else its common name; printable ASCII */
    time_t until;           /**< the last second of its validity */
};

/** Called for each certificate in the order of the file. */
typedef void look_fn(void *arg, const struct look *look, bool is_first);

/** Reads a PEM file: the number of certificates in it, or -1 if it can't be read. */
int look_at_certificates(const char *path, look_fn *found, void *arg);
