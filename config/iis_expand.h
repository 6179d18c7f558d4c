/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Choices in a regular expression, written out: "^(a|b)/" becomes "^(a)/" and "^(b)/". Pure, any thread.
 */
#pragma once

#include "config/iis_text.h"

#define IIS_EXPANDED_MAX 64

/** The length of one atom: an escape, a class in brackets, or one character; 0 at the end. */
size_t iis_atom(const char *pattern);

/** Where the group that opens at `pattern` closes; NULL: nowhere. */
const char *iis_group_end(const char *pattern);

/** The pattern of a wildcard ("*" is "(.*)") as a regular expression with anchors. Gives. */
char *iis_wildcard(const char *pattern);

/** Adds the patterns without choices; groups keep their numbers. NULL, or why it can't be done. */
const char *iis_expand(const char *pattern, struct iis_strings *ret);
