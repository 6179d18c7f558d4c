/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Patterns of URL Rewrite, understood as far as georelay can do the same: prefixes of paths, and host names. Pure, any thread.
 *
 * A regular expression is taken apart into heads ("webx", "db/list") and what may follow each; a choice "(a|b)" makes several.
 * What it does not understand it does not guess: then there is a reason, to be told.
 */
#pragma once

#include "config/iis_text.h"

enum iis_syntax { IIS_ECMASCRIPT = 0, IIS_WILDCARD, IIS_EXACT_MATCH, IIS_SYNTAX_UNKNOWN };

/** What may follow a head. */
enum iis_border {
    IIS_EXACT = 0,    /**< nothing */
    IIS_BELOW,        /**< "/" and anything */
    IIS_AT_AND_BELOW, /**< nothing, or "/" and anything */
    IIS_STARTS,       /**< anything, so "webx" fits "webxyz" too */
    IIS_EVERYTHING    /**< the head is empty, and every path fits */
};

/** What a reference holds behind its fixed text. */
enum iis_tail {
    IIS_TAIL_NONE = 0,
    IIS_TAIL_REST,      /**< what follows the head and its slash */
    IIS_TAIL_SLASH_REST /**< the same with the slash; nothing if the path ends with the head */
};

/** What {R:1} stands for: fixed text, and perhaps the rest of the path. */
struct iis_capture {
    char *text; /**< NULL: there is no such group */
    enum iis_tail tail;
};

#define IIS_CAPTURES 10

struct iis_head {
    char *text; /**< without slashes at its ends: "" for the root and for everything */
    enum iis_border border;
    struct iis_capture captures[IIS_CAPTURES];
};

struct iis_pattern {
    struct iis_head *heads;
    size_t count;
    bool needs_some; /**< ".+": the bare head does not fit */
};

enum iis_syntax iis_syntax_of(const char *name);

/**
 * Takes a pattern for paths apart. With `has_slash` it is one for {REQUEST_URI} and the like, whose values begin with "/"; that
 * of a rule's url has none. NULL and `ret` filled (iis_pattern_fini() it), or why it can't be done: the end of "the pattern ...".
 */
const char *iis_pattern_parse(enum iis_syntax syntax, const char *pattern, bool has_slash, struct iis_pattern *ret);
void iis_pattern_fini(struct iis_pattern *pattern);

/** True for ".*" and its like: everything fits. */
bool iis_pattern_is_trivial(enum iis_syntax syntax, const char *pattern);

/**
 * Takes a pattern for host names apart: adds "name" and "*.name" to `ret`; nothing if every host fits. `ret_is_loose`: it would
 * have fitted longer names too, since it has no "^" or no "$". NULL, or why it can't be done.
 */
const char *iis_pattern_hosts(enum iis_syntax syntax, const char *pattern, struct iis_strings *ret, bool *ret_is_loose);

/** Puts a fixed text in place of the group of that number, for a table keyed by {R:n}. Gives the new pattern, or NULL. */
char *iis_pattern_with(const char *pattern, unsigned group, const char *text);
