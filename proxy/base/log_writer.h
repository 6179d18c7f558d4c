/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where lines of the log go: a bounded queue in memory and one thread that writes it to a file or to standard error.
 *
 * Who puts a line never waits for a disk or a pipe. A line that finds the queue full, or that can't be written, is dropped and
 * counted; the thread then tries about once a second, and with each batch, to write a line of the count. There is one writer in a
 * program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Longest line that a log_writer_report_fn may make. */
#define LOG_WRITER_REPORT_BYTES 256

/** Writes the line that tells of `lines` dropped lines into `text`, with its newline; returns its length. Called by the writer
 * thread. */
typedef size_t log_writer_report_fn(uint64_t lines, char text[LOG_WRITER_REPORT_BYTES]);

/**
 * Opens `path` (NULL: standard error) and starts the thread, with all signals blocked in it. Lines go straight to standard error
 * as long as there is no writer. -1 with errno if the file can't be opened or the thread not started. Main thread.
 */
int log_writer_start(const char *path, log_writer_report_fn *report);

/**
 * Opens the path again; lines put after the return go to the new file. -1 with errno, and then the old file stays in use. Does
 * nothing for standard error. Main thread.
 */
int log_writer_reopen(void);

/** Lets the thread write what is queued, waits for it two seconds at most, and goes on without it if it is stuck. Main thread. */
void log_writer_stop(void);

/** One line with its newline, copied into the queue. Any thread. */
void log_writer_put(const char *line, size_t length);
