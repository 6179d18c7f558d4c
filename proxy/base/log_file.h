/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A file, pipe or device that lines are appended to, each of them whole or counted as lost. Every line ends with the only newline
 * in it. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_file {
    int fd;       /**< -1: none */
    bool is_torn; /**< the last line in it lacks its end */
};

/** Opens for appending, made with mode 0640 if it is not there. -1 with errno; ENXIO is a FIFO that nobody reads. */
int log_file_open(const char *path);

/** **Takes** `fd` (-1: none) in place of the old one, which is closed. Standard error is never closed. */
void log_file_set(struct log_file *f, int fd);

/** Its bytes; -1 for what has no size: a pipe, a device. */
int64_t log_file_size(const struct log_file *f);

/**
 * Writes lines, behind what is there of a torn one; returns the number of those that did not arrive whole, with errno. A pipe
 * that nobody empties is given a second.
 */
uint64_t log_file_write(struct log_file *f, const char *bytes, size_t length);

/** The number of lines. */
uint64_t log_file_count(const char *bytes, size_t length);

/** Writes to standard error what it takes at once. Any thread. */
void log_file_write_stderr(const char *bytes, size_t length);
