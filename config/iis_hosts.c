/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the understanding of patterns for host names. Pure, any thread. */
#include "config/iis_expand.h"
#include "config/iis_pattern.h"
#include "config/memory.h"
#include "config/values_http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What says "any name in front of this"; the dot is part of each. */
static const char *skip_any_label(const char *at)
{
    static const char *const forms[] = {"(.*)\\.", ".*\\.", "(.+)\\.", ".+\\.", NULL};

    for (size_t i = 0; forms[i]; i++)
        if (strncmp(at, forms[i], strlen(forms[i])) == 0)
            return at + strlen(forms[i]);
    return NULL;
}

/* "(:\d+)?$" and the like: the port does not matter. Gives. */
static char *without_port(const char *pattern)
{
    static const char *const forms[] = {"(:\\d+)?$", "(:[0-9]+)?$", "(?::\\d+)?$", "(?::[0-9]+)?$", "(:\\d*)?$", NULL};
    size_t length = strlen(pattern);

    for (size_t i = 0; forms[i]; i++) {
        size_t tail = strlen(forms[i]);

        if (length > tail && strcmp(pattern + length - tail, forms[i]) == 0)
            return iis_format("%.*s$", (int)(length - tail), pattern);
    }
    return cfg_copy(pattern);
}

/* A name of letters, digits, '-' and '.', with brackets for groups left out. */
static const char *add_host(const char *at, struct iis_strings *ret, bool *ret_is_loose)
{
    char *host = cfg_alloc(strlen(at) + 3, 1);
    char *end = host, *kept = NULL;
    const char *any, *why = NULL;

    any = skip_any_label(at + (*at == '^'));
    *ret_is_loose |= *at != '^' && !any;
    at += *at == '^';
    if (any) {
        end = stpcpy(host, "*.");
        at = any;
    }
    for (; *at && *at != '$' && !why; at += iis_atom(at)) {
        char c = *at == '\\' ? at[1] : *at;

        if (*at == '(' || *at == ')') {
            at += strncmp(at, "(?:", 3) == 0 ? 2 : 0;
            continue;
        }
        if (strchr("*+?{", at[iis_atom(at)]) && at[iis_atom(at)])
            why = "repeats a character";
        else if ((*at == '\\' && isalnum((unsigned char)c)) || !(isalnum((unsigned char)c) || strchr("-._", c)))
            why = "is more than host names";
        *end++ = (char)tolower((unsigned char)c);
    }
    *ret_is_loose |= *at != '$';
    if (!why && (end == host || end[-1] == '.' || (*at == '$' && at[1] != '\0')))
        why = "is more than host names";
    if (!why && !cfg_parse_host_pattern(NULL, host, NULL, &kept))
        why = "is no host name";
    if (!why)
        iis_strings_add(ret, host);
    free(kept);
    free(host);
    return why;
}

const char *iis_pattern_hosts(enum iis_syntax syntax, const char *pattern, struct iis_strings *ret, bool *ret_is_loose)
{
    struct iis_strings ways = {0};
    char *expression, *bare;
    const char *why;

    *ret_is_loose = false;
    if (iis_pattern_is_trivial(syntax, pattern) || strcmp(pattern, ".+") == 0 || strcmp(pattern, "(.+)") == 0)
        return NULL;
    if (syntax == IIS_WILDCARD) {
        expression = iis_wildcard(pattern);
    } else {
        char *escaped = iis_escape(pattern);

        expression = syntax == IIS_ECMASCRIPT ? cfg_copy(pattern) : iis_format("^%s$", escaped);
        free(escaped);
    }
    bare = without_port(expression);
    why = iis_expand(bare, &ways);
    for (size_t i = 0; i < ways.count && !why; i++)
        why = add_host(ways.list[i], ret, ret_is_loose);
    iis_strings_fini(&ways);
    free(bare);
    free(expression);
    return why;
}
