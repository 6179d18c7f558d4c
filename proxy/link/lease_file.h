/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The state file: which identity had which address, so that it gets the same one after a restart.
 *
 * Text, one lease per line: `lease LINK AGENT CLIENT ADDRESS USED`, AGENT being "direct" for a client without one, USED the
 * seconds since 1970. It is replaced whole: written under another name, synced, renamed; a crash at any moment leaves the
 * old or the new file.
 */
#pragma once

#include "proxy/link/lease.h"

/** Reads the file into the tables (one per link of `cfg`). A missing file is an empty one; lines that no longer fit are skipped
 * and counted in the log. -1: unreadable (logged). */
int lease_file_load(const char *path, const struct cfg *cfg, struct lease_table *tables);

/** The file's text; NULL without memory. The caller frees it. */
char *lease_file_text(const struct cfg *cfg, struct lease_table *tables);

/** Writes `text` to `path`. 0, or -1 with errno; then the old file is as it was. Blocks; any thread. */
int lease_file_write(const char *path, const char *text);

/** Removes it, also if there is none. 0, or -1 with errno. Blocks; any thread. */
int lease_file_remove(const char *path);
