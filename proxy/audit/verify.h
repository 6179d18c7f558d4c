/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reads audit logs again and finds whatever was changed in them since: a line that is not as it was made, lines that are missing,
 * twice there or in another order, a file that does not begin with its first line, an end that was cut off. One thread.
 */
#pragma once

#include "proxy/audit/seal.h"

#include <stdio.h>

struct verify {
    const struct audit_key *key;
    FILE *out; /**< what is found is told here, one finding a line: FILE:LINE: sentence */

    uint64_t lines;    /**< that were right */
    uint64_t findings; /**< that something is wrong */
    uint64_t notes;    /**< that something is worth a look */

    /* private */
    bool has_place;
    bool has_sealed; /* the line of the seal was seen */
    struct chain_place place;
    const struct chain_place *seal;
};

/** `seal`: what must have been reached at the end, or NULL; borrowed, as `key` is. */
void verify_init(struct verify *v, const struct audit_key *key, const struct chain_place *seal, FILE *out);

/**
 * One file; the next one must go on where it ends. "-" is standard input. -1 with errno if it can't be read. If it does not begin
 * with its chain's first line and is the first file, that is noted.
 */
int verify_file(struct verify *v, const char *path);

/** After the last file: compares its end with the seal. */
void verify_end(struct verify *v, const char *path);

/** The number of the first line of a file; UINT64_MAX if it has none. For bringing files into order. */
uint64_t verify_first(const char *path);
