/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An agent's files of a renewal, in the folder `state`, by the agent's name. All are secret (mode 0600). They are written and
 * synced by a job, so that no loop waits for a disk, and replaced whole: a crash at any moment leaves the old or the new one.
 */
#pragma once

#include "config/model.h"
#include "proxy/net/loop.h"

#include <limits.h>
#include <stdbool.h>

enum renewal_file {
    RENEWAL_REQUEST, /**< NAME.request: the key and the request that wait for an answer */
    RENEWAL_TRIAL,   /**< NAME.trial: the certificate that came for it, with its chain and key, on trial */
    RENEWAL_PAIR     /**< NAME.pem: the same in use */
};

/** False if it would be too long. */
bool renewal_file_path(const struct cfg *cfg, enum renewal_file which, char path[PATH_MAX]);

/** Its text, for renew_pair_free(); NULL if there is none, or not one that we could have written. Blocks: at the start only. */
char *renewal_file_read(const struct cfg *cfg, enum renewal_file which);

/** It is on the disk, or why not (errno). Main loop. */
typedef void renewal_file_fn(void *arg, int error);

/** What is being written. */
struct renewal_write;

/** Writes a file; makes the folder if it is missing. `text` is copied, and wiped. `done` comes later, once. NULL without memory
 * or threads: then it never does. */
struct renewal_write *renewal_file_write(struct loop *loop, const struct cfg *cfg, enum renewal_file which, const char *text,
                                         renewal_file_fn *done, void *arg);

/** The trial's file becomes the pair's, and the request's is dropped. Otherwise as above. */
struct renewal_write *renewal_file_adopt(struct loop *loop, const struct cfg *cfg, renewal_file_fn *done, void *arg);

/** `done` will not be called; the writing goes on. Before `done` only; NULL is ignored. */
void renewal_file_forget(struct renewal_write *w);

/** Removes it without waiting for the disk. */
void renewal_file_remove(const struct cfg *cfg, enum renewal_file which);
