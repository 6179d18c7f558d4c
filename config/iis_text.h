/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Texts of an import: made, cut and listed. What is given is the caller's to free(). Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** All zero is an empty list. */
struct iis_strings {
    char **list;
    size_t count;
};

/** Takes `text`. */
void iis_strings_take(struct iis_strings *strings, char *text);

/** Adds a copy, unless it is there already. */
void iis_strings_add(struct iis_strings *strings, const char *text);
bool iis_strings_has(const struct iis_strings *strings, const char *text);
void iis_strings_fini(struct iis_strings *strings);

/** Gives the text that printf would print. */
char *iis_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Gives the first `length` bytes. */
char *iis_cut(const char *text, size_t length);

/** Gives `text` with each `old` become `new`; letters of either case are equal in `old`. */
char *iis_replace(const char *text, const char *old, const char *new);

/** Gives a regular expression that fits exactly `text`, without anchors. */
char *iis_escape(const char *text);

/** Digits only, and at most `max`. False: `ret` is untouched. */
bool iis_number(const char *text, unsigned long max, unsigned long *ret);

/** Seconds of "hh:mm:ss" or "d.hh:mm:ss". False: `ret` is untouched. */
bool iis_timespan(const char *text, long *ret);
