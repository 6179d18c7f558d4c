/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the tree of an IIS configuration file, and the marks of what was looked at. Caller's thread. */
#include "config/iis_tree.h"
#include "config/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct iis_node *iis_tree_add(struct iis_node *parent, const char *name, const char *file, unsigned line)
{
    struct iis_node *node = cfg_alloc(1, sizeof(*node));

    node->name = cfg_copy(name);
    node->file = file;
    node->line = line;
    node->parent = parent;
    if (!parent)
        return node;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    return node;
}

/* As deep as the tree, which config/iis_xml.c limits. */
void iis_tree_free(struct iis_node *node)
{
    struct iis_node *next;

    if (!node)
        return;
    for (struct iis_node *child = node->first; child; child = next) {
        next = child->next;
        iis_tree_free(child);
    }
    for (size_t i = 0; i < node->attributes_count; i++) {
        free(node->attributes[i].name);
        free(node->attributes[i].value);
    }
    free(node->attributes);
    free(node->name);
    free(node);
}

static struct iis_node *first_named(struct iis_node *node, const char *name, size_t length)
{
    for (; node; node = node->next)
        if (strlen(node->name) == length && strncmp(node->name, name, length) == 0) {
            node->is_told = true;
            return node;
        }
    return NULL;
}

struct iis_node *iis_child(const struct iis_node *node, const char *name)
{
    return node ? first_named(node->first, name, strlen(name)) : NULL;
}

struct iis_node *iis_next(const struct iis_node *node, const char *name)
{
    return first_named(node->next, name, strlen(name));
}

struct iis_node *iis_find(struct iis_node *node, const char *path)
{
    while (node && *path) {
        size_t length = strcspn(path, "/");

        node = first_named(node->first, path, length);
        path += length + (path[length] == '/');
    }
    return node;
}

const char *iis_attr(const struct iis_node *node, const char *name)
{
    for (size_t i = 0; node && i < node->attributes_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0) {
            node->attributes[i].is_told = true;
            return node->attributes[i].value;
        }
    return NULL;
}

const char *iis_attr_or(const struct iis_node *node, const char *name, const char *preset)
{
    const char *value = iis_attr(node, name);

    return value ? value : preset;
}

bool iis_attr_bool(const struct iis_node *node, const char *name, bool preset)
{
    const char *value = iis_attr_or(node, name, "");

    if (strcasecmp(value, "true") == 0)
        return true;
    return strcasecmp(value, "false") == 0 ? false : preset;
}

void iis_tell_all(struct iis_node *node)
{
    node->is_told = true;
    for (size_t i = 0; i < node->attributes_count; i++)
        node->attributes[i].is_told = true;
    for (struct iis_node *child = node->first; child; child = child->next)
        iis_tell_all(child);
}

const char *iis_path(const struct iis_node *node, char path[IIS_PATH_BYTES])
{
    char rest[IIS_PATH_BYTES];

    path[0] = '\0';
    for (; node && node->parent; node = node->parent) {
        if (strcmp(node->name, "location") == 0)
            continue;
        snprintf(rest, sizeof(rest), "%s", path);
        snprintf(path, IIS_PATH_BYTES, "%.200s%s%.300s", node->name, rest[0] ? "/" : "", rest);
    }
    return path;
}
