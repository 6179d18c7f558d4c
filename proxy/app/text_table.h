/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A table for people: columns as wide as their longest cell, numbers to the right. What is not printable ASCII is shown as "?",
 * so that nothing that a peer chose can move a terminal's cursor.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#define TEXT_TABLE_COLUMNS 12

struct text_table {
    const char *titles[TEXT_TABLE_COLUMNS]; /**< ends with NULL; one that begins with ">" is a column of numbers */
    char **cells;
    size_t count; /**< of cells */
    size_t room;
};

/** The next cell, in the order of the titles; a row ends with the last one. Formats as printf. */
void text_table_add(struct text_table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Prints titles and rows, and frees what was added. */
void text_table_print(struct text_table *t, FILE *out);
