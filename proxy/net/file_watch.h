/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tells when files on disk have changed: written, replaced by rename, removed, come back, or reached through another symbolic
 * link.
 *
 * inotify watches every folder on the way to each file, the folders that symbolic links lead through as well; so a file, a folder
 * or a link may be missing and come later. Changes that belong together (a certificate and its key) are told once, when nothing
 * has happened to any of the files for FILE_WATCH_SETTLE_MS; whoever never stops writing is told of after FILE_WATCH_LATEST_MS.
 * What inotify can't see (a folder that we may not read, a network's file system) is found by a look at the files: every
 * FILE_WATCH_LOOK_MS, and every FILE_WATCH_BLIND_MS while a folder could not be watched.
 *
 * It says only that something changed: whoever is told reads the files, keeps what he had if they are no good, and is told again
 * of the next change. A call too many is possible, one too few is not. All calls on the loop's thread.
 */
#pragma once

#include "proxy/net/loop.h"

#define FILE_WATCH_SETTLE_MS 200
#define FILE_WATCH_LATEST_MS 2000
#define FILE_WATCH_LOOK_MS   60000
#define FILE_WATCH_BLIND_MS  500

struct file_watch;

typedef void file_watch_fn(void *arg);

/** Watches nothing yet. `arg` is borrowed until file_watch_free(). NULL with errno (memory, or fs.inotify.max_user_instances). */
struct file_watch *file_watch_new(struct loop *loop, file_watch_fn *changed, void *arg);

/**
 * Watches one more file, which need not exist; a relative path is one of the present folder. Whatever changes after this call is
 * told: add first, then read. 0, or -1 with errno.
 */
int file_watch_add(struct file_watch *w, const char *path);

/** No more calls; may be called by `changed`. NULL is ignored. */
void file_watch_free(struct file_watch *w);
