/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the prepared form of a web front door's configuration. Made by the main thread, read by all. */
#include "proxy/web/rules.h"

#include "proxy/session/admission.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static_assert((int)CFG_HEADERS_APPEND == HTTP_TELL_APPEND && (int)CFG_HEADERS_REPLACE == HTTP_TELL_REPLACE &&
                  (int)CFG_HEADERS_ARR == HTTP_TELL_ARR && (int)CFG_HEADERS_OFF == HTTP_TELL_OFF,
              "the configuration's words are those of proxy/http");
static_assert((int)CFG_COOKIE_SAME_SITE_KEEP == HTTP_SAME_SITE_KEEP && (int)CFG_COOKIE_SAME_SITE_LAX == HTTP_SAME_SITE_LAX &&
                  (int)CFG_COOKIE_SAME_SITE_STRICT == HTTP_SAME_SITE_STRICT &&
                  (int)CFG_COOKIE_SAME_SITE_NONE == HTTP_SAME_SITE_NONE,
              "the configuration's words are those of proxy/http");

/* -- making --------------------------------------------------------------------------------------------------------------------
 */

static struct http_pair *pairs_of(const struct cfg_field *fields, size_t count)
{
    struct http_pair *pairs = calloc(count + 1, sizeof(*pairs));

    for (size_t i = 0; i < count && pairs != NULL; i++)
        pairs[i] = (struct http_pair){slice_of(fields[i].name), slice_of(fields[i].value)};
    return pairs;
}

static struct slice *slices_of(const struct cfg_string *strings, size_t count)
{
    struct slice *slices = calloc(count + 1, sizeof(*slices));

    for (size_t i = 0; i < count && slices != NULL; i++)
        slices[i] = slice_of(strings[i].text);
    return slices;
}

static bool has_other_port(const struct cfg_upstream *upstream, const struct cfg_endpoint *server)
{
    for (size_t i = 0; i < upstream->servers_count; i++)
        if (strcasecmp(upstream->servers[i].host, server->host) == 0 && upstream->servers[i].port != server->port)
            return true;
    return false;
}

/* A link to a host without a port may mean any web server on that machine; only where we know of one it means this one. */
static bool is_only_one_there(const struct cfg *cfg, const struct cfg_endpoint *server)
{
    for (size_t i = 0; i < cfg->web_count; i++) {
        const struct cfg_web *web = &cfg->web[i];

        if (has_other_port(&web->upstream, server))
            return false;
        for (size_t k = 0; k < web->upstreams_count; k++)
            if (has_other_port(&web->upstreams[k], server))
                return false;
    }
    return true;
}

static bool fill_upstream(const struct cfg *all, struct web_upstream *u, const struct cfg_upstream *cfg, tls_problem_fn *problem,
                          void *arg)
{
    u->cfg = cfg;
    u->names = calloc(2 * cfg->servers_count + 1, sizeof(*u->names));
    if (u->names == NULL)
        return false;
    for (size_t i = 0; i < cfg->servers_count; i++) {
        u->names[u->names_count++] = slice_of(cfg->servers[i].text);
        if (is_only_one_there(all, &cfg->servers[i]))
            u->names[u->names_count++] = slice_of(cfg->servers[i].host);
    }
    if (cfg->host != NULL)
        u->names[u->names_count++] = slice_of(cfg->host);
    if (cfg->tls == CFG_UPSTREAM_TLS_OFF)
        return true;
    u->tls = tls_context_new_upstream(cfg, problem, arg);
    return u->tls != NULL;
}

static bool fill_upstreams(struct web_rules *r, tls_problem_fn *problem, void *arg)
{
    const struct cfg_web *web = r->web;
    bool is_good;

    r->upstreams_count = 1 + web->upstreams_count;
    r->upstreams = calloc(r->upstreams_count, sizeof(*r->upstreams));
    is_good = r->upstreams != NULL && fill_upstream(r->cfg, &r->upstreams[0], &web->upstream, problem, arg);
    for (size_t i = 0; i < web->upstreams_count && r->upstreams != NULL; i++)
        is_good &= fill_upstream(r->cfg, &r->upstreams[i + 1], &web->upstreams[i], problem, arg);
    return is_good;
}

struct web_rules *web_rules_new(const struct cfg *cfg, const struct cfg_web *web, tls_problem_fn *problem, void *arg)
{
    struct web_rules *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->cfg = cfg;
    r->web = web;
    r->limits = (struct http_limits){.head_bytes = (size_t)cfg->limits.head_bytes,
                                     .fields = (size_t)cfg->limits.fields,
                                     .target_bytes = (size_t)cfg->limits.url_bytes};
    r->telling = (enum http_telling)web->headers;
    r->adds_secure =
        web->cookie_secure == CFG_COOKIE_SECURE_ALWAYS || (web->cookie_secure == CFG_COOKIE_SECURE_AUTO && web->plain_count == 0);
    r->request_set = pairs_of(web->request_set, web->request_set_count);
    r->request_remove = slices_of(web->request_remove, web->request_remove_count);
    r->response_set = pairs_of(web->response_set, web->response_set_count);
    r->response_remove = slices_of(web->response_remove, web->response_remove_count);
    if (!fill_upstreams(r, problem, arg) || r->request_set == NULL || r->request_remove == NULL || r->response_set == NULL ||
        r->response_remove == NULL) {
        web_rules_free(r);
        return NULL;
    }
    return r;
}

void web_rules_free(struct web_rules *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->upstreams_count && r->upstreams != NULL; i++) {
        free(r->upstreams[i].names);
        tls_context_put(r->upstreams[i].tls);
    }
    free(r->upstreams);
    free(r->request_set);
    free(r->request_remove);
    free(r->response_set);
    free(r->response_remove);
    free(r);
}

/* -- asking --------------------------------------------------------------------------------------------------------------------
 */

/* "/a" fits "/a" and "/a/b", but not "/ab"; "/a/" fits itself and what is below it. The path has no query. */
static bool path_fits(const char *prefix, struct slice path)
{
    size_t length = strlen(prefix);

    if (!slice_starts(path, prefix))
        return false;
    return prefix[length - 1] == '/' || path.length == length || path.at[length] == '/';
}

/* 0: not at all; 1: any host; 2: by "*."; 3: exactly. */
static int host_fits(const char *pattern, struct slice host)
{
    size_t length;

    if (pattern == NULL)
        return 1;
    if (pattern[0] != '*')
        return slice_is_nocase(host, pattern) ? 3 : 0;
    length = strlen(pattern + 1);
    if (host.length <= length)
        return 0;
    return slice_is_nocase((struct slice){host.at + host.length - length, length}, pattern + 1) ? 2 : 0;
}

static const struct cfg_route *find_route(const struct cfg_web *web, struct slice host, struct slice path)
{
    const struct cfg_route *best = NULL;
    size_t best_length = 0;
    int best_fit = 0;

    for (size_t i = 0; i < web->routes_count; i++) {
        const struct cfg_route *route = &web->routes[i];
        size_t length = strlen(route->path);
        int fit = host_fits(route->host, host);

        if (fit == 0 || !path_fits(route->path, path))
            continue;
        if (best == NULL || length > best_length || (length == best_length && fit > best_fit)) {
            best = route;
            best_length = length;
            best_fit = fit;
        }
    }
    return best;
}

bool web_rules_choose(const struct web_rules *r, struct slice host, struct slice path, struct web_choice *ret)
{
    const struct cfg_upstream *to = &r->web->upstream;

    ret->route = find_route(r->web, host, path);
    if (ret->route != NULL)
        to = ret->route->to;
    for (size_t i = 0; i < r->upstreams_count; i++)
        if (r->upstreams[i].cfg == to)
            ret->upstream = &r->upstreams[i];
    return to->servers_count > 0;
}

enum reason web_rules_admit(const struct web_choice *choice, const struct address *client)
{
    return choice->route == NULL || admission_allows(&choice->route->admission, client) ? REASON_NONE : REASON_ROUTE_DENIED;
}

static bool method_fits(const struct cfg_allow *allow, struct slice method)
{
    if (allow->methods_count == 0)
        return true;
    for (size_t i = 0; i < allow->methods_count; i++)
        if (slice_is(method, allow->methods[i].text))
            return true;
    return false;
}

enum reason web_rules_allow(const struct web_rules *r, struct slice method, struct slice path)
{
    enum reason why = r->web->allow_count == 0 ? REASON_NONE : REASON_PATH_NOT_ALLOWED;

    for (size_t i = 0; i < r->web->allow_count; i++) {
        if (!path_fits(r->web->allow[i].path, path))
            continue;
        if (method_fits(&r->web->allow[i], method))
            return REASON_NONE;
        why = REASON_METHOD_NOT_ALLOWED;
    }
    return why;
}

void web_rules_methods(const struct web_rules *r, struct slice path, struct http_writer *ret)
{
    for (size_t i = 0; i < r->web->allow_count; i++) {
        const struct cfg_allow *allow = &r->web->allow[i];

        if (!path_fits(allow->path, path))
            continue;
        for (size_t k = 0; k < allow->methods_count; k++) {
            if (ret->length > 0)
                http_put_text(ret, ", ");
            http_put_text(ret, allow->methods[k].text);
        }
    }
}

bool web_rules_trusts(const struct web_rules *r, const struct address *peer)
{
    for (size_t i = 0; i < r->web->trusted_count; i++)
        if (network_contains(&r->web->trusted[i].network, peer))
            return true;
    return false;
}
