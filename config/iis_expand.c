/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the writing out of choices in regular expressions. Pure, any thread. */
#include "config/iis_expand.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t iis_atom(const char *pattern)
{
    const char *end;

    if (pattern[0] == '\\' && pattern[1] != '\0')
        return 2;
    if (pattern[0] != '[')
        return pattern[0] != '\0';
    end = strchr(pattern + 1 + strspn(pattern + 1, "^]"), ']');
    return end ? (size_t)(end - pattern) + 1 : 1;
}

const char *iis_group_end(const char *pattern)
{
    unsigned depth = 0;

    for (; *pattern; pattern += iis_atom(pattern)) {
        if (*pattern == '(')
            depth++;
        else if (*pattern == ')' && --depth == 0)
            return pattern;
    }
    return NULL;
}

char *iis_wildcard(const char *pattern)
{
    char *escaped = iis_escape(pattern);
    char *open = iis_replace(escaped, "\\*", "(.*)");
    char *whole = iis_format("^%s$", open);

    free(escaped);
    free(open);
    return whole;
}

/* What one call of split() works on: the text between `from` and `to` has choices; before and behind it stays. */
struct choice {
    const char *whole;
    const char *from;
    const char *to;
    const char *rest;
};

static const char *expand(const char *pattern, unsigned depth, struct iis_strings *ret);

/* One alternative, with what stands around it. */
static const char *expand_one(const struct choice *c, const char *from, const char *to, unsigned depth, struct iis_strings *ret)
{
    char *one = iis_format("%.*s%.*s%s", (int)(c->from - c->whole), c->whole, (int)(to - from), from, c->rest);
    const char *why = expand(one, depth + 1, ret);

    free(one);
    return why;
}

static const char *split(const struct choice *c, unsigned depth, struct iis_strings *ret)
{
    const char *start = c->from, *why = NULL;

    for (const char *at = c->from; at < c->to && !why; at += iis_atom(at))
        if (*at == '|') {
            why = expand_one(c, start, at, depth, ret);
            start = at + 1;
        }
    return why ? why : expand_one(c, start, c->to, depth, ret);
}

static bool has(const char *from, const char *to, char wanted)
{
    for (; from < to; from += iis_atom(from))
        if (*from == wanted)
            return true;
    return false;
}

/* Letters, digits and escaped marks only. */
static bool is_literal(const char *from, const char *to)
{
    for (; from < to; from += iis_atom(from))
        if (strchr("^$.|?*+()[]{}", *from))
            return false;
    return true;
}

static const char *group_start(const char *open)
{
    return strncmp(open, "(?:", 3) == 0 ? open + 3 : open + 1;
}

/* The first group without groups within that has a choice; or, as "(www\.)?", is itself one. */
static const char *find_choice(const char *pattern, bool *ret_is_optional)
{
    for (; *pattern; pattern += iis_atom(pattern)) {
        const char *end = *pattern == '(' ? iis_group_end(pattern) : NULL;

        if (!end || has(pattern + 1, end, '('))
            continue;
        *ret_is_optional = end[1] == '?' && is_literal(group_start(pattern), end);
        if (*ret_is_optional || (has(pattern, end, '|') && end[1] != '?'))
            return pattern;
    }
    return NULL;
}

static const char *top_level_choice(const char *pattern)
{
    for (; *pattern && *pattern != '('; pattern += iis_atom(pattern))
        if (*pattern == '|')
            return pattern;
    return NULL;
}

static const char *expand(const char *pattern, unsigned depth, struct iis_strings *ret)
{
    struct choice c = {pattern, pattern, pattern + strlen(pattern), ""};
    bool is_optional = false;
    const char *open, *why;

    if (ret->count >= IIS_EXPANDED_MAX || depth > IIS_EXPANDED_MAX)
        return "has too many choices";
    if (top_level_choice(pattern))
        return strchr(pattern, '(') ? "has a choice outside of brackets" : split(&c, depth, ret);
    open = find_choice(pattern, &is_optional);
    if (!open) {
        iis_strings_add(ret, pattern);
        return NULL;
    }
    c.from = group_start(open);
    c.to = iis_group_end(open);
    c.rest = c.to;
    if (!is_optional)
        return split(&c, depth, ret);
    /* Without its "?", once with the text and once empty. */
    open = iis_format(")%s", c.to + 2);
    c.rest = open;
    why = expand_one(&c, c.from, c.to, depth, ret);
    why = why ? why : expand_one(&c, c.from, c.from, depth, ret);
    free((char *)(uintptr_t)open);
    return why;
}

const char *iis_expand(const char *pattern, struct iis_strings *ret)
{
    return expand(pattern, 0, ret);
}
