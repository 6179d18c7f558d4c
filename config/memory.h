/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Memory for the configuration. Without memory for a few kilobytes of text at start there is nothing to carry on with, so
 * these calls never return NULL: they say so on standard error and abort. Not for use outside config/. Any thread.
 */
#pragma once

#include <stddef.h>

/** `count` times `size` bytes, all zero. Gives: free() it. */
void *cfg_alloc(size_t count, size_t size);

/** A list that grows: takes `list` (may be NULL) with `count` elements, returns it with room for one more, that one zero. */
void *cfg_grow(void *list, size_t count, size_t size);

/** Gives a copy of `text`: free() it. */
char *cfg_copy(const char *text);

/** Gives "folder/name", or a copy of `name` if that is absolute. */
char *cfg_join(const char *folder, const char *name);

/** Gives the folder of `path` as it is written: "." if there is no slash. */
char *cfg_folder(const char *path);
