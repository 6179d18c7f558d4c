/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the cells until they are printed. One thread. */
#include "proxy/app/text_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static size_t columns(const struct text_table *t)
{
    size_t count = 0;

    while (count < TEXT_TABLE_COLUMNS && t->titles[count] != NULL)
        count++;
    return count;
}

static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

void text_table_add(struct text_table *t, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    make_printable(text);
    if (t->count == t->room) {
        t->room = t->room > 0 ? t->room * 2 : 64;
        t->cells = realloc(t->cells, t->room * sizeof(*t->cells));
        if (t->cells == NULL)
            abort();
    }
    t->cells[t->count++] = text;
}

static int width_of(const struct text_table *t, size_t column, size_t count)
{
    size_t width = strlen(t->titles[column]) - (t->titles[column][0] == '>');

    for (size_t i = column; i < t->count; i += count)
        if (strlen(t->cells[i]) > width)
            width = strlen(t->cells[i]);
    return (int)width;
}

/* The last column is not filled up with blanks, unless it is one of numbers. */
static void print_cell(const struct text_table *t, const char *text, size_t column, size_t count, int width, FILE *out)
{
    if (t->titles[column][0] == '>')
        fprintf(out, "  %*s", width, text);
    else if (column + 1 < count)
        fprintf(out, "  %-*s", width, text);
    else
        fprintf(out, "  %s", text);
}

void text_table_print(struct text_table *t, FILE *out)
{
    size_t count = columns(t);
    int widths[TEXT_TABLE_COLUMNS];

    for (size_t i = 0; i < count; i++)
        widths[i] = width_of(t, i, count);
    for (size_t i = 0; i < count; i++)
        print_cell(t, t->titles[i] + (t->titles[i][0] == '>'), i, count, widths[i], out);
    fputc('\n', out);
    for (size_t i = 0; i < t->count; i++) {
        print_cell(t, t->cells[i], i % count, count, widths[i % count], out);
        if (i % count == count - 1)
            fputc('\n', out);
        free(t->cells[i]);
    }
    free(t->cells);
    t->cells = NULL;
    t->count = t->room = 0;
}
