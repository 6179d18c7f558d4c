/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Several new files that appear together or not at all, and never in the place of others.
 *
 * Each is written and synced under a temporary name; pki_files_commit() links them to their names. link(2) fails if the name
 * exists, so even two commands at the same time can't overwrite each other's key.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define PKI_FILES_MAX 4
#define PKI_PATH_MAX  1024

struct pki_file {
    char path[PKI_PATH_MAX];
    char temporary[PKI_PATH_MAX];
    int is_linked;
};

struct pki_files {
    const char *folder;
    FILE *err;
    struct pki_file file[PKI_FILES_MAX];
    size_t count;
};

/** Storage is the caller's; pki_files_fini() ends it in every case. `err` gets one sentence for each failure. */
void pki_files_init(struct pki_files *files, const char *folder, FILE *err);

/** Writes one file `stem``suffix` under a temporary name. The umask does not matter. 0, or -1 after the sentence. */
int pki_files_add(struct pki_files *files, const char *stem, const char *suffix, mode_t mode, const void *bytes, size_t size);

/** Gives all of them their names and syncs the folder. 0, or -1 after the sentence: then none of them is left. */
int pki_files_commit(struct pki_files *files);

/** Removes temporary names; and of an uncommitted set, everything. */
void pki_files_fini(struct pki_files *files);
