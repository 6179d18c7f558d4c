/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The text of a configuration file, read and looked over before libconfig sees it.
 *
 * libconfig 1.5 ends the process when an included "file" is a folder, waits for ever on a FIFO, and cuts whole numbers to 32 bits
 * without a word. So files are checked here, and numbers that it would cut, as texts without an end, are reported. Caller's
 * thread.
 */
#pragma once

#include "config/problems.h"

#include <sys/types.h>

#define CFG_SOURCE_BYTES    1048576
#define CFG_SOURCE_INCLUDES 64

/**
 * Reads `path` and looks it over, and the files that it includes. Gives the text (free() it), or NULL if there is no use
 * in parsing it; then at least one problem was added. A byte-order mark is left out.
 */
char *cfg_source_read(const char *path, struct cfg_problems *problems);

/** Gives the path of an included file as it is opened and shown: relative to the folder of the configuration file `path`. */
char *cfg_source_include_path(const char *path, const char *name);

/** Reads all of an open file into `bytes`, which has room for `most` + 1: so many bytes mean that it is too long. The count, or
 * -1 with errno. */
ssize_t cfg_source_read_all(int fd, char *bytes, size_t most);
