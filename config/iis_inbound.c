/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of the rules for requests: IIS takes the first that fits, those of the whole server first. Caller's thread. */
#include "config/iis_parts.h"
#include "config/memory.h"

#include <stdlib.h>
#include <string.h>

static bool is_on(const struct iis_node *rule)
{
    return iis_attr_bool(rule, "enabled", true);
}

/* A collection of rules with what inner layers took away: "clear" all, "remove" one. */
static void collect(struct iis_nodes *rules, struct iis_node *section)
{
    for (struct iis_node *node = section ? section->first : NULL; node; node = node->next) {
        if (strcmp(node->name, "rule") == 0) {
            iis_nodes_add(rules, node);
        } else if (strcmp(node->name, "clear") == 0) {
            rules->count = 0;
        } else if (strcmp(node->name, "remove") == 0) {
            const char *name = iis_attr_or(node, "name", "");

            for (size_t i = rules->count; i-- > 0;)
                if (strcasecmp(iis_attr_or(rules->list[i], "name", ""), name) == 0) {
                    memmove(&rules->list[i], &rules->list[i + 1], (rules->count - i - 1) * sizeof(*rules->list));
                    rules->count--;
                }
        } else {
            continue;
        }
        node->is_told = true;
    }
}

/* Rules that an inner layer took away are told here, since nobody else looks at them. */
static void tell_removed(struct iis_import *im, const struct iis_nodes *rules, struct iis_node *section)
{
    for (struct iis_node *node = section ? section->first : NULL; node; node = node->next) {
        size_t i = 0;

        while (i < rules->count && rules->list[i] != node)
            i++;
        if (i < rules->count || strcmp(node->name, "rule") != 0)
            continue;
        iis_tell_all(node);
        iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "A <clear> or <remove> further on takes this rule away");
    }
}

static void collect_all(struct iis_import *im, const char *path, struct iis_nodes *rules)
{
    for (size_t i = 0; i < im->layers.count; i++)
        collect(rules, iis_section(im, i, path));
    for (size_t i = 0; i < im->layers.count; i++)
        tell_removed(im, rules, iis_section(im, i, path));
}

void iis_lose_rule(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when, const char *why)
{
    static const char remedy[] = "See georelay.conf(5), \"routes\" and \"allow\", for what can be had";
    bool is_condition = when && when->why == why && when->node;

    iis_tell_all(rule->node); /* no word of it counts, so no more is told of its parts */
    if (is_condition)
        iis_note(&im->plan.notes, IIS_LOST, rule->node, remedy, "%s (line %u)", why, when->node->line);
    else
        iis_note(&im->plan.notes, IIS_LOST, rule->node, remedy, "%s", why);
}

static void decide(struct iis_import *im, const struct iis_rule *rule)
{
    if (rule->action == IIS_ACTION_REWRITE && strstr(rule->url, "://"))
        iis_forward(im, rule);
    else
        iis_keep(im, rule);
}

static bool is_last(const struct iis_nodes *rules, size_t index)
{
    for (size_t i = index + 1; i < rules->count; i++)
        if (is_on(rules->list[i]))
            return false;
    return true;
}

static void read_rules(struct iis_import *im, const struct iis_nodes *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct iis_node *node = rules->list[i];
        struct iis_rule rule;

        if (!is_on(node)) {
            iis_tell_all(node);
            iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "The rule is switched off");
            continue;
        }
        iis_rule_read(node, &rule);
        rule.is_last = is_last(rules, i);
        iis_maps_expand(im, &rule, decide);
        iis_rule_fini(&rule);
    }
}

/* A file that we do not have may hold anything. */
static void close_for_missing_files(struct iis_import *im, const char *path)
{
    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *node = iis_section(im, i, path);

        if (iis_attr(node, "configSource"))
            iis_plan_close(&im->plan, node, "Put the content of that file here and import it again",
                           "The rules stand in another file (configSource)");
    }
}

void iis_inbound_read(struct iis_import *im)
{
    static const char global[] = "system.webServer/rewrite/globalRules", own[] = "system.webServer/rewrite/rules";
    struct iis_nodes rules = {0}, first = {0};

    close_for_missing_files(im, global);
    close_for_missing_files(im, own);
    collect_all(im, global, &first);
    collect_all(im, own, &rules);
    for (size_t i = 0; i < rules.count; i++)
        iis_nodes_add(&first, rules.list[i]);
    read_rules(im, &first);
    free(first.list);
    free(rules.list);
}
