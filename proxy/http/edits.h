/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which fields of a head do not go on as they are: those that its Connection field lists (RFC 9110 7.6.1), and those that the
 * configuration sets or removes. Requests and responses have this in common. Pure; everything is borrowed while the edits are
 * used.
 */
#pragma once

#include "proxy/http/forward.h"

/** More names than this, besides "close" and the like, nobody lists: each would be compared with each field. */
#define HTTP_LISTED_MAX 32

struct http_edits {
    struct slice listed[HTTP_LISTED_MAX];
    size_t listed_count;
    const struct http_pair *set;
    size_t set_count;
    const struct slice *remove;
    size_t remove_count;
};

/** The caller has filled in both lists. False if Connection lists more names than we look at: then the head can't be passed on.
 */
bool http_edits_init(struct http_edits *e, const struct http_head *head);

/** True if a field that came with the head must not go on. */
bool http_edits_drop(const struct http_edits *e, struct slice name);

/** True if a field that we would add has another value by configuration, or is not wanted. */
bool http_edits_overrule(const struct http_edits *e, struct slice name);

/** Writes a field of our own, unless the configuration overrules it. */
void http_edits_put(const struct http_edits *e, struct http_writer *w, struct slice name, struct slice value);

/** Writes what the configuration sets. Reserved names (field_kind.h) are passed over: config/check refuses them. */
void http_edits_put_set(const struct http_edits *e, struct http_writer *w);
