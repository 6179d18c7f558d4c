/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An IIS configuration file as a tree of elements that remembers what was looked at. Caller's thread.
 *
 * Asking for a child or an attribute marks it as told. What is not told in the end was not understood, and is reported: so
 * nothing that stands in a file can be dropped by mistake. Nodes are borrowed until iis_tree_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct iis_attribute {
    char *name;
    char *value; /**< UTF-8, as the file says: may hold any character that XML allows */
    bool is_told;
};

struct iis_node {
    char *name;
    const char *file; /**< the path it was read from; borrowed from the caller of iis_xml_read() */
    unsigned line;    /**< of the start tag */
    struct iis_attribute *attributes;
    size_t attributes_count;
    struct iis_node *parent, *first, *last, *next;
    bool is_told;
    bool has_text; /**< more than blanks stands between its tags: IIS gives that no meaning */
};

/** Adds an empty child at the end; `parent` may be NULL. Never NULL. */
struct iis_node *iis_tree_add(struct iis_node *parent, const char *name, const char *file, unsigned line);

/** Frees a node and all below it. */
void iis_tree_free(struct iis_node *node);

/** The first child of that name, or NULL. `node` may be NULL. Marks it. */
struct iis_node *iis_child(const struct iis_node *node, const char *name);

/** The next sibling of that name, or NULL. Marks it. */
struct iis_node *iis_next(const struct iis_node *node, const char *name);

/** The element below `node` that a path like "system.webServer/rewrite/rules" leads to, or NULL. Marks those on the way. */
struct iis_node *iis_find(struct iis_node *node, const char *path);

/** An attribute's value or NULL. Marks it. */
const char *iis_attr(const struct iis_node *node, const char *name);

/** The same, with a value for when it is not there. */
const char *iis_attr_or(const struct iis_node *node, const char *name, const char *preset);

/** "true" and "false" in any case; `preset` for all else. Marks it. */
bool iis_attr_bool(const struct iis_node *node, const char *name, bool preset);

/** Marks a node with all that it holds: the caller has said what is to be said. */
void iis_tell_all(struct iis_node *node);

#define IIS_PATH_BYTES 512

/** "system.webServer/rewrite/rules/rule", without "configuration" and <location>. Cut if it is too long. Returns `path`. */
const char *iis_path(const struct iis_node *node, char path[IIS_PATH_BYTES]);
