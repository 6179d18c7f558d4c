/* SPDX-License-Identifier: Apache-2.0 */
/* Owns IIS's request filtering: sizes, methods, and what is not carried over of it. Caller's thread. */
#include "config/iis_parts.h"
#include "config/memory.h"
#include "config/values_http.h"

#include <stdlib.h>
#include <string.h>

enum { URL_MIN = 256, URL_MAX = 65536 };

/* In force where nothing is written: system.webServer/security/requestFiltering, IIS 7 to 10. */
enum { BODY_DEFAULT = 30000000, PATH_DEFAULT = 4096, QUERY_DEFAULT = 2048 };

struct sizes {
    unsigned long body, path, query;
    const struct iis_node *body_from, *url_from;
};

static void read_size(struct iis_import *im, const struct iis_node *node, const char *name, unsigned long *value,
                      const struct iis_node **from)
{
    const char *text = iis_attr(node, name);

    if (!text)
        return;
    if (iis_number(text, 4294967295UL, value))
        *from = node;
    else
        iis_note(&im->plan.notes, IIS_LOST, node, "Write it in \"limits\"", "%s is no number", name);
}

static void read_limits(struct iis_import *im, struct iis_node *filtering, struct sizes *sizes)
{
    struct iis_node *limits = iis_child(filtering, "requestLimits"), *fields = iis_child(limits, "headerLimits");

    read_size(im, limits, "maxAllowedContentLength", &sizes->body, &sizes->body_from);
    read_size(im, limits, "maxUrl", &sizes->path, &sizes->url_from);
    read_size(im, limits, "maxQueryString", &sizes->query, &sizes->url_from);
    if (fields && fields->first)
        iis_note(&im->plan.notes, IIS_WEAKER, fields, "limits.head bounds all fields together",
                 "IIS bounded single header fields");
    if (fields)
        iis_tell_all(fields);
}

/* georelay's url is path, "?" and query together; its body 0 is "no limit", IIS's is "no body". */
static void take_sizes(struct iis_import *im, const struct sizes *sizes)
{
    unsigned long url = sizes->path + 1 + sizes->query;

    im->plan.body = (struct iis_number){sizes->body > 0 ? (long)sizes->body : 1, sizes->body_from};
    im->plan.url = (struct iis_number){(long)url, sizes->url_from};
    if (url < URL_MIN)
        im->plan.url.value = URL_MIN;
    if (url > URL_MAX)
        im->plan.url.value = URL_MAX;
    if (url < URL_MIN || url > URL_MAX)
        iis_note(&im->plan.notes, url < URL_MIN ? IIS_WEAKER : IIS_LOST, sizes->url_from, NULL,
                 "maxUrl and maxQueryString make %lu bytes; limits.url is %d to %d", url, URL_MIN, URL_MAX);
    else if (sizes->url_from)
        iis_note(&im->plan.notes, IIS_LOST, sizes->url_from, NULL,
                 "maxUrl and maxQueryString were two limits; limits.url is their sum, for both together");
}

/* -- methods --------------------------------------------------------------------------------------------------------------- */

const char *const iis_usual_methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", NULL};

static bool is_never_served(const char *method)
{
    return strcmp(method, "TRACE") == 0 || strcmp(method, "CONNECT") == 0;
}

void iis_methods_add(struct iis_strings *methods, const char *method)
{
    if (!is_never_served(method))
        iis_strings_add(methods, method);
}

struct verbs {
    bool allows_others;
    struct iis_strings allowed, denied;
    const struct iis_node *from;
};

static void read_verb(struct iis_import *im, const struct iis_node *node, struct verbs *verbs)
{
    const char *verb = iis_attr_or(node, "verb", "");
    bool is_allowed = iis_attr_bool(node, "allowed", true);
    char *kept = NULL;

    if (!cfg_parse_method(NULL, verb, NULL, &kept))
        iis_note(&im->plan.notes, IIS_LOST, node, "Write \"methods\" in \"allow\"", "\"%s\" is no method in capital letters",
                 verb);
    else
        iis_strings_add(is_allowed ? &verbs->allowed : &verbs->denied, verb);
    free(kept);
}

static void read_verbs(struct iis_import *im, struct iis_node *node, struct verbs *verbs)
{
    if (!node)
        return;
    verbs->allows_others = iis_attr_bool(node, "allowUnlisted", verbs->allows_others);
    iis_attr(node, "applyToWebDAV");
    for (struct iis_node *child = node->first; child; child = child->next) {
        child->is_told = true;
        if (strcmp(child->name, "add") == 0) {
            read_verb(im, child, verbs);
        } else if (strcmp(child->name, "clear") == 0) {
            iis_strings_fini(&verbs->allowed);
            iis_strings_fini(&verbs->denied);
        } else {
            child->is_told = false;
        }
    }
    verbs->from = node;
}

/* A list of what is allowed. Where IIS only named what is not, it is the usual methods without those. */
static void take_verbs(struct iis_import *im, const struct verbs *verbs)
{
    struct iis_plan *plan = &im->plan;
    bool denies = false;

    for (size_t i = 0; i < verbs->denied.count; i++)
        denies |= !is_never_served(verbs->denied.list[i]);
    if (verbs->allows_others && !denies)
        return;
    plan->methods_from = verbs->from;
    for (size_t i = 0; i < verbs->allowed.count && !verbs->allows_others; i++)
        iis_methods_add(&plan->methods, verbs->allowed.list[i]);
    for (size_t i = 0; iis_usual_methods[i] && verbs->allows_others; i++)
        if (!iis_strings_has(&verbs->denied, iis_usual_methods[i]))
            iis_strings_add(&plan->methods, iis_usual_methods[i]);
    if (verbs->allows_others)
        iis_note(&plan->notes, IIS_LOST, verbs->from, "Add others to \"methods\" if they are used",
                 "IIS named the methods that are not allowed; georelay names those that are");
    if (plan->methods.count == 0)
        iis_plan_close(plan, verbs->from, "Write the methods that are needed", "IIS allowed no method at all");
}

/* -- the rest -------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *what;
} lists[] = {
    {"hiddenSegments", "IIS refused paths with certain segments"},
    {"denyUrlSequences", "IIS refused URLs with certain texts"},
    {"denyQueryStringSequences", "IIS refused queries with certain texts"},
    {"fileExtensions", "IIS refused certain file extensions"},
    {"filteringRules", "IIS refused requests by rules on their texts"},
    {"alwaysAllowedUrls", "IIS let certain URLs pass its filters"},
    {"alwaysAllowedQueryStrings", "IIS let certain queries pass its filters"},
};

static void tell_lists(struct iis_import *im, struct iis_node *filtering)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct iis_node *node = iis_child(filtering, lists[i].name);

        if (!node)
            continue;
        iis_tell_all(node);
        iis_note(&im->plan.notes, IIS_WEAKER, node,
                 "Write the paths that are needed into \"allow\" if the server needs such a guard", "%s; georelay does not",
                 lists[i].what);
    }
}

static void tell_switches(struct iis_import *im, struct iis_node *filtering)
{
    if (iis_attr(filtering, "removeServerHeader") && iis_attr_bool(filtering, "removeServerHeader", false))
        iis_fields_set(&im->plan.response, "Server", NULL, filtering);
    if (iis_attr(filtering, "allowDoubleEscaping") && !iis_attr_bool(filtering, "allowDoubleEscaping", false))
        iis_note(&im->plan.notes, IIS_WEAKER, filtering, NULL,
                 "IIS refused URLs that were escaped twice; georelay passes them on as they are");
    if (iis_attr(filtering, "allowHighBitCharacters") && !iis_attr_bool(filtering, "allowHighBitCharacters", true))
        iis_note(&im->plan.notes, IIS_WEAKER, filtering, NULL,
                 "IIS refused URLs with characters beyond ASCII; georelay does not");
    iis_attr(filtering, "unescapeQueryString");
}

void iis_filters_read(struct iis_import *im)
{
    struct sizes sizes = {BODY_DEFAULT, PATH_DEFAULT, QUERY_DEFAULT, NULL, NULL};
    struct verbs verbs = {.allows_others = true};

    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *node = iis_section(im, i, "system.webServer/security/requestFiltering");

        if (!node)
            continue;
        read_limits(im, node, &sizes);
        read_verbs(im, iis_child(node, "verbs"), &verbs);
        tell_lists(im, node);
        tell_switches(im, node);
    }
    take_sizes(im, &sizes);
    take_verbs(im, &verbs);
    iis_strings_fini(&verbs.allowed);
    iis_strings_fini(&verbs.denied);
}
