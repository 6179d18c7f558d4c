/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of an inbound rule. What its attributes are by default is URL Rewrite's schema. Caller's thread. */
#include "config/iis_rule.h"
#include "config/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static enum iis_action action_of(const char *type)
{
    static const char *const names[] = {"None", "Rewrite", "Redirect", "CustomResponse", "AbortRequest"};

    for (int i = 0; i < IIS_ACTION_UNKNOWN; i++)
        if (strcasecmp(type, names[i]) == 0)
            return (enum iis_action)i;
    return IIS_ACTION_UNKNOWN;
}

static void add_condition(struct iis_rule *rule, const struct iis_condition *condition)
{
    rule->conditions = cfg_grow(rule->conditions, rule->conditions_count, sizeof(*rule->conditions));
    rule->conditions[rule->conditions_count++] =
        (struct iis_condition){condition->node, cfg_copy(condition->input), cfg_copy(condition->pattern),
                               cfg_copy(condition->match_type), condition->negate};
}

static void read_conditions(struct iis_rule *rule)
{
    const struct iis_node *all = iis_child(rule->node, "conditions");

    rule->is_any = strcasecmp(iis_attr_or(all, "logicalGrouping", "MatchAll"), "MatchAny") == 0;
    rule->tracks_all = iis_attr_bool(all, "trackAllCaptures", false);
    for (const struct iis_node *node = iis_child(all, "add"); node; node = iis_next(node, "add")) {
        char *bare = iis_replace(iis_attr_or(node, "input", ""), " ", "");
        const struct iis_condition condition = {.node = node,
                                                .input = bare,
                                                .pattern = (char *)(uintptr_t)iis_attr_or(node, "pattern", ""),
                                                .match_type = (char *)(uintptr_t)iis_attr_or(node, "matchType", "Pattern"),
                                                .negate = iis_attr_bool(node, "negate", false)};

        iis_attr(node, "ignoreCase");
        add_condition(rule, &condition);
        free(bare);
    }
}

static void read_variables(struct iis_rule *rule)
{
    const struct iis_node *all = iis_child(rule->node, "serverVariables");

    for (const struct iis_node *node = iis_child(all, "set"); node; node = iis_next(node, "set"))
        iis_fields_set(&rule->set, iis_attr_or(node, "name", ""), iis_attr_or(node, "value", ""), node);
}

void iis_rule_read(struct iis_node *node, struct iis_rule *ret)
{
    const struct iis_node *match = iis_child(node, "match"), *action = iis_child(node, "action");

    iis_attr(node, "name");
    iis_attr(node, "enabled");
    *ret = (struct iis_rule){
        .node = node,
        .syntax = iis_syntax_of(iis_attr_or(node, "patternSyntax", "ECMAScript")),
        .stops = iis_attr_bool(node, "stopProcessing", false),
        .pattern = cfg_copy(iis_attr_or(match, "url", "")),
        .ignore_case = iis_attr_bool(match, "ignoreCase", true),
        .negate = iis_attr_bool(match, "negate", false),
        .action = action_of(iis_attr_or(action, "type", "None")),
        .url = cfg_copy(iis_attr_or(action, "url", "")),
        .keeps_query = iis_attr_bool(action, "appendQueryString", true),
    };
    read_conditions(ret);
    read_variables(ret);
}

void iis_rule_copy(const struct iis_rule *rule, struct iis_rule *ret)
{
    *ret = *rule;
    ret->pattern = cfg_copy(rule->pattern);
    ret->url = cfg_copy(rule->url);
    ret->conditions = NULL;
    ret->conditions_count = 0;
    ret->set = (struct iis_fields){0};
    for (size_t i = 0; i < rule->conditions_count; i++)
        add_condition(ret, &rule->conditions[i]);
    for (size_t i = 0; i < rule->set.count; i++)
        iis_fields_set(&ret->set, rule->set.list[i].name, rule->set.list[i].value, rule->set.list[i].from);
}

void iis_rule_fini(struct iis_rule *rule)
{
    for (size_t i = 0; i < rule->conditions_count; i++) {
        free(rule->conditions[i].input);
        free(rule->conditions[i].pattern);
        free(rule->conditions[i].match_type);
    }
    free(rule->conditions);
    while (rule->set.count > 0)
        iis_fields_forget(&rule->set, rule->set.list[0].name);
    free(rule->set.list);
    free(rule->pattern);
    free(rule->url);
    *rule = (struct iis_rule){0};
}
