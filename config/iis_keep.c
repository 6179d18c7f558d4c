/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what becomes of rules that keep requests from being forwarded. A prefix in georelay is compared byte for byte, while IIS
 * compared what a path means ("/ADMIN", "/%61dmin"): so a list of what is allowed can be carried over, a list of what is
 * forbidden cannot. Such a rule closes the door. Caller's thread.
 */
#include "config/iis_parts.h"
#include "config/iis_routes.h"
#include "config/iis_target.h"
#include "config/memory.h"
#include "config/values_http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void close_for(struct iis_import *im, const struct iis_rule *rule, const char *why)
{
    iis_tell_all(rule->node);
    iis_plan_close(&im->plan, rule->node, "Write what may be asked for into \"allow\", or let the server refuse it", why);
}

static bool is_for_all_paths(const struct iis_rule *rule)
{
    return iis_pattern_is_trivial(rule->syntax, rule->pattern) && !rule->negate;
}

/* -- blocks ---------------------------------------------------------------------------------------------------------------- */

bool iis_paths_of(enum iis_syntax syntax, const char *text, bool has_slash, struct iis_strings *ret)
{
    struct iis_pattern pattern;
    bool is_good = true;

    if (iis_pattern_parse(syntax, text, has_slash, &pattern) != NULL)
        return false;
    for (size_t i = 0; i < pattern.count && is_good; i++) {
        const struct iis_head *head = &pattern.heads[i];
        char *path = iis_format("/%s%s", head->text, head->border == IIS_BELOW ? "/" : ""), *kept = NULL;

        /* The root alone would be everything as a prefix. */
        is_good = cfg_parse_url_path(NULL, path, NULL, &kept) && (head->border != IIS_EXACT || head->text[0] != '\0');
        iis_strings_add(ret, path);
        free(kept);
        free(path);
    }
    iis_pattern_fini(&pattern);
    return is_good;
}

static bool has_exact(enum iis_syntax syntax, const char *text)
{
    struct iis_pattern pattern;
    bool is_exact = false;

    if (iis_pattern_parse(syntax, text, false, &pattern) != NULL)
        return true;
    for (size_t i = 0; i < pattern.count; i++)
        is_exact |= pattern.heads[i].border == IIS_EXACT;
    iis_pattern_fini(&pattern);
    return is_exact;
}

/* "Whatever is not below these is refused": an allow-list of paths. One path alone would allow all below it. */
static bool allow_paths(struct iis_import *im, const struct iis_rule *rule)
{
    struct iis_strings paths = {0};
    bool is_good = im->plan.allow.count == 0 && !has_exact(rule->syntax, rule->pattern) &&
                   iis_paths_of(rule->syntax, rule->pattern, false, &paths);

    for (size_t i = 0; i < paths.count && is_good; i++)
        iis_values_add(&im->plan.allow, paths.list[i], rule->node);
    iis_strings_fini(&paths);
    if (is_good && rule->ignore_case)
        iis_note(&im->plan.notes, IIS_LOST, rule->node, "Add each other spelling that is in use to \"allow\"",
                 "Capital and small letters of a path are different to georelay");
    return is_good;
}

static bool is_method_left(const struct iis_when *when, const char *method)
{
    /* "refuse if the method is not one of these", or "refuse if it is". */
    return iis_strings_has(&when->methods, method) == when->methods_negated;
}

/* What is allowed now of what was allowed before. */
static bool allow_methods(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when)
{
    struct iis_strings left = {0};
    struct iis_plan *plan = &im->plan;
    bool had_methods = plan->methods.count > 0;

    for (size_t i = 0; i < plan->methods.count; i++)
        if (is_method_left(when, plan->methods.list[i]))
            iis_strings_add(&left, plan->methods.list[i]);
    for (size_t i = 0; iis_usual_methods[i] && !had_methods && !when->methods_negated; i++)
        if (is_method_left(when, iis_usual_methods[i]))
            iis_strings_add(&left, iis_usual_methods[i]);
    for (size_t i = 0; i < when->methods.count && !had_methods && when->methods_negated; i++)
        iis_methods_add(&left, when->methods.list[i]);
    if (left.count == 0)
        return false;
    iis_strings_fini(&plan->methods);
    plan->methods = left;
    plan->methods_from = rule->node;
    if (!when->methods_negated)
        iis_note(&plan->notes, IIS_LOST, rule->node, "Add others to \"methods\" if they are used",
                 "IIS named the methods that are not allowed; georelay names those that are");
    return true;
}

static void block(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when)
{
    bool has_conditions = when->hosts.count > 0 || when->methods.count > 0 || when->path || when->excepts_count > 0 ||
                          when->scheme != IIS_SCHEME_ANY;
    bool is_done = false;

    if (when->why)
        ;
    else if (!has_conditions && rule->negate)
        is_done = allow_paths(im, rule);
    else if (!is_for_all_paths(rule) || when->path || when->excepts_count > 0)
        ;
    else if (when->methods.count > 0 && when->hosts.count == 0 && when->scheme == IIS_SCHEME_ANY)
        is_done = allow_methods(im, rule, when);
    else if (when->hosts_negated && when->scheme == IIS_SCHEME_ANY && when->methods.count == 0 && im->plan.hosts.count == 0) {
        for (size_t i = 0; i < when->hosts.count; i++)
            iis_strings_add(&im->plan.hosts, when->hosts.list[i]);
        is_done = true;
    } else if (when->scheme == IIS_SCHEME_PLAIN && when->hosts.count == 0 && when->methods.count == 0) {
        im->plan.needs_tls = rule->node;
        is_done = true;
    }
    if (!is_done)
        close_for(im, rule, "IIS refused some requests by this rule, which georelay can't do");
    else if (im->forwards > 0)
        iis_note(&im->plan.notes, IIS_LOST, rule->node, "Look whether they need more",
                 "It did not count for what the rules in front of it forward; here it may");
}

/* -- exceptions ------------------------------------------------------------------------------------------------------------ */

/* A host's routes to nobody, for what IIS kept to itself. */
static void add_exception(struct iis_import *im, const struct iis_when *when, const char *path, const struct iis_node *from)
{
    const struct iis_strings *hosts = when->hosts.count > 0 ? &when->hosts : &im->plan.hosts;
    size_t i = 0, nobody = iis_plan_closed_upstream(&im->plan);

    do {
        struct iis_route route = {
            .host = hosts->count > 0 ? hosts->list[i] : NULL, .path = (char *)(uintptr_t)path, .upstream = nobody, .from = from};

        (void)iis_claim_add(&im->plan, &route);
    } while (++i < hosts->count);
}

/* A path alone, or a name that only begins so: all of the prefix is kept, which is more, but opens nothing. */
static bool except(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when)
{
    struct iis_strings paths = {0};
    bool is_good = !rule->negate && !when->hosts_negated && !when->hosts_loose && when->methods.count == 0 && !when->path &&
                   when->excepts_count == 0 && when->scheme == IIS_SCHEME_ANY &&
                   iis_paths_of(rule->syntax, rule->pattern, false, &paths);

    for (size_t i = 0; i < paths.count && is_good; i++)
        add_exception(im, when, paths.list[i], rule->node);
    iis_strings_fini(&paths);
    return is_good;
}

/* IIS answered these requests itself, from its own files. */
static void keep_at_home(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when)
{
    if (when->only_files) {
        iis_lose_rule(im, rule, NULL, "IIS answered with files of its own folder; georelay has no files");
        return;
    }
    if (when->why || !except(im, rule, when)) {
        close_for(im, rule, "IIS did not forward some requests because of this rule, and georelay can't tell which");
        return;
    }
    iis_note(
        &im->plan.notes, IIS_WEAKER, rule->node, "Let the server refuse them, or write what is needed into \"allow\"",
        "IIS answered these requests itself; here they get an error page, but other spellings (capital letters, %%XX, longer "
        "names) are forwarded");
}

/* -- redirects ------------------------------------------------------------------------------------------------------------- */

static bool is_same_path(const struct iis_rule *rule, const char *rest)
{
    struct iis_pattern pattern;
    bool is_same = false;

    if (iis_pattern_parse(rule->syntax, rule->pattern, false, &pattern) != NULL)
        return false;
    if (pattern.count == 1 && pattern.heads[0].border == IIS_EVERYTHING) {
        const struct iis_references references = {&pattern.heads[0], 'R'};
        char *path = NULL, *replace = NULL;

        /* A condition's {C:1} may be the path too; then the host's comes first and we can't tell. */
        is_same = iis_target_route(rest, &references, &path, &replace) == NULL && !replace;
        free(path);
        free(replace);
    }
    iis_pattern_fini(&pattern);
    return is_same;
}

static bool is_own_host(const char *authority)
{
    return strcasecmp(authority, "{HTTP_HOST}") == 0 || strcasecmp(authority, "{SERVER_NAME}") == 0 ||
           strncasecmp(authority, "{C:", 3) == 0;
}

/* From http to https: for all requests, which keeps nothing open that was not. */
static void redirect_to_tls(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when,
                            const struct iis_url *url)
{
    bool is_partly = when->why || when->hosts.count > 0 || when->methods.count > 0 || when->path || when->excepts_count > 0 ||
                     !is_for_all_paths(rule);

    im->plan.redirect_rule = rule->node;
    if (is_partly)
        iis_note(&im->plan.notes, IIS_LOST, rule->node, "Write the address into \"plain\" if the rest must be had without TLS",
                 "It sent only some requests on to https; \"redirect_from\" sends all");
    if (!is_own_host(url->authority))
        iis_note(&im->plan.notes, IIS_LOST, rule->node, NULL,
                 "It named the host %s; \"redirect_from\" keeps the one that was asked for", url->authority);
    if (!is_partly && !is_same_path(rule, url->rest))
        iis_note(&im->plan.notes, IIS_LOST, rule->node, NULL, "It changed the path; \"redirect_from\" keeps it");
}

static void redirect(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when)
{
    bool is_plain_only = im->plan.plain.count > 0 && im->plan.listen.count == 0;
    bool is_plain = when->scheme == IIS_SCHEME_PLAIN || (is_plain_only && when->scheme == IIS_SCHEME_ANY);
    struct iis_url url = {0};

    if (iis_url_split(rule->url, &url) == NULL && url.is_tls && !url.is_as_client && is_plain)
        redirect_to_tls(im, rule, when, &url);
    else
        iis_lose_rule(
            im, rule, NULL,
            "It answers with a redirect; georelay has none but from http to https, so other rules decide on these requests");
    iis_url_fini(&url);
}

void iis_keep(struct iis_import *im, const struct iis_rule *rule)
{
    struct iis_when when;

    iis_when_read(rule, &when);
    if (rule->syntax == IIS_SYNTAX_UNKNOWN || rule->action == IIS_ACTION_UNKNOWN)
        close_for(im, rule, "The rule's patternSyntax or action is not known here");
    else if (rule->action == IIS_ACTION_REDIRECT)
        redirect(im, rule, &when);
    else if (rule->action == IIS_ACTION_RESPONSE || rule->action == IIS_ACTION_ABORT)
        block(im, rule, &when);
    else if (rule->stops)
        keep_at_home(im, rule, &when);
    else if (rule->action == IIS_ACTION_NONE)
        iis_note(&im->plan.notes, IIS_NEEDLESS, rule->node, NULL, "The rule does nothing");
    else
        iis_lose_rule(im, rule, &when, "It changes the URL for the rules behind it");
    iis_when_fini(&when);
}
