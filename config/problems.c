/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the list of problems of a configuration: escapes, sorts and prints them. Caller's thread. */
#include "config/problems.h"
#include "config/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_BYTES = 1024 };

static bool is_printable(char c)
{
    return c >= 0x20 && c < 0x7f;
}

/* Gives a copy in which each byte that is not printable ASCII has become \xNN. */
static char *escaped_copy(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    char *copy = cfg_alloc(4 * strlen(text) + 1, 1);
    char *end = copy;

    for (; *text; text++) {
        if (is_printable(*text)) {
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

void cfg_problems_add(struct cfg_problems *p, const char *file, unsigned line, const char *remedy, const char *sentence, ...)
{
    char text[SENTENCE_BYTES];
    struct cfg_problem *problem;
    va_list args;

    p->count++;
    if (p->kept == CFG_PROBLEMS_KEPT)
        return;
    va_start(args, sentence);
    vsnprintf(text, sizeof(text), sentence, args);
    va_end(args);
    p->list = cfg_grow(p->list, p->kept, sizeof(*p->list));
    problem = &p->list[p->kept];
    problem->order = p->kept++;
    problem->file = escaped_copy(file);
    problem->line = line;
    problem->sentence = escaped_copy(text);
    problem->remedy = escaped_copy(remedy ? remedy : "");
}

bool cfg_problems_has(const struct cfg_problems *p, size_t first, const char *file, unsigned line)
{
    char *name = escaped_copy(file);
    bool found = false;

    for (size_t i = 0; i < p->kept && !found; i++)
        found = p->list[i].order < first && p->list[i].line == line && strcmp(p->list[i].file, name) == 0;
    free(name);
    return found;
}

static int compare(const void *left, const void *right)
{
    const struct cfg_problem *a = left;
    const struct cfg_problem *b = right;
    int files = strcmp(a->file, b->file);

    if (files != 0)
        return files;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* A full stop behind a line to be copied would be copied too. */
static bool ends_with_example(const char *remedy)
{
    size_t length = strlen(remedy);

    return length > 0 && remedy[length - 1] == ';';
}

void cfg_problems_print(struct cfg_problems *p, FILE *out)
{
    if (p->kept > 0)
        qsort(p->list, p->kept, sizeof(*p->list), compare);
    for (size_t i = 0; i < p->kept; i++) {
        const struct cfg_problem *problem = &p->list[i];

        fputs(problem->file, out);
        if (problem->line > 0)
            fprintf(out, ":%u", problem->line);
        fprintf(out, ": %s.", problem->sentence);
        if (problem->remedy[0])
            fprintf(out, " %s%s", problem->remedy, ends_with_example(problem->remedy) ? "" : ".");
        fputc('\n', out);
    }
    if (p->count > p->kept)
        fprintf(out, "and %zu more\n", p->count - p->kept);
}

void cfg_problems_fini(struct cfg_problems *p)
{
    for (size_t i = 0; i < p->kept; i++) {
        free(p->list[i].file);
        free(p->list[i].sentence);
        free(p->list[i].remedy);
    }
    free(p->list);
    *p = (struct cfg_problems){0};
}
