/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns rewrite maps: a rule that looks something up becomes one rule for each entry, so the rest of the import knows no maps.
 * Look-ups by host and by a group of the path are understood. Caller's thread.
 */
#include "config/iis_expand.h"
#include "config/iis_parts.h"
#include "config/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* "{Backends:{HTTP_HOST}}" in a text. */
struct lookup {
    struct iis_node *map;
    char *whole; /* with the outer braces */
    char *key;   /* "{HTTP_HOST}" */
};

static struct iis_node *find_map(struct iis_import *im, const char *name, size_t length)
{
    struct iis_node *found = NULL;

    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *maps = iis_section(im, i, "system.webServer/rewrite/rewriteMaps");

        for (struct iis_node *map = maps ? maps->first : NULL; map; map = map->next) {
            const char *own = NULL;

            for (size_t j = 0; j < map->attributes_count; j++)
                if (strcmp(map->attributes[j].name, "name") == 0)
                    own = map->attributes[j].value;
            if (strcmp(map->name, "rewriteMap") == 0 && own && strlen(own) == length && strncasecmp(own, name, length) == 0)
                found = map;
        }
    }
    return found;
}

/* The first look-up in a text whose map there is. */
static bool find_lookup(struct iis_import *im, const char *text, struct lookup *ret)
{
    for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
        size_t length = strcspn(at + 1, ":{}");
        const char *key = at + 1 + length + 1, *end;

        if (at[1 + length] != ':' || *key != '{')
            continue;
        end = strchr(key, '}');
        ret->map = end && end[1] == '}' ? find_map(im, at + 1, length) : NULL;
        if (!ret->map)
            continue;
        ret->whole = iis_cut(at, (size_t)(end - at) + 2);
        ret->key = iis_cut(key, (size_t)(end - key) + 1);
        return true;
    }
    return false;
}

static void lookup_fini(struct lookup *lookup)
{
    free(lookup->whole);
    free(lookup->key);
}

static void add_host_condition(struct iis_rule *rule, const struct iis_node *node, const char *host)
{
    char *escaped = iis_escape(host);

    rule->conditions = cfg_grow(rule->conditions, rule->conditions_count, sizeof(*rule->conditions));
    /* In front: {C:n} must still mean the last condition. */
    memmove(rule->conditions + 1, rule->conditions, rule->conditions_count * sizeof(*rule->conditions));
    rule->conditions[0] =
        (struct iis_condition){node, cfg_copy("{HTTP_HOST}"), iis_format("^%s$", escaped), cfg_copy("Pattern"), false};
    rule->conditions_count++;
    free(escaped);
}

static void replace_in(char **text, const char *old, const char *new)
{
    char *changed = iis_replace(*text, old, new);

    free(*text);
    *text = changed;
}

/* Makes the rule one for this key only. False: it is not known how. */
static bool fix_key(struct iis_rule *rule, const struct iis_node *entry, const char *by, const char *key)
{
    char *pattern;

    if (rule->is_any && rule->conditions_count > 0)
        return false;
    if (strcasecmp(by, "{HTTP_HOST}") == 0 || strcasecmp(by, "{SERVER_NAME}") == 0) {
        add_host_condition(rule, entry, key);
        return true;
    }
    if (strlen(by) != 5 || strncasecmp(by, "{R:", 3) != 0 || !isdigit((unsigned char)by[3]) || rule->syntax != IIS_ECMASCRIPT)
        return false;
    pattern = iis_pattern_with(rule->pattern, (unsigned)(by[3] - '0'), key);
    if (!pattern)
        return false;
    free(rule->pattern);
    rule->pattern = pattern;
    return true;
}

/* A condition "{Backends:{HTTP_HOST}}" that takes any value: {C:0} and {C:1} are the value. It goes. */
static bool drop_condition(struct iis_rule *rule, size_t index, const char *value)
{
    struct iis_condition *condition = &rule->conditions[index];
    bool takes_all = iis_pattern_is_trivial(rule->syntax, condition->pattern) || strcmp(condition->pattern, ".+") == 0 ||
                     strcmp(condition->pattern, "(.+)") == 0 || strcmp(condition->pattern, "^(.+)$") == 0;

    if (!takes_all || condition->negate || index + 1 != rule->conditions_count || rule->is_any)
        return false;
    replace_in(&rule->url, "{C:0}", value);
    replace_in(&rule->url, "{C:1}", value);
    free(condition->input);
    free(condition->pattern);
    free(condition->match_type);
    rule->conditions_count--;
    return true;
}

/* Where a rule looks up: in its URL (index -1) or in a condition's input. */
static bool find_in_rule(struct iis_import *im, const struct iis_rule *rule, struct lookup *ret, int *ret_index)
{
    *ret_index = -1;
    if (find_lookup(im, rule->url, ret))
        return true;
    for (size_t i = 0; i < rule->conditions_count; i++)
        if (find_lookup(im, rule->conditions[i].input, ret)) {
            *ret_index = (int)i;
            return true;
        }
    return false;
}

static bool expand_entry(struct iis_import *im, const struct iis_rule *rule, const struct lookup *lookup, int index,
                         struct iis_node *entry, iis_rule_fn *decide)
{
    const char *key = iis_attr_or(entry, "key", ""), *value = iis_attr_or(entry, "value", "");
    struct iis_rule one;
    bool is_good;

    if (key[0] == '\0' || value[0] == '\0') {
        iis_note(&im->plan.notes, IIS_LOST, entry, NULL, "An entry without key or value");
        return true;
    }
    iis_rule_copy(rule, &one);
    one.node = entry;
    if (index < 0)
        replace_in(&one.url, lookup->whole, value);
    is_good = (index < 0 || drop_condition(&one, (size_t)index, value)) && fix_key(&one, entry, lookup->key, key);
    if (is_good)
        decide(im, &one);
    iis_rule_fini(&one);
    return is_good;
}

/* Marks a map that a rule uses. */
static void tell_map(struct iis_node *map)
{
    map->is_told = true;
    iis_attr(map, "name");
    iis_attr(map, "ignoreCase");
    iis_attr(map, "defaultValue");
    for (struct iis_node *entry = iis_child(map, "add"); entry; entry = iis_next(entry, "add")) {
        iis_attr(entry, "key");
        iis_attr(entry, "value");
    }
}

/* Only what may forward is taken apart; in another rule a look-up is a condition like any other that is not understood. */
static bool is_expandable(const struct iis_rule *rule, int index)
{
    return rule->action == IIS_ACTION_REWRITE && (index < 0 || strstr(rule->url, "://"));
}

void iis_maps_expand(struct iis_import *im, const struct iis_rule *rule, iis_rule_fn *decide)
{
    static const char why[] = "The rule looks something up in a rewrite map in a way that is not known here";
    struct lookup lookup = {0};
    bool is_good = true;
    int index;

    if (!find_in_rule(im, rule, &lookup, &index)) {
        decide(im, rule);
        return;
    }
    tell_map(lookup.map);
    if (!is_expandable(rule, index)) {
        decide(im, rule);
        goto free_lookup;
    }
    for (struct iis_node *entry = iis_child(lookup.map, "add"); entry && is_good; entry = iis_next(entry, "add"))
        is_good = expand_entry(im, rule, &lookup, index, entry, decide);
    if (!is_good && strstr(rule->url, "://"))
        iis_lose_rule(im, rule, NULL, why);
    else if (!is_good)
        iis_plan_close(&im->plan, rule->node, "Write routes for what it does", why);
    if (iis_attr_or(lookup.map, "defaultValue", "")[0] != '\0')
        iis_note(&im->plan.notes, IIS_LOST, lookup.map, "Write a route without that host or path",
                 "The map's default value for keys that are not in it");
free_lookup:
    lookup_fini(&lookup);
}
