/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The log: one line per event, key=value (logfmt) or JSON with the same keys.
 *
 * A line is built on the caller's stack and handed to a writer thread through a bounded queue, so that a full disk or a stalled
 * pipe never stops a worker; lines that do not fit are dropped and counted, and the count is logged when there is room again.
 * Values that contain anything but printable ASCII without space, quote, backslash and '=' are quoted and escaped, so a
 * peer can never start a line or forge a field.
 *
 *     struct log_line l;
 *     if (log_begin(&l, LOG_LEVEL_INFO, "close")) {
 *         log_text(&l, "why", reason_name(why));
 *         log_end(&l);
 *     }
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR = 0, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT = 0, LOG_FORMAT_JSON };

/** Longest line. A field that does not fit is left off whole, and the line then ends with cut=N, the number of fields left off.
 */
#define LOG_LINE_BYTES 2048

struct log_line {
    size_t used;
    unsigned left_off; /**< fields that did not fit */
    char text[LOG_LINE_BYTES];
};

/**
 * Starts the writer thread. `path` is a file to append to (made with mode 0640), or NULL for standard error. Before this call and
 * after log_stop() lines go straight to standard error. Returns -1 with errno if the file can't be opened. Main thread.
 */
int log_start(enum log_level level, enum log_format format, const char *path);

/** Opens the file again (after rotation). On failure the old one stays in use and -1 with errno is returned. Main thread. */
int log_reopen(void);

/** Writes what is queued, for at most two seconds, and stops the writer. Main thread. */
void log_stop(void);

/** False if lines of this level are not wanted: then nothing else may be called on the line. Writes ts, level and ev. */
bool log_begin(struct log_line *l, enum log_level level, const char *event);

/** A field. NULL is written as "-". */
void log_text(struct log_line *l, const char *key, const char *value);
void log_number(struct log_line *l, const char *key, uint64_t value);
void log_address(struct log_line *l, const char *key, const struct address *value);
void log_ip(struct log_line *l, const char *key, const struct address *value);
void log_end(struct log_line *l);

/** True if debug lines are wanted; cheap. */
bool log_is_debug(void);
