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
 *
 * Lines of requests, the access log, may have a file, a queue and a thread of their own: log_start_access().
 */
#pragma once

#include "proxy/base/address.h"
#include "proxy/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR = 0, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/** LINES: the caller makes whole lines, see log_put_access(). */
enum log_format { LOG_FORMAT_LOGFMT = 0, LOG_FORMAT_JSON, LOG_FORMAT_LINES };

/** Longest line. A field that does not fit is left off whole, and the line then ends with cut=N, the number of fields left off.
 */
#define LOG_LINE_BYTES 8192

/** Longest text of a log_head_fn. */
#define LOG_HEAD_BYTES 1024

struct log_line {
    bool is_access;
    enum log_format format;
    size_t used;
    unsigned left_off; /**< fields that did not fit */
    char text[LOG_LINE_BYTES];
};

/** Writes the lines that head a file, with their newlines; returns their length. Called by a thread of the log's. */
typedef size_t log_head_fn(char text[LOG_HEAD_BYTES]);

/**
 * Starts the writer thread. `path` is a file to append to (made with mode 0640), or NULL for standard error. Before this call and
 * after log_stop() lines go straight to standard error. Returns -1 with errno if the file can't be opened. Main thread.
 */
int log_start(enum log_level level, enum log_format format, const char *path);

/** Other lines are wanted from now on. Any thread. */
void log_set_level(enum log_level level);

/**
 * Gives the lines of requests a file of their own; without this call they go to the log. `head` may be NULL; it is called for
 * each file opened that is empty. While the file can't be written, the log has a line ev=access_log_failed once a minute. Returns
 * -1 with errno if the file can't be opened. Main thread, after log_start() and before there are requests.
 */
int log_start_access(enum log_format format, const char *path, log_head_fn *head);

/**
 * Opens the log's file, or the access log's, again (after rotation). On failure the old one stays in use and -1 with errno is
 * returned. Nothing is done, and 0 returned, where there is no file. Main thread.
 */
int log_reopen(void);
int log_reopen_access(void);

/** Writes what is queued, for at most two seconds each, and stops the writers. Main thread. */
void log_stop(void);

/** False if lines of this level are not wanted: then nothing else may be called on the line. Writes ts, level and ev. */
bool log_begin(struct log_line *l, enum log_level level, const char *event);

/**
 * The same for ev=request: goes to the access log's file in its form (not LINES); without one, to the log at level info.
 * With a file of its own it is always wanted.
 */
bool log_begin_access(struct log_line *l);

/** A field. NULL is written as "-". */
void log_text(struct log_line *l, const char *key, const char *value);
void log_number(struct log_line *l, const char *key, uint64_t value);
void log_address(struct log_line *l, const char *key, const struct address *value);
void log_ip(struct log_line *l, const char *key, const struct address *value);

/** A field whose value takes `max` bytes of the line at most, quotes and escapes included: a longer one is cut and ends in "...".
 */
void log_slice(struct log_line *l, const char *key, struct slice value, size_t max);

void log_end(struct log_line *l);

/**
 * Fields alone, in logfmt, for a line that goes somewhere else than to the log (proxy/audit/audit.h). The end adds cut=N if
 * fields were left off, and the newline: the line is `l->used` bytes of `l->text`.
 */
void log_fields_begin(struct log_line *l);
void log_fields_end(struct log_line *l);

/** One line with its newline, the only one in it, for the access log's file. Its format is LINES. Any thread. */
void log_put_access(const char *line, size_t length);

/** True if debug lines are wanted; cheap. */
bool log_is_debug(void);
