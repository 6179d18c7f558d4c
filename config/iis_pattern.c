/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the understanding of URL Rewrite's patterns. Pure, any thread. */
#include "config/iis_pattern.h"
#include "config/iis_expand.h"
#include "config/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TO_THE_END = 1 << 30, IIS_DEPTH = 16 };

/* One way through a pattern, read from left to right: a fixed head, then perhaps anything. */
struct scan {
    const char *at;
    char *head; /* fixed text so far, with all its slashes */
    size_t length;
    bool has_slash;      /* values begin with "/" */
    bool is_anchored;    /* "^" */
    bool is_ended;       /* "$" */
    bool has_rest;       /* ".*" */
    bool needs_some;     /* ".+" */
    bool optional_rest;  /* "(/.*)?" */
    bool optional_slash; /* "/?" */
    unsigned groups;     /* opened so far; group 0 is the whole */
    struct {
        size_t from, to; /* offsets in head, or TO_THE_END */
        bool is_behind;  /* it opened behind an optional slash, or it is the rest of "(/(.*))?" */
    } group[IIS_CAPTURES];
    unsigned open[IIS_DEPTH]; /* numbers of groups that are open, the innermost last; 0: one without number, "(?:" */
    unsigned depth;
};

enum iis_syntax iis_syntax_of(const char *name)
{
    static const char *const names[] = {"ECMAScript", "Wildcard", "ExactMatch"};

    for (int i = 0; i < IIS_SYNTAX_UNKNOWN; i++)
        if (strcasecmp(name, names[i]) == 0)
            return (enum iis_syntax)i;
    return IIS_SYNTAX_UNKNOWN;
}

static char *as_expression(enum iis_syntax syntax, const char *pattern)
{
    char *escaped, *whole;

    if (syntax == IIS_WILDCARD)
        return iis_wildcard(pattern);
    if (syntax == IIS_ECMASCRIPT)
        return cfg_copy(pattern);
    escaped = iis_escape(pattern);
    whole = iis_format("^%s$", escaped);
    free(escaped);
    return whole;
}

/* -- reading one way through ----------------------------------------------------------------------------------------------- */

static const char *take_literal(struct scan *s, char c, size_t width)
{
    if (s->has_rest || s->is_ended || s->optional_rest)
        return "has a fixed text behind \".*\"";
    if (s->optional_slash)
        return "has an optional \"/\" in the middle";
    s->head[s->length++] = c;
    s->at += width;
    return NULL;
}

static const char *open_group(struct scan *s)
{
    bool is_silent = strncmp(s->at, "(?:", 3) == 0;

    if (s->at[1] == '?' && !is_silent)
        return "looks ahead";
    if (s->depth == IIS_DEPTH || s->groups + 1 >= IIS_CAPTURES)
        return "has too many groups";
    s->at += is_silent ? 3 : 1;
    s->open[s->depth++] = is_silent ? 0 : ++s->groups;
    if (is_silent)
        return NULL;
    s->group[s->groups].from = s->length;
    s->group[s->groups].is_behind = s->optional_slash;
    return NULL;
}

static const char *close_group(struct scan *s)
{
    unsigned number;

    if (s->depth == 0)
        return "has a bracket too many";
    if (s->at[1] != '\0' && strchr("?*+{", s->at[1]))
        return "repeats a group";
    number = s->open[--s->depth];
    if (number > 0)
        s->group[number].to = s->has_rest ? TO_THE_END : s->length;
    s->at++;
    return NULL;
}

/* "(/.*)?" at the end of a head: the head alone fits, and all below it. */
static bool take_optional_rest(struct scan *s)
{
    static const struct {
        const char *text;
        unsigned groups; /* how many it opens */
        unsigned rest;   /* which of them is the rest without slash; 0: none */
    } forms[] = {{"(/.*)?", 1, 0}, {"(/.+)?", 1, 0}, {"(?:/.*)?", 0, 0}, {"(?:/(.*))?", 1, 1}, {"(/(.*))?", 2, 2}};

    if (s->length == 0 || s->head[s->length - 1] == '/' || s->has_rest || s->is_ended)
        return false;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strncmp(s->at, forms[i].text, strlen(forms[i].text)) != 0 || s->groups + forms[i].groups >= IIS_CAPTURES)
            continue;
        for (unsigned n = 1; n <= forms[i].groups; n++) {
            s->group[s->groups + n].from = s->length;
            s->group[s->groups + n].to = TO_THE_END;
        }
        s->group[s->groups + forms[i].rest].is_behind = forms[i].rest > 0;
        s->groups += forms[i].groups;
        s->optional_rest = s->has_rest = true;
        s->at += strlen(forms[i].text);
        return true;
    }
    return false;
}

static const char *take_dot(struct scan *s)
{
    bool is_rest = s->at[1] == '*' || s->at[1] == '+';

    if (!is_rest)
        return take_literal(s, '.', 1); /* any character; the dot itself is surely meant */
    if (s->optional_rest || (s->has_rest && !s->is_ended))
        return "has \".*\" twice";
    s->needs_some |= s->at[1] == '+';
    s->has_rest |= !s->is_ended;
    s->at += s->at[2] == '?' ? 3 : 2;
    return NULL;
}

static const char *take_class(struct scan *s)
{
    size_t width = iis_atom(s->at);

    if (width == 3 && s->at[1] != '^') /* "[.]" */
        return strchr("*+?{", s->at[3]) && s->at[3] ? "repeats a character" : take_literal(s, s->at[1], 3);
    return "has a class of characters";
}

static const char *take_escape(struct scan *s)
{
    if (s->at[1] == '\0' || isalnum((unsigned char)s->at[1]))
        return "has a class of characters";
    return take_literal(s, s->at[1], 2);
}

static const char *take_question_mark(struct scan *s)
{
    if (s->length == 0 || s->head[s->length - 1] != '/' || s->has_rest || s->is_ended || s->optional_slash)
        return "has an optional part";
    s->head[--s->length] = '\0';
    s->optional_slash = true;
    s->at++;
    return NULL;
}

static const char *take_anchor(struct scan *s, const char *start)
{
    if (*s->at == '^' && s->at != start)
        return "has \"^\" within";
    s->is_anchored |= *s->at == '^';
    s->is_ended |= *s->at == '$';
    s->at++;
    return NULL;
}

static const char *take(struct scan *s, const char *start)
{
    switch (*s->at) {
    case '^':
    case '$':
        return take_anchor(s, start);
    case '(':
        return take_optional_rest(s) ? NULL : open_group(s);
    case ')':
        return close_group(s);
    case '.':
        return take_dot(s);
    case '[':
        return take_class(s);
    case '\\':
        return take_escape(s);
    case '?':
        return take_question_mark(s);
    case '*':
    case '+':
    case '{':
        return "repeats a character";
    case '|':
        return "has a choice with groups within";
    default:
        return take_literal(s, *s->at, 1);
    }
}

/* -- what was read, as a head ---------------------------------------------------------------------------------------------- */

static enum iis_border border_of(const struct scan *s, const char *text)
{
    if (s->optional_rest)
        return IIS_AT_AND_BELOW;
    if (s->is_ended && !s->has_rest)
        return IIS_EXACT;
    if (*text == '\0')
        return IIS_EVERYTHING;
    return s->head[s->length - 1] == '/' ? IIS_BELOW : IIS_STARTS;
}

static enum iis_tail tail_of(const struct scan *s, unsigned number)
{
    bool has_head = s->length > (s->group[number].from);

    if (has_head)
        return IIS_TAIL_SLASH_REST;
    if (s->length == 0)
        return s->has_slash && !s->group[number].is_behind ? IIS_TAIL_SLASH_REST : IIS_TAIL_REST;
    return s->head[s->length - 1] == '/' || s->group[number].is_behind ? IIS_TAIL_REST : IIS_TAIL_SLASH_REST;
}

static void fill_capture(const struct scan *s, unsigned number, struct iis_capture *ret)
{
    size_t from = s->group[number].from, to = s->group[number].to;

    if (to == TO_THE_END) {
        ret->tail = tail_of(s, number);
        /* The slash before the rest belongs to the tail. */
        to = s->length - (s->length > from && s->head[s->length - 1] == '/' ? 1 : 0);
    }
    ret->text = iis_cut(s->head + from, to - from);
}

static void make_head(struct scan *s, struct iis_head *ret)
{
    const char *text = s->head + (s->has_slash && s->head[0] == '/' ? 1 : 0);
    size_t length = s->length - (size_t)(text - s->head);

    s->head[s->length] = '\0';
    s->group[0].to = s->has_rest ? TO_THE_END : s->length;
    ret->border = border_of(s, text);
    ret->text = iis_cut(text, length - (length > 0 && text[length - 1] == '/' && ret->border == IIS_BELOW ? 1 : 0));
    for (unsigned i = 0; i <= s->groups; i++)
        fill_capture(s, i, &ret->captures[i]);
}

static const char *scan_all(struct scan *s, const char *start)
{
    const char *why = NULL;

    while (*s->at && !why)
        why = take(s, start);
    if (why)
        return why;
    if (s->depth > 0)
        return "has an open bracket";
    if (!s->is_anchored && s->length > 0)
        return "has no \"^\", so it fits in the middle of a path";
    if (s->has_slash && s->is_anchored && s->length > 0 && s->head[0] != '/')
        return "begins without \"/\", so it never fits";
    if (!s->has_slash && s->head[0] == '/')
        return "begins with \"/\", so it never fits";
    return NULL;
}

static const char *add_head(struct iis_pattern *pattern, const char *linear, bool has_slash)
{
    struct scan s = {.at = linear, .has_slash = has_slash, .head = cfg_alloc(strlen(linear) + 2, 1)};
    const char *why = scan_all(&s, linear);

    if (!why) {
        pattern->heads = cfg_grow(pattern->heads, pattern->count, sizeof(*pattern->heads));
        make_head(&s, &pattern->heads[pattern->count++]);
        pattern->needs_some |= s.needs_some && !s.optional_rest;
    }
    free(s.head);
    return why;
}

static void free_head(struct iis_head *head)
{
    free(head->text);
    for (int i = 0; i < IIS_CAPTURES; i++)
        free(head->captures[i].text);
}

/* What differs between two ways with one head can't be referred to. */
static void join_captures(struct iis_head *kept, const struct iis_head *other)
{
    for (int i = 1; i < IIS_CAPTURES; i++) {
        struct iis_capture *capture = &kept->captures[i];
        const char *text = other->captures[i].text;

        if (capture->text && capture->tail == IIS_TAIL_NONE && (!text || strcmp(capture->text, text) != 0)) {
            free(capture->text);
            capture->text = NULL;
        }
    }
}

/* "^webx($|/)": the head itself, and what is below it, are one. */
static void join_heads(struct iis_pattern *pattern)
{
    for (size_t i = 0; i < pattern->count; i++)
        for (size_t j = i + 1; j < pattern->count; j++) {
            struct iis_head *a = &pattern->heads[i], *b = &pattern->heads[j];
            bool is_pair = a->border + b->border == IIS_EXACT + IIS_BELOW && strcmp(a->text, b->text) == 0;

            if (!is_pair)
                continue;
            if (a->border == IIS_EXACT) {
                struct iis_head swap = *a;

                *a = *b;
                *b = swap;
            }
            join_captures(a, b);
            a->border = IIS_AT_AND_BELOW;
            free_head(b);
            *b = pattern->heads[--pattern->count];
            j--;
        }
}

const char *iis_pattern_parse(enum iis_syntax syntax, const char *pattern, bool has_slash, struct iis_pattern *ret)
{
    char *expression = as_expression(syntax, pattern);
    struct iis_strings ways = {0};
    const char *why = iis_expand(expression, &ways);

    *ret = (struct iis_pattern){0};
    for (size_t i = 0; i < ways.count && !why; i++)
        why = add_head(ret, ways.list[i], has_slash);
    if (why)
        iis_pattern_fini(ret);
    else
        join_heads(ret);
    iis_strings_fini(&ways);
    free(expression);
    return why;
}

void iis_pattern_fini(struct iis_pattern *pattern)
{
    for (size_t i = 0; i < pattern->count; i++)
        free_head(&pattern->heads[i]);
    free(pattern->heads);
    *pattern = (struct iis_pattern){0};
}

bool iis_pattern_is_trivial(enum iis_syntax syntax, const char *pattern)
{
    static const char *const trivial[] = {"", ".*", "(.*)", "^(.*)$", "^.*$", "^.*", "^(.*)", "(.*)$", ".*$", NULL};

    if (syntax == IIS_WILDCARD)
        return strcmp(pattern, "*") == 0;
    for (size_t i = 0; trivial[i] && syntax == IIS_ECMASCRIPT; i++)
        if (strcmp(pattern, trivial[i]) == 0)
            return true;
    return false;
}

char *iis_pattern_with(const char *pattern, unsigned group, const char *text)
{
    unsigned number = 0;

    for (const char *at = pattern; *at; at += iis_atom(at)) {
        const char *end = *at == '(' && at[1] != '?' && ++number == group ? iis_group_end(at) : NULL;
        char *escaped, *whole;

        if (!end)
            continue;
        escaped = iis_escape(text);
        whole = iis_format("%.*s(%s)%s", (int)(at - pattern), pattern, escaped, end + 1);
        free(escaped);
        return whole;
    }
    return NULL;
}
