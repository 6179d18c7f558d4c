/* SPDX-License-Identifier: Apache-2.0 */
/* Owns expat: the only file that knows it. Nothing is read here but the one file that the caller names. Caller's thread. */
#include "config/iis_xml.h"
#include "config/memory.h"
#include "config/source.h"

#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reading {
    XML_Parser parser;
    const char *file;
    struct iis_node *root;
    struct iis_node *at; /* the innermost element that is open */
    unsigned depth;
    size_t nodes;
    const char *refused; /* why we stopped, where expat had no objection */
};

static void refuse(struct reading *r, const char *why)
{
    r->refused = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = data;
    struct iis_node *node;

    if (r->refused)
        return;
    if (++r->depth > IIS_XML_DEPTH || ++r->nodes > IIS_XML_NODES) {
        refuse(r, r->depth > IIS_XML_DEPTH ? "elements lie too deep within each other" : "there are too many elements");
        return;
    }
    node = iis_tree_add(r->at, name, r->file, (unsigned)XML_GetCurrentLineNumber(r->parser));
    for (; *attributes; attributes += 2) {
        node->attributes = cfg_grow(node->attributes, node->attributes_count, sizeof(*node->attributes));
        node->attributes[node->attributes_count++] =
            (struct iis_attribute){cfg_copy(attributes[0]), cfg_copy(attributes[1]), false};
    }
    if (!r->root)
        r->root = node;
    r->at = node;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct reading *r = data;

    (void)name;
    if (r->refused)
        return;
    r->at = r->at->parent;
    r->depth--;
}

static void XMLCALL on_text(void *data, const XML_Char *text, int length)
{
    struct reading *r = data;

    for (int i = 0; i < length && r->at; i++)
        if (!strchr(" \t\r\n", text[i]))
            r->at->has_text = true;
}

/* Before anything that a document type declares is looked at. */
static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system, const XML_Char *public, int has_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    refuse(data, "it has a document type (<!DOCTYPE>), which IIS never writes");
}

static const char *remedy_for(enum XML_Error error)
{
    switch (error) {
    case XML_ERROR_UNKNOWN_ENCODING:
    case XML_ERROR_INCORRECT_ENCODING:
    case XML_ERROR_PARTIAL_CHAR:
        return "Save it as UTF-8";
    case XML_ERROR_NO_ELEMENTS:
        return "Is it the right file, and all of it?";
    default:
        return "Correct it: IIS could not read it either";
    }
}

static void tell_error(const struct reading *r, FILE *err)
{
    enum XML_Error error = XML_GetErrorCode(r->parser);
    unsigned long line = XML_GetCurrentLineNumber(r->parser), column = XML_GetCurrentColumnNumber(r->parser) + 1;

    if (r->refused)
        fprintf(err, "%s:%lu:%lu: This file is not read: %s.\n", r->file, line, column, r->refused);
    else
        fprintf(err, "%s:%lu:%lu: The XML is wrong: %s. %s.\n", r->file, line, column, XML_ErrorString(error), remedy_for(error));
}

struct iis_node *iis_xml_parse(const char *file, const char *bytes, size_t length, FILE *err)
{
    struct reading r = {.file = file, .parser = XML_ParserCreate(NULL)};

    if (!r.parser) {
        fprintf(err, "%s: No memory to read it.\n", file);
        return NULL;
    }
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    if (XML_Parse(r.parser, bytes, (int)length, XML_TRUE) != XML_STATUS_OK) {
        tell_error(&r, err);
        iis_tree_free(r.root);
        r.root = NULL;
    }
    XML_ParserFree(r.parser);
    return r.root;
}

struct iis_node *iis_xml_read(const char *path, FILE *err)
{
    struct iis_node *root = NULL;
    char *bytes = NULL;
    ssize_t length;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, &st) < 0) {
        fprintf(err, "%s: The file can't be opened: %s.\n", path, strerror(errno));
        goto close_fd;
    }
    if (!S_ISREG(st.st_mode)) {
        fprintf(err, "%s: This is not a regular file.\n", path);
        goto close_fd;
    }
    bytes = cfg_alloc(IIS_XML_BYTES + 1, 1);
    length = cfg_source_read_all(fd, bytes, IIS_XML_BYTES);
    if (length < 0)
        fprintf(err, "%s: The file can't be read: %s.\n", path, strerror(errno));
    else if (length > IIS_XML_BYTES)
        fprintf(err, "%s: The file is larger than 4 MiB, as no IIS configuration is.\n", path);
    else
        root = iis_xml_parse(path, bytes, (size_t)length, err);
    free(bytes);
close_fd:
    if (fd >= 0)
        close(fd);
    return root;
}
