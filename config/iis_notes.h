/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is to be said about an import: what was not carried over, and what is left to do, each with its place. Caller's thread.
 *
 * Values out of the files stand in notes only where the importer names them, escaped; attributes that nobody asked for are
 * told by name alone, since they may be passwords.
 */
#pragma once

#include "config/iis_tree.h"

#include <stdio.h>

enum iis_kind {
    IIS_LOST = 0, /**< "not carried over": georelay behaves otherwise */
    IIS_WEAKER,   /**< "weaker than IIS": IIS kept something out that georelay lets through */
    IIS_BY_HAND,  /**< "by hand": a person must do or decide something */
    IIS_NEEDLESS, /**< "not needed": it means nothing to a proxy, or georelay does it anyway */
    IIS_KINDS
};

struct iis_noted {
    enum iis_kind kind;
    const struct iis_node *node; /**< NULL: about the import as a whole */
    char *text;                  /**< one printable line, sentence and remedy */
    size_t order;
};

/** All zero is an empty list. */
struct iis_notes {
    struct iis_noted *list;
    size_t count;
};

/** Adds a note. Sentence and remedy have no full stop at their end; remedy NULL: there is none. Borrows `node` while the list
 * lives. */
void iis_note(struct iis_notes *notes, enum iis_kind kind, const struct iis_node *node, const char *remedy, const char *sentence,
              ...) __attribute__((format(printf, 5, 6)));

/** Writes "PREFIX FILE:LINE: KIND: PATH: sentence. Remedy." for each, by file (`first` comes first) and line. */
void iis_notes_print(struct iis_notes *notes, const char *first, const char *prefix, FILE *out);

/** "2 not carried over, 1 by hand"; nothing if there are none. */
void iis_notes_sum(const struct iis_notes *notes, FILE *out);

void iis_notes_fini(struct iis_notes *notes);

/** Gives a copy in which each byte that is not printable ASCII has become \xNN: free() it. */
char *iis_printable(const char *text);
