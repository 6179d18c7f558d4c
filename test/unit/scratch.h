/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A folder for the files of one test, removed with what is in it. Failures stop the program.
 */
#pragma once

#include <stddef.h>

struct scratch {
    char folder[64];
};

void scratch_init(struct scratch *s);
void scratch_fini(struct scratch *s);

/** The path of a file in the folder. Good until the fourth next call. */
const char *scratch_path(const struct scratch *s, const char *name);

/** The content of a file with a final zero; the caller frees it. */
char *scratch_read(const struct scratch *s, const char *name);
