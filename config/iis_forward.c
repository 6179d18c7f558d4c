/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what becomes of rules that forward: upstreams and routes. Caller's thread. */
#include "config/iis_parts.h"
#include "config/iis_routes.h"
#include "config/iis_target.h"
#include "config/memory.h"
#include "config/values_http.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIMS_MAX = 1000 };

/* What one rule that forwards is made into, before anything is added to the plan. */
struct forward {
    struct iis_import *im;
    const struct iis_rule *rule;
    struct iis_when when;
    struct iis_url url;
    struct iis_pattern pattern; /* of the rule's url, or of a condition on the path */
    char letter;
    int upstream;
    struct iis_strings excepts; /* paths that a condition leaves out */
};

static const char no_pattern[] = "%s the pattern \"%.100s\" %s";

/* Gives the key of the upstream that a rule leads to; NULL if its URL is not understood. */
static char *key_of(const struct iis_rule *rule)
{
    struct iis_url url = {0};
    char *key = NULL;

    if (iis_url_split(rule->url, &url) == NULL && !strchr(url.authority, '{'))
        key = iis_upstream_key(url.is_tls, url.authority);
    iis_url_fini(&url);
    return key;
}

/* `path` is where all of its requests lie; NULL: anywhere. */
static void lose_forward(struct forward *f, const char *path, const char *why)
{
    iis_lose_rule(f->im, f->rule, &f->when, why);
    iis_plan_lose(&f->im->plan, f->rule->node, key_of(f->rule), path ? iis_format("/%s", path) : NULL,
                  f->when.scheme == IIS_SCHEME_PLAIN);
}

/* -- may it be carried over at all? ---------------------------------------------------------------------------------------- */

static const char *why_not_rule(const struct iis_rule *rule)
{
    bool has_query =
        strcasestr(rule->url, "{REQUEST_URI}") || strcasestr(rule->url, "{UNENCODED_URL}") || strcasestr(rule->url, "{HTTP_URL}");

    if (rule->syntax == IIS_SYNTAX_UNKNOWN)
        return "Its patternSyntax is not known here";
    if (rule->negate)
        return "It forwards whatever does not fit its pattern";
    if (!rule->stops && !rule->is_last)
        return "Without stopProcessing=\"true\" the rules behind it act on the URL that it has made";
    if (!rule->keeps_query && !has_query)
        return "It leaves out the query (appendQueryString), which georelay never does";
    return NULL;
}

static const char *why_not_when(const struct iis_rule *rule, const struct iis_when *when)
{
    bool refers = strcasestr(rule->url, "{C:") != NULL, is_by_client = strncasecmp(rule->url, "{C:1}://", 8) == 0;

    if (when->why)
        return when->why;
    if (when->hosts_negated)
        return "It forwards for all hosts but some";
    if (when->scheme == IIS_SCHEME_PLAIN)
        return "It forwards only what came without TLS";
    if (is_by_client && when->captures != IIS_CAPTURES_SCHEME)
        return "{C:1} is not the scheme of a condition on {CACHE_URL} here";
    if (refers && rule->tracks_all && rule->conditions_count > 1)
        return "Its URL refers to one of several conditions (trackAllCaptures)";
    if (refers && !is_by_client && when->captures != IIS_CAPTURES_PATH)
        return "Its URL refers to a condition that is not one on the path";
    if (when->path && !iis_pattern_is_trivial(rule->syntax, rule->pattern))
        return "Both its url and a condition are about the path";
    return NULL;
}

static bool reads_methods(struct forward *f)
{
    const struct iis_when *when = &f->when;

    if (when->methods.count == 0)
        return true;
    if (when->methods_negated || when->hosts.count > 0 || f->pattern.count != 1 || f->pattern.heads[0].border != IIS_EVERYTHING ||
        f->im->plan.methods.count > 0 || f->im->plan.claims_count > 0)
        return false;
    for (size_t i = 0; i < when->methods.count; i++)
        iis_methods_add(&f->im->plan.methods, when->methods.list[i]);
    f->im->plan.methods_from = f->rule->node;
    return true;
}

/* Conditions that must not fit: their paths are left to other rules, or to nobody. */
static bool read_excepts(struct forward *f)
{
    for (size_t i = 0; i < f->when.excepts_count; i++)
        if (!iis_paths_of(f->rule->syntax, f->when.excepts[i]->pattern, true, &f->excepts))
            return false;
    return true;
}

/* Reads pattern, URL and upstream. False: it is told. */
static bool understand(struct forward *f)
{
    const struct iis_condition *path = f->when.path;
    const char *why = why_not_rule(f->rule), *text = path ? path->pattern : f->rule->pattern;
    char *sentence;

    if (!why)
        why = why_not_when(f->rule, &f->when);
    if (why) {
        lose_forward(f, NULL, why);
        return false;
    }
    if (!read_excepts(f)) {
        lose_forward(f, NULL, "It leaves out some paths by a pattern that is more than prefixes");
        return false;
    }
    f->letter = path ? 'C' : 'R';
    why = iis_pattern_parse(f->rule->syntax, text, path != NULL, &f->pattern);
    if (why) {
        sentence = iis_format(no_pattern, "Routes are by prefix, and", text, why);
        lose_forward(f, NULL, sentence);
        free(sentence);
        return false;
    }
    why = iis_url_split(f->rule->url, &f->url);
    f->upstream = why ? -1 : iis_upstream_of(f->im, f->url.is_tls, f->url.authority, f->rule->node, &why);
    if (f->upstream < 0) {
        sentence = iis_format("The action's URL \"%.200s\" %s", f->rule->url, why);
        lose_forward(f, NULL, sentence);
        free(sentence);
    }
    return f->upstream >= 0;
}

/* -- routes ---------------------------------------------------------------------------------------------------------------- */

static bool add_routes(struct forward *f, const char *path, const char *replace)
{
    const struct iis_strings *hosts = f->when.hosts.count > 0 ? &f->when.hosts : &f->im->plan.hosts;
    struct iis_route route = {.path = (char *)(uintptr_t)path,
                              .replace = (char *)(uintptr_t)replace,
                              .upstream = (size_t)f->upstream,
                              .excepts = f->excepts,
                              .from = f->rule->node};
    bool is_added = false;
    size_t i = 0;

    do {
        char *host = hosts->count > 0 ? cfg_copy(hosts->list[i]) : NULL;

        if (f->im->plan.claims_count >= CLAIMS_MAX) {
            free(host);
            iis_note(&f->im->plan.notes, IIS_LOST, f->rule->node, NULL, "The rules make more routes than georelay takes");
            return is_added;
        }
        route.host = host;
        is_added |= iis_claim_add(&f->im->plan, &route);
        free(host);
    } while (++i < hosts->count);
    return is_added;
}

/* A rule for one path alone. A route would let through all that is below it too, which nobody has asked for. */
static void lose_exact(struct forward *f, const struct iis_head *head)
{
    const struct iis_upstream *upstream = &f->im->plan.upstreams[f->upstream];
    char *remedy =
        iis_format("If all below it may be forwarded too, add to \"routes\": { path = \"/%s\"; upstream = \"%s\"; } with "
                   "servers = ( \"%s\" )",
                   head->text, upstream->name, upstream->servers.list[0].text);

    iis_note(&f->im->plan.notes, IIS_LOST, f->rule->node, remedy, "It forwards the one path \"/%s\"; routes are by prefix",
             head->text);
    iis_plan_lose(&f->im->plan, f->rule->node, key_of(f->rule), iis_format("/%s", head->text), false);
    free(remedy);
}

static bool add_head(struct forward *f, const struct iis_head *head)
{
    const struct iis_references references = {head, f->letter};
    char *path = NULL, *replace = NULL, *sentence;
    const char *why;
    bool is_added;

    if (head->border == IIS_EXACT) {
        lose_exact(f, head);
        return true;
    }
    why = iis_target_route(f->url.rest, &references, &path, &replace);
    if (why) {
        sentence = iis_format("The action's URL \"%.200s\" %s", f->rule->url, why);
        lose_forward(f, head->text, sentence);
        free(sentence);
        return true;
    }
    is_added = add_routes(f, path, replace);
    f->im->forwards += is_added;
    free(path);
    free(replace);
    return is_added;
}

static bool has_letters(const char *text)
{
    while (*text && !isalpha((unsigned char)*text))
        text++;
    return *text != '\0';
}

static void tell_head(struct forward *f, const struct iis_head *head)
{
    struct iis_notes *notes = &f->im->plan.notes;

    if (f->rule->ignore_case && has_letters(head->text) && head->border != IIS_EXACT)
        iis_note(notes, IIS_LOST, f->rule->node, "Add a route for each other spelling that is in use",
                 "Capital and small letters of a path are different to georelay: only \"/%s\" fits", head->text);
    if (head->border == IIS_STARTS)
        iis_note(notes, IIS_LOST, f->rule->node, "Add routes for them", "It also took names that only begin with \"%s\"",
                 head->text);
}

/* What is narrower or wider than it was. */
static void tell_differences(struct forward *f)
{
    struct iis_notes *notes = &f->im->plan.notes;
    const struct iis_node *node = f->rule->node;

    for (size_t i = 0; i < f->pattern.count; i++)
        tell_head(f, &f->pattern.heads[i]);
    if (f->pattern.needs_some)
        iis_note(notes, IIS_WEAKER, node, NULL, "It did not forward a path of no length (\".+\"); a route does");
    if (f->when.hosts_loose)
        iis_note(notes, IIS_LOST, node, "Add routes for them",
                 "The host's pattern has no \"^\" or no \"$\", so it took longer names too");
    if (f->excepts.count > 0)
        iis_note(notes, IIS_WEAKER, node, "Write what is needed into \"allow\" if the server can't refuse the rest",
                 "It leaves out paths; other spellings of them (capital letters, %%XX, longer names) are forwarded");
    if (f->when.not_files)
        iis_note(notes, IIS_LOST, f->when.not_files, NULL,
                 "IIS answered with files of its own folder where there were such; here all is forwarded");
    if (f->url.is_as_client)
        iis_note(notes, IIS_LOST, node, NULL,
                 "It speaks TLS to the server where the client did, and none where it did not; here all is forwarded by TLS");
}

/* -- server variables ------------------------------------------------------------------------------------------------------ */

/* Gives "X-Forwarded-Proto" of "HTTP_X_FORWARDED_PROTO"; NULL: it is no header field. */
static char *field_of(const char *variable)
{
    char *name;

    if (strncasecmp(variable, "HTTP_", 5) != 0 || variable[5] == '\0')
        return NULL;
    name = cfg_copy(variable + 5);
    for (size_t i = 0; name[i]; i++)
        name[i] = (char)(name[i] == '_' ? '-' : i == 0 || name[i - 1] == '-' ? toupper(name[i]) : tolower(name[i]));
    return name;
}

static void take_variable(struct forward *f, const struct iis_field *variable)
{
    struct iis_notes *notes = &f->im->plan.notes;
    char *name = field_of(variable->name), *kept = NULL;
    bool is_fixed = !strchr(variable->value, '{') && cfg_parse_field_value(NULL, variable->value, NULL, &kept);

    free(kept);
    kept = NULL;
    if (!name || !cfg_parse_field_name(NULL, name, NULL, &kept))
        iis_note(notes, IIS_LOST, variable->from, NULL, "A variable of IIS's own is set");
    else if (strcasecmp(name, "Accept-Encoding") == 0 && variable->value[0] == '\0')
        iis_note(notes, IIS_NEEDLESS, variable->from, NULL, "It kept the server from compressing what rules were to change");
    else if (strcasecmp(name, "Host") == 0)
        iis_note(notes, IIS_LOST, variable->from, "Write \"host\" into \"upstream\"; leave it out to keep the client's",
                 "It sets the Host");
    else if (!is_fixed)
        iis_note(notes, IIS_LOST, variable->from,
                 "headers = \"append\" tells the server address, scheme, host and port of the client",
                 "The field %s is set to what differs from request to request", name);
    else if (!iis_pattern_is_trivial(f->rule->syntax, f->rule->pattern) || f->when.hosts.count > 0)
        iis_note(notes, IIS_LOST, variable->from, "Write \"request_set\" if all requests may have it",
                 "The field %s is set for some requests only", name);
    else
        iis_fields_set(&f->im->plan.request, name, variable->value[0] ? variable->value : NULL, variable->from);
    free(kept);
    free(name);
}

void iis_forward(struct iis_import *im, const struct iis_rule *rule)
{
    struct forward f = {.im = im, .rule = rule};
    bool is_reached = false;

    iis_when_read(rule, &f.when);
    if (!understand(&f))
        goto free_parts;
    if (!reads_methods(&f)) {
        lose_forward(&f, NULL, "It forwards some methods only, and georelay's \"allow\" is for all routes together");
        goto free_parts;
    }
    for (size_t i = 0; i < f.pattern.count; i++)
        is_reached |= add_head(&f, &f.pattern.heads[i]);
    if (!is_reached) {
        iis_note(&im->plan.notes, IIS_NEEDLESS, rule->node, NULL,
                 "The rules in front of it, or its own conditions, leave nothing for it");
        goto free_parts;
    }
    if (f.when.scheme == IIS_SCHEME_TLS && !im->plan.needs_tls)
        im->plan.needs_tls = rule->node;
    tell_differences(&f);
    for (size_t i = 0; i < rule->set.count; i++)
        take_variable(&f, &rule->set.list[i]);
free_parts:
    iis_strings_fini(&f.excepts);
    iis_pattern_fini(&f.pattern);
    iis_url_fini(&f.url);
    iis_when_fini(&f.when);
}
