/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Several new files that appear together or not at all, and never in the place of others unless that is wanted.
 *
 * Each is written and synced under a temporary name; pki_files_commit() links them to their names. link(2) fails if the name
 * exists, so even two commands at the same time can't overwrite each other's key.
 */
#pragma once

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define PKI_FILES_MAX 6
#define PKI_PATH_MAX  1024

struct pki_file {
    char path[PKI_PATH_MAX];
    char temporary[PKI_PATH_MAX];
    char backup[PKI_PATH_MAX]; /**< what was there before, until all is done; "" if there was nothing */
    int is_linked;
};

struct pki_files {
    const char *folder;
    FILE *err;
    const char *remedy;        /**< for a file that is there already */
    bool may_replace;          /**< set by the caller: files of these names are replaced, all or none; false at first */
    const struct passwd *user; /**< set by the caller: whose the files are to be; NULL at first: the caller's own */
    struct pki_file file[PKI_FILES_MAX];
    size_t count;
};

/** Storage is the caller's; pki_files_fini() ends it in every case. `err` gets one sentence for each failure. */
void pki_files_init(struct pki_files *files, const char *folder, FILE *err);

/** Writes one file `stem``suffix`, which may be in a folder below, under a temporary name. The umask does not matter. 0, or -1
 * after the sentence. */
int pki_files_add(struct pki_files *files, const char *stem, const char *suffix, mode_t mode, const void *bytes, size_t size);

/** Gives all of them their names and syncs the folder. 0, or -1 after the sentence: then none of them is left. */
int pki_files_commit(struct pki_files *files);

/** Puts one file in the place of the one of that name, in one step. 0, or -1 after the sentence: then the old one is there. */
int pki_files_replace(const char *folder, const char *name, mode_t mode, const void *bytes, size_t size, FILE *err);

/** Removes temporary names; and of an uncommitted set, everything. */
void pki_files_fini(struct pki_files *files);
