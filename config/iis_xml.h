/* SPDX-License-Identifier: Apache-2.0 */
/**
 * XML as IIS writes it (UTF-8 or UTF-16 with a byte-order mark), read by expat into a tree. Caller's thread.
 *
 * A document type is refused, so there are no entities but XML's own five and no other file is ever opened.
 */
#pragma once

#include "config/iis_tree.h"

#include <stdio.h>

#define IIS_XML_BYTES 4194304
#define IIS_XML_DEPTH 64
#define IIS_XML_NODES 100000

/** The root element (iis_tree_free() it), or NULL after one line "FILE:LINE:COLUMN: sentence" on `err`. */
struct iis_node *iis_xml_read(const char *path, FILE *err);

/** The same for bytes in memory; `file` is what they are called. */
struct iis_node *iis_xml_parse(const char *file, const char *bytes, size_t length, FILE *err);
