/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the list of notes of an import: their words, their order. Caller's thread. */
#include "config/iis_notes.h"
#include "config/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_BYTES = 2048 };

static const char *const kind_names[IIS_KINDS] = {
    [IIS_LOST] = "not carried over",
    [IIS_WEAKER] = "weaker than IIS",
    [IIS_BY_HAND] = "by hand",
    [IIS_NEEDLESS] = "not needed",
};

char *iis_printable(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    char *copy = cfg_alloc(4 * strlen(text) + 1, 1);
    char *end = copy;

    for (; *text; text++) {
        if (*text >= ' ' && *text < 0x7f) {
            *end++ = *text;
        } else {
            *end++ = '\\';
            *end++ = 'x';
            *end++ = digits[(uint8_t)*text >> 4];
            *end++ = digits[*text & 0xf];
        }
    }
    return copy;
}

/* Which of several of a kind an element is: the value of what names it, or NULL. */
static const char *naming_attribute(const struct iis_node *node, const char **ret_value)
{
    static const char *const names[] = {"name", "path", "serverVariable", NULL};

    for (size_t n = 0; names[n]; n++)
        for (size_t i = 0; i < node->attributes_count; i++)
            if (strcmp(node->attributes[i].name, names[n]) == 0) {
                *ret_value = node->attributes[i].value;
                return names[n];
            }
    return NULL;
}

static void write_subject(const struct iis_node *node, char *text, size_t size)
{
    char path[IIS_PATH_BYTES];
    const char *value;

    iis_path(node, path);
    if (!path[0])
        snprintf(text, size, "%s: ", node->name);
    else if (naming_attribute(node, &value))
        snprintf(text, size, "%s \"%.200s\": ", path, value);
    else
        snprintf(text, size, "%s: ", path);
}

void iis_note(struct iis_notes *notes, enum iis_kind kind, const struct iis_node *node, const char *remedy, const char *sentence,
              ...)
{
    char subject[IIS_PATH_BYTES + 256] = "", text[SENTENCE_BYTES], whole[SENTENCE_BYTES + 2048];
    struct iis_noted *note;
    va_list args;

    va_start(args, sentence);
    vsnprintf(text, sizeof(text), sentence, args);
    va_end(args);
    if (node)
        write_subject(node, subject, sizeof(subject));
    snprintf(whole, sizeof(whole), "%s%s.%s%s%s", subject, text, remedy ? " " : "", remedy ? remedy : "",
             !remedy || remedy[strlen(remedy) - 1] == ';' ? "" : ".");
    notes->list = cfg_grow(notes->list, notes->count, sizeof(*notes->list));
    note = &notes->list[notes->count];
    *note = (struct iis_noted){kind, node, iis_printable(whole), notes->count};
    notes->count++;
}

static int rank(const struct iis_noted *note, const char *first)
{
    if (!note->node)
        return 2;
    return strcmp(note->node->file, first) == 0 ? 0 : 1;
}

static int compare(const void *left, const void *right, void *first)
{
    const struct iis_noted *a = left, *b = right;

    if (rank(a, first) != rank(b, first))
        return rank(a, first) - rank(b, first);
    if (a->node && a->node->line != b->node->line)
        return a->node->line < b->node->line ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

void iis_notes_print(struct iis_notes *notes, const char *first, const char *prefix, FILE *out)
{
    if (notes->count > 0)
        qsort_r(notes->list, notes->count, sizeof(*notes->list), compare, (void *)(uintptr_t)first);
    for (size_t i = 0; i < notes->count; i++) {
        const struct iis_noted *note = &notes->list[i];

        fputs(prefix, out);
        if (note->node) {
            char *file = iis_printable(note->node->file);

            fprintf(out, "%s:%u: ", file, note->node->line);
            free(file);
        }
        fprintf(out, "%s: %s\n", kind_names[note->kind], note->text);
    }
}

void iis_notes_sum(const struct iis_notes *notes, FILE *out)
{
    const char *comma = "";

    for (int kind = 0; kind < IIS_KINDS; kind++) {
        size_t count = 0;

        for (size_t i = 0; i < notes->count; i++)
            count += (int)notes->list[i].kind == kind;
        if (count > 0)
            fprintf(out, "%s%zu %s", comma, count, kind_names[kind]);
        comma = count > 0 ? ", " : comma;
    }
}

void iis_notes_fini(struct iis_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free(notes->list[i].text);
    free(notes->list);
    *notes = (struct iis_notes){0};
}
