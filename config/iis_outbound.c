/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what becomes of rules for responses: flags of cookies, Location, fields with a fixed value. Caller's thread. */
#include "config/iis_parts.h"
#include "config/iis_target.h"
#include "config/memory.h"
#include "config/values_http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct outbound {
    struct iis_import *im;
    struct iis_node *node;
    enum iis_syntax syntax;
    const char *pattern;
    bool negate;
    const char *value;
};

static void lose(struct outbound *o, const char *remedy, const char *why)
{
    iis_note(&o->im->plan.notes, IIS_LOST, o->node, remedy, "%s", why);
}

/* -- when it applies ------------------------------------------------------------------------------------------------------- */

static struct iis_node *find_precondition(struct iis_import *im, const char *name)
{
    struct iis_node *found = NULL;

    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *all = iis_section(im, i, "system.webServer/rewrite/outboundRules/preConditions");

        for (struct iis_node *node = all ? all->first : NULL; node; node = node->next)
            for (size_t j = 0; j < node->attributes_count; j++)
                if (strcmp(node->attributes[j].name, "name") == 0 && strcasecmp(node->attributes[j].value, name) == 0)
                    found = node;
    }
    return found;
}

static bool is_any_value(const char *pattern)
{
    return strcmp(pattern, ".") == 0 || strcmp(pattern, ".+") == 0 || iis_pattern_is_trivial(IIS_ECMASCRIPT, pattern);
}

/*
 * True for a condition that changes nothing: it asks for TLS, or whether the field is there. A rule for cookies or Location may
 * ask what the field holds: georelay looks at that by itself.
 */
static bool is_idle_condition(const struct iis_node *node, const char *field, bool may_look)
{
    const char *input = iis_attr_or(node, "input", ""), *pattern = iis_attr_or(node, "pattern", "");
    bool negate = iis_attr_bool(node, "negate", false);
    char *wanted = iis_format("{%s}", field);
    bool is_field = strcasecmp(input, wanted) == 0;

    free(wanted);
    iis_attr(node, "ignoreCase");
    if (is_field)
        return may_look || (is_any_value(pattern) && !negate);
    return strcasecmp(input, "{HTTPS}") == 0 && strcasestr(pattern, "on") && !negate;
}

static bool are_idle(struct iis_node *conditions, const char *field, bool may_look)
{
    bool are = true;

    iis_attr(conditions, "logicalGrouping");
    for (const struct iis_node *node = iis_child(conditions, "add"); node; node = iis_next(node, "add"))
        are = is_idle_condition(node, field, may_look) && are;
    return are;
}

/* Reads preCondition and conditions; true if they change nothing. */
static bool is_always(struct outbound *o, const char *field, bool may_look)
{
    const char *name = iis_attr_or(o->node, "preCondition", "");
    struct iis_node *precondition = name[0] ? find_precondition(o->im, name) : NULL;
    bool is_same = are_idle(precondition, field, may_look) && (precondition || !name[0]);

    is_same = are_idle(iis_child(o->node, "conditions"), field, may_look) && is_same;
    if (precondition)
        iis_leave(o->im, precondition,
                  is_same ? "georelay looks at each response by itself" : "It belongs to a rule that is told of");
    return is_same;
}

/* -- cookies --------------------------------------------------------------------------------------------------------------- */

/* What "{R:0}; Secure; HttpOnly" appends. */
struct flags {
    bool secure, http_only;
    const char *same_site;
};

static const char *skip_whole(const char *value)
{
    return strncasecmp(value, "{R:0}", 5) == 0 || strncasecmp(value, "{R:1}", 5) == 0 ? value + 5 : NULL;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

static bool take_flag(const char *text, size_t length, struct flags *ret)
{
    static const char *const sites[] = {"lax", "strict", "none", NULL};

    if (is_word(text, length, "secure"))
        ret->secure = true;
    else if (is_word(text, length, "httponly"))
        ret->http_only = true;
    else if (length > 9 && strncasecmp(text, "samesite=", 9) == 0)
        for (size_t i = 0; sites[i] && !ret->same_site; i++)
            ret->same_site = is_word(text + 9, length - 9, sites[i]) ? sites[i] : NULL;
    else
        return false;
    return true;
}

/* "; Secure; HttpOnly" to its end. False: something else is appended. */
static bool read_flags(const char *at, struct flags *ret)
{
    if (!at || *at == '\0')
        return false;
    while (*at) {
        size_t length;

        at += strspn(at, "; ");
        length = strcspn(at, "; ");
        if (length == 0)
            break;
        if (!take_flag(at, length, ret))
            return false;
        at += length;
    }
    return ret->secure || ret->http_only || ret->same_site;
}

/* Cookies of any name: ".*", or "those that have no such flag yet", which georelay looks at by itself. */
static bool is_every_cookie(const struct outbound *o)
{
    static const char *const whole[] = {".+", "(.+)", "^(.+)$", "^.+$", NULL};

    for (size_t i = 0; whole[i]; i++)
        if (strcmp(o->pattern, whole[i]) == 0)
            return !o->negate;
    if (iis_pattern_is_trivial(o->syntax, o->pattern))
        return !o->negate;
    return strcasestr(o->pattern, "secure") || strcasestr(o->pattern, "httponly") || strcasestr(o->pattern, "samesite");
}

static void take_cookie(struct outbound *o)
{
    struct iis_plan *plan = &o->im->plan;
    bool is_whole = is_every_cookie(o), always = is_always(o, "RESPONSE_Set_Cookie", true);
    struct flags flags = {0};

    if (!read_flags(skip_whole(o->value), &flags)) {
        lose(o, "Let the server write its cookies so", "It changes cookies by more than Secure, HttpOnly and SameSite");
        return;
    }
    if (flags.same_site && strcmp(flags.same_site, "none") == 0 && (!is_whole || !always)) {
        lose(o, "Let the server write SameSite=None", "It opens some cookies to other sites; georelay would open all");
        return;
    }
    if (!is_whole || !always)
        lose(o, "Write \"keep\" or \"never\" if a cookie must not have it", "It was for some cookies; georelay does it to all");
    if (flags.secure)
        plan->secure = o->node;
    if (flags.http_only)
        plan->http_only = o->node;
    if (flags.same_site) {
        plan->same_site = o->node;
        plan->same_site_value = flags.same_site;
    }
}

/* -- Location -------------------------------------------------------------------------------------------------------------- */

/* Location rewritten to the host that was asked for: what links = "rewrite" does for URLs of the servers. */
static void take_location(struct outbound *o)
{
    struct iis_url url = {0};
    bool is_always_so = is_always(o, "RESPONSE_Location", true);
    bool is_relative = o->value[0] == '/' || strncasecmp(o->value, "{R:", 3) == 0;
    bool is_absolute = iis_url_split(o->value, &url) == NULL;
    bool names_server = strcasestr(o->pattern, "http") != NULL && !o->negate;

    iis_url_fini(&url);
    if (!names_server || !(is_relative || is_absolute)) {
        lose(o, "Let the server send the right Location", "It changes Location by more than the host");
        return;
    }
    o->im->plan.links = "rewrite";
    o->im->plan.links_from = o->node;
    if (!is_always_so)
        lose(o, NULL, "It was for some responses; georelay does it to all");
    iis_note(
        &o->im->plan.notes, IIS_BY_HAND, o->node, "Compare a redirect of the server with what it was",
        "links = \"rewrite\" puts the host that was asked for in place of the server's, in any Location that names the server");
}

/* -- other fields ---------------------------------------------------------------------------------------------------------- */

/* Gives "X-Powered-By" of "RESPONSE_X_Powered_By"; NULL: it is no header field. */
static char *field_of(const char *variable)
{
    char *name = strncasecmp(variable, "RESPONSE_", 9) == 0 ? iis_replace(variable + 9, "_", "-") : NULL, *kept = NULL;

    if (name && cfg_parse_field_name(NULL, name, NULL, &kept)) {
        free(kept);
        return name;
    }
    free(name);
    return NULL;
}

static void take_field(struct outbound *o, const char *variable, const char *name)
{
    static const char hsts[] = "Strict-Transport-Security";
    bool always = is_always(o, variable, false);
    bool is_whole =
        iis_pattern_is_trivial(o->syntax, o->pattern) || strcmp(o->pattern, ".+") == 0 || strcmp(o->pattern, "(.+)") == 0;
    char *kept = NULL;
    bool is_fixed = !strchr(o->value, '{') && cfg_parse_field_value(NULL, o->value, NULL, &kept);

    free(kept);
    if (!is_fixed)
        lose(o, "Let the server send it", "It makes a field of what differs from response to response");
    else if (strcasecmp(name, hsts) == 0 && o->value[0])
        iis_hsts_take(&o->im->plan, o->value, o->node);
    else if (!is_whole || o->negate || !always)
        lose(o, "Write it into \"response_set\" or \"response_remove\" if it is for all",
             "It changes a field of some responses only");
    else
        iis_fields_set(&o->im->plan.response, name, o->value[0] ? o->value : NULL, o->node);
}

static void take_variable(struct outbound *o, const char *variable)
{
    char *name = field_of(variable);

    if (!name || iis_is_own_field(name))
        lose(o, NULL, "It changes what georelay itself writes for each connection, or no header field");
    else if (strcasecmp(name, "Set-Cookie") == 0)
        take_cookie(o);
    else if (strcasecmp(name, "Location") == 0)
        take_location(o);
    else
        take_field(o, variable, name);
    free(name);
}

/* -- rules ----------------------------------------------------------------------------------------------------------------- */

static void read_rule(struct iis_import *im, struct iis_node *node)
{
    struct iis_node *match = iis_child(node, "match"), *action = iis_child(node, "action");
    const char *variable = iis_attr_or(match, "serverVariable", "");
    struct outbound o = {.im = im,
                         .node = node,
                         .syntax = iis_syntax_of(iis_attr_or(node, "patternSyntax", "ECMAScript")),
                         .pattern = iis_attr_or(match, "pattern", ""),
                         .negate = iis_attr_bool(match, "negate", false),
                         .value = iis_attr_or(action, "value", "")};

    iis_attr(node, "name");
    iis_attr(node, "enabled");
    iis_attr(node, "stopProcessing");
    iis_attr(match, "ignoreCase");
    if (!iis_attr_bool(node, "enabled", true) || strcasecmp(iis_attr_or(action, "type", "None"), "Rewrite") != 0) {
        iis_tell_all(node);
        iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "The rule is switched off, or does nothing");
    } else if (variable[0] == '\0') {
        (void)is_always(&o, "", false);
        iis_tell_all(node);
        lose(&o, "Set the server's \"Network Proxy\" settings to the public name and port, so that it writes the right links",
             "It changes links within pages; georelay never changes a body");
    } else {
        take_variable(&o, variable);
    }
}

void iis_outbound_read(struct iis_import *im)
{
    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *rules = iis_section(im, i, "system.webServer/rewrite/outboundRules");

        for (struct iis_node *node = iis_child(rules, "rule"); node; node = iis_next(node, "rule"))
            read_rule(im, node);
    }
}
