/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the understanding of a rule's conditions. Caller's thread. */
#include "config/iis_expand.h"
#include "config/iis_rule.h"
#include "config/memory.h"
#include "config/values_http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef void read_fn(const struct iis_rule *rule, const struct iis_condition *condition, struct iis_when *when);

static void refuse(struct iis_when *when, const struct iis_condition *condition, const char *why)
{
    if (when->why)
        return;
    when->why = why;
    when->node = condition->node;
}

/* -- scheme ---------------------------------------------------------------------------------------------------------------- */

/* The scheme that a value says; ANY: it says none. */
static enum iis_scheme scheme_of(const char *text)
{
    static const struct {
        const char *text;
        enum iis_scheme scheme;
    } words[] = {{"on", IIS_SCHEME_TLS},    {"1", IIS_SCHEME_TLS},     {"443", IIS_SCHEME_TLS},  {"https://", IIS_SCHEME_TLS},
                 {"off", IIS_SCHEME_PLAIN}, {"0", IIS_SCHEME_PLAIN},   {"80", IIS_SCHEME_PLAIN}, {"http://", IIS_SCHEME_PLAIN},
                 {"https", IIS_SCHEME_TLS}, {"http", IIS_SCHEME_PLAIN}};
    size_t length;

    text += *text == '^';
    length = strlen(text);
    length -= length > 0 && text[length - 1] == '$';
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i].text) == length && strncasecmp(text, words[i].text, length) == 0)
            return words[i].scheme;
    return IIS_SCHEME_ANY;
}

static void read_scheme(const struct iis_rule *rule, const struct iis_condition *condition, struct iis_when *when)
{
    enum iis_scheme scheme = scheme_of(condition->pattern);

    (void)rule;
    if (scheme == IIS_SCHEME_ANY) {
        refuse(when, condition, "The pattern of this condition says neither http nor https clearly");
        return;
    }
    if (condition->negate)
        scheme = scheme == IIS_SCHEME_TLS ? IIS_SCHEME_PLAIN : IIS_SCHEME_TLS;
    if (when->scheme != IIS_SCHEME_ANY && when->scheme != scheme)
        refuse(when, condition, "Another condition says the opposite");
    else
        when->scheme = scheme;
}

/* {CACHE_URL} is the whole URL; IIS's wizard for reverse proxies takes the scheme from it. */
static void read_cache_url(const struct iis_rule *rule, const struct iis_condition *condition, struct iis_when *when)
{
    static const char *const captures[] = {"^(https?)://", "^(https|http)://", "^(http|https)://", "^(.+)://", "^(.*)://", NULL};

    for (size_t i = 0; captures[i]; i++)
        if (strcmp(condition->pattern, captures[i]) == 0 && !condition->negate) {
            when->captures = IIS_CAPTURES_SCHEME;
            return;
        }
    read_scheme(rule, condition, when);
}

/* -- host, method, path, file ---------------------------------------------------------------------------------------------- */

static void read_host(const struct iis_rule *rule, const struct iis_condition *condition, struct iis_when *when)
{
    struct iis_strings hosts = {0};
    bool is_loose, had_hosts = when->hosts.count > 0;
    const char *why;

    if (strcmp(condition->pattern, "^$") == 0 && condition->negate)
        return;
    why = iis_pattern_hosts(rule->syntax, condition->pattern, &hosts, &is_loose);
    if (why) {
        refuse(when, condition, "The pattern of this condition is more than a list of host names");
    } else if (hosts.count == 0) {
        if (condition->negate)
            refuse(when, condition, "This condition is never true");
    } else if ((had_hosts && !rule->is_any) || (condition->negate && rule->is_any) || (condition->negate && is_loose)) {
        refuse(when, condition, "Several conditions are about the host");
    } else {
        for (size_t i = 0; i < hosts.count; i++)
            iis_strings_add(&when->hosts, hosts.list[i]);
        when->hosts_negated = condition->negate;
        when->hosts_loose |= is_loose;
    }
    when->captures = IIS_CAPTURES_HOST;
    iis_strings_fini(&hosts);
}

/* "^(GET|POST)$" with its anchors and brackets left out, in capitals. */
static char *bare_method(const char *text)
{
    char *method = cfg_alloc(strlen(text) + 1, 1);
    char *end = method;

    for (; *text; text++)
        if (!strchr("^$()", *text))
            *end++ = (char)toupper((unsigned char)*text);
    return method;
}

static void read_method(const struct iis_rule *rule, const struct iis_condition *condition, struct iis_when *when)
{
    struct iis_strings ways = {0};
    bool is_good = iis_expand(condition->pattern, &ways) == NULL && rule->syntax != IIS_WILDCARD;

    is_good = is_good && (when->methods.count == 0 || (rule->is_any && !condition->negate));
    for (size_t i = 0; i < ways.count && is_good; i++) {
        char *method = bare_method(ways.list[i]), *kept = NULL;

        is_good = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == strlen(method) && cfg_parse_method(NULL, method, NULL, &kept);
        if (is_good)
            iis_strings_add(&when->methods, method);
        free(kept);
        free(method);
    }
    when->methods_negated = condition->negate;
    if (!is_good)
        refuse(when, condition, "The pattern of this condition is more than a list of methods");
    iis_strings_fini(&ways);
}

static void read_path(const struct iis_rule *rule, const struct iis_condition *condition, struct iis_when *when)
{
    bool is_trivial = iis_pattern_is_trivial(rule->syntax, condition->pattern);

    if (is_trivial && condition->negate) {
        refuse(when, condition, "This condition is never true");
        return;
    }
    if (is_trivial && !iis_pattern_is_trivial(rule->syntax, rule->pattern))
        return;
    if (condition->negate && when->excepts_count < IIS_EXCEPTS)
        when->excepts[when->excepts_count++] = condition;
    else if (condition->negate || when->path)
        refuse(when, condition, "Several conditions are about the path");
    else
        when->path = condition;
    when->captures = IIS_CAPTURES_PATH;
}

static void read_file(const struct iis_condition *condition, struct iis_when *when)
{
    if (condition->negate) {
        when->not_files = condition->node;
        return;
    }
    when->only_files = condition->node;
    refuse(when, condition, "This condition asks for a file of IIS's own");
}

static void read_other(const struct iis_rule *rule, const struct iis_condition *condition, struct iis_when *when)
{
    if (iis_pattern_is_trivial(rule->syntax, condition->pattern) && !condition->negate)
        return;
    refuse(when, condition, "georelay can't choose by what this condition asks for");
}

static const struct {
    const char *input;
    read_fn *read;
} readers[] = {
    {"{HTTPS}", read_scheme},
    {"{SERVER_PORT_SECURE}", read_scheme},
    {"{SERVER_PORT}", read_scheme},
    {"{CACHE_URL}", read_cache_url},
    {"{HTTP_HOST}", read_host},
    {"{SERVER_NAME}", read_host},
    {"{REQUEST_METHOD}", read_method},
    {"{REQUEST_URI}", read_path},
    {"{URL}", read_path},
    {"{PATH_INFO}", read_path},
    {"{UNENCODED_URL}", read_path},
    {"{HTTP_URL}", read_path},
};

static read_fn *reader_of(const struct iis_condition *condition)
{
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (strcasecmp(condition->input, readers[i].input) == 0)
            return readers[i].read;
    return read_other;
}

/* "One is enough" can be had only where all are about the same thing: then it is a longer list. */
static bool is_mixed(const struct iis_rule *rule)
{
    for (size_t i = 1; i < rule->conditions_count; i++) {
        read_fn *reader = reader_of(&rule->conditions[i]);

        if (reader != reader_of(&rule->conditions[0]) || (reader != read_host && reader != read_method))
            return true;
    }
    return false;
}

void iis_when_read(const struct iis_rule *rule, struct iis_when *ret)
{
    *ret = (struct iis_when){0};
    for (size_t i = 0; i < rule->conditions_count; i++) {
        const struct iis_condition *condition = &rule->conditions[i];

        ret->captures = IIS_CAPTURES_NONE;
        if (strcasecmp(condition->match_type, "Pattern") == 0)
            reader_of(condition)(rule, condition, ret);
        else
            read_file(condition, ret);
    }
    if (rule->is_any && is_mixed(rule))
        refuse(ret, &rule->conditions[0], "One of several different conditions is enough here (MatchAny)");
}

void iis_when_fini(struct iis_when *when)
{
    iis_strings_fini(&when->hosts);
    iis_strings_fini(&when->methods);
}
