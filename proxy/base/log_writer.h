/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where lines of the log go: for each of the program's logs a bounded queue in memory and one thread that writes it to a file or
 * to standard error.
 *
 * Who puts a line never waits for a disk or a pipe. A line that finds the queue full, or that can't be written, is dropped and
 * counted; the thread then tries about once a second, and with each batch, to write a line of the count. After a batch the
 * thread lets lines gather for some milliseconds under load: then it writes them by the hundred, and who puts them need not wake
 * it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum log_which { LOG_WRITER_MAIN = 0, LOG_WRITER_ACCESS, LOG_WRITERS };

/** Longest text that a writer may ask for. */
#define LOG_WRITER_OWN_BYTES 1024

/** What a writer asks for. Called by its thread, without a lock. */
struct log_writer_ops {
    /** Writes the lines at the beginning of a file into `text`, newlines included; returns their length. NULL: there are none. */
    size_t (*head)(char text[LOG_WRITER_OWN_BYTES]);
    /** The same for the line that tells of `lines` dropped lines. */
    size_t (*dropped)(enum log_which which, uint64_t lines, char text[LOG_WRITER_OWN_BYTES]);
    /** Lines could not be written, with this errno; at most once a minute. May put lines to the other writer. May be NULL. */
    void (*failed)(int error);
};

/**
 * Opens `path` (NULL: standard error) and starts the thread, with all signals blocked in it. Lines go straight to standard error
 * as long as there is no writer. -1 with errno if the file can't be opened or the thread not started. Main thread.
 */
int log_writer_start(enum log_which which, const char *path, const struct log_writer_ops *ops);

/**
 * Opens the path again; lines put after the return go to the new file. -1 with errno, and then the old file stays in use. Does
 * nothing for standard error, or without a writer. Main thread.
 */
int log_writer_reopen(enum log_which which);

/** Lets the thread write what is queued, waits for it two seconds at most, and goes on without it if it is stuck. Main thread. */
void log_writer_stop(enum log_which which);

/** Lines that were dropped since the start, told of or not. Any thread. */
uint64_t log_writer_dropped(enum log_which which);

/** One line with its newline, copied into the queue. Any thread. */
void log_writer_put(enum log_which which, const char *line, size_t length);
