/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One value of the configuration: from text to the member of the model that a row of the table names. Pure, any thread.
 *
 * Used for what stands in a file, for the elements of its lists, and for the defaults.
 */
#pragma once

#include "config/settings.h"

/** What a value needs to know of its surroundings. */
struct cfg_value_place {
    const char *folder; /**< absolute: what relative paths of files start from */
    unsigned line;      /**< written into an element that has a member for it */
};

#define CFG_TITLE_BYTES 256

/** What a value of this row is called in messages: "an IP address with port". Returns `text`. */
const char *cfg_value_title(const struct cfg_setting *row, char text[CFG_TITLE_BYTES]);

/** How large an element of this row's list is. */
size_t cfg_value_size(const struct cfg_setting *row);

/**
 * Parses text into the member. Not for numbers and groups. A name has 1 to 63 letters, digits, '-', '_' and '.', the first of
 * them a letter, a digit or '_'. An empty text leaves a member alone that `may_be_empty`. False if the text does not fit; then
 * `member` is untouched.
 */
bool cfg_value_parse(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place, void *member);

/** Frees what a member (or an element) holds and zeroes its pointers; not for lists and groups. */
void cfg_value_fini(const struct cfg_setting *row, void *member);
