/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on where requests of a web door go: its servers, further upstreams, routes, the allow-list. Caller's thread. */
#include "config/check_rules.h"

#include <string.h>

static const struct cfg_upstream *find_upstream(const struct cfg_web *web, const char *name)
{
    for (size_t i = 0; i < web->upstreams_count; i++)
        if (check_same_name(web->upstreams[i].name, name))
            return &web->upstreams[i];
    return NULL;
}

void check_link_routes(struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->web_count; i++) {
        const struct cfg_web *web = &cfg->web[i];

        for (size_t j = 0; j < web->routes_count; j++) {
            struct cfg_route *route = &web->routes[j];

            route->to = route->upstream ? find_upstream(web, route->upstream) : &web->upstream;
        }
    }
}

/* An upstream is spoken to without TLS, or its certificates are not verified: then what is said about them is a mistake. */
static void check_upstream_tls(const struct check *c, const struct cfg_upstream *upstream)
{
    bool is_off = upstream->tls == CFG_UPSTREAM_TLS_OFF;

    if (c->cfg->is_partial || upstream->tls == CFG_UPSTREAM_TLS_VERIFY)
        return;
    if (upstream->ca_line > 0)
        check_report(c, upstream->ca_line, "Write tls = \"verify\", or remove it", "\"ca\" is not used, since %s",
                     is_off ? "tls is \"off\"" : "certificates are not verified");
    if (is_off && upstream->server_name)
        check_report(c, upstream->server_name_line, "Write tls = \"verify\", or remove it",
                     "\"server_name\" is not used, since tls is \"off\"");
    if (is_off && upstream->tls_min_line > 0)
        check_report(c, upstream->tls_min_line, "Write tls = \"verify\", or remove it",
                     "\"tls_min\" is not used, since tls is \"off\"");
}

/* Through a tunnel it is the agent that connects, and TLS to the server would have to end there. */
static void check_servers_of_agents(const struct check *c, const struct cfg_upstream *upstream)
{
    for (size_t i = 0; i < upstream->servers_count && upstream->tls != CFG_UPSTREAM_TLS_OFF; i++)
        if (upstream->servers[i].agent)
            check_report(c, upstream->servers[i].line, "Write tls = \"off\" for this upstream, or name the server's own address",
                         "\"%s\" is reached through the agent's tunnel, which is encrypted, and the agent connects to it without "
                         "TLS",
                         upstream->servers[i].text);
}

static void check_upstream(const struct check *c, const struct cfg_upstream *upstream)
{
    check_servers_of_agents(c, upstream);
    check_endpoints(c, upstream->servers, upstream->servers_count);
    check_upstream_tls(c, upstream);
}

static void check_upstreams(const struct check *c, const struct cfg_web *web)
{
    check_upstream(c, &web->upstream);
    for (size_t i = 0; i < web->upstreams_count; i++) {
        const struct cfg_upstream *upstream = &web->upstreams[i];

        check_upstream(c, upstream);
        if (upstream->name && find_upstream(web, upstream->name) != upstream)
            check_report(c, upstream->line, "Give each its own name", "There are two upstreams of one name: \"%s\"",
                         upstream->name);
    }
}

/* A route that every request fits, and that does not lead to `servers`. */
static bool has_route_for_all(const struct cfg_web *web)
{
    for (size_t i = 0; i < web->routes_count; i++)
        if (!web->routes[i].host && check_same_name(web->routes[i].path, "/") && web->routes[i].upstream)
            return true;
    return false;
}

static bool has_no_servers(const struct check *c, const struct cfg_web *web)
{
    return web->upstream.servers_count == 0 && (web->servers_line == 0 || !c->cfg->is_partial);
}

static void check_servers_are_needed(const struct check *c, const struct cfg_web *web)
{
    if (!has_no_servers(c, web))
        return;
    if (web->mode == CFG_WEB_TCP || web->routes_count == 0)
        check_report(c, web->line, "Add for example: servers = ( \"10.10.0.5:8080\" );",
                     "\"servers\" is missing in this web door");
    else if (!has_route_for_all(web) && !c->cfg->is_partial)
        check_report(c, web->line, "Add \"servers\", or a route with path \"/\", an upstream and no host",
                     "The web door \"%s\" has no servers for requests that no route fits", check_door_name(web));
    if (web->mode == CFG_WEB_HTTP && web->upstream.line > 0)
        check_report(c, web->upstream.line, "Add \"servers\", or remove it: each of \"upstreams\" has such settings of its own",
                     "The group \"upstream\" is not used: it says how \"servers\" are spoken to, but there are none");
}

static bool same_host(const char *a, const char *b)
{
    return a && b ? strcasecmp(a, b) == 0 : a == b;
}

static void check_route_is_unique(const struct check *c, const struct cfg_web *web, size_t index)
{
    const struct cfg_route *route = &web->routes[index];

    if (!route->host && c->cfg->is_partial)
        return; /* it may have one that could not be read */
    for (size_t i = 0; i < index; i++)
        if (same_host(route->host, web->routes[i].host) && check_same_name(route->path, web->routes[i].path)) {
            check_report(c, route->line, "Remove one", "Two routes are for the path \"%s\" of %s%s", route->path,
                         route->host ? "the host " : "any host", route->host ? route->host : "");
            return;
        }
}

static bool ends_with_slash(const char *path)
{
    return path[strlen(path) - 1] == '/';
}

/* The prefix is replaced byte for byte: "/old" by "/new/" would make "/new//x" of "/old/x", and "/" by "/new" "/newx" of "/x". */
static void check_replace(const struct check *c, const struct cfg_route *route)
{
    if (!route->path || !route->replace || strcmp(route->replace, "/") == 0)
        return;
    if (ends_with_slash(route->path) != ends_with_slash(route->replace))
        check_report(c, route->line, "Let both end with \"/\", or none",
                     "\"replace\" does not fit \"path\": one of \"%s\" and \"%s\" ends with \"/\"", route->path, route->replace);
}

static void check_route(const struct check *c, const struct cfg_web *web, size_t index)
{
    const struct cfg_route *route = &web->routes[index];

    check_route_is_unique(c, web, index);
    check_replace(c, route);
    if (!route->to && !c->cfg->is_partial)
        check_report(c, route->line, "Name one of \"upstreams\"", "There is no upstream \"%s\" in this web door",
                     route->upstream);
    if (!route->upstream && has_no_servers(c, web) && !c->cfg->is_partial)
        check_report(c, route->line, "Add \"upstream\", or \"servers\" to the web door",
                     "This route leads to \"servers\", but the web door \"%s\" has none", check_door_name(web));
}

static bool has_method(const struct cfg_allow *allow, size_t count, const char *method)
{
    for (size_t i = 0; i < count; i++)
        if (check_same_name(allow->methods[i].text, method))
            return true;
    return false;
}

/* proxy/http refuses both, whatever is allowed: a tunnel through the door, and a way to read what a proxy added. */
static bool is_never_served(const char *method)
{
    return strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0;
}

static void check_methods(const struct check *c, const struct cfg_allow *allow)
{
    for (size_t i = 0; i < allow->methods_count; i++) {
        const struct cfg_string *method = &allow->methods[i];

        if (has_method(allow, i, method->text))
            check_report(c, method->line, "Remove one", "The method %s is named twice", method->text);
        if (is_never_served(method->text))
            check_report(c, method->line, "Remove it", "The method %s can't be allowed: it is never served", method->text);
    }
}

void check_routes(const struct check *c, const struct cfg_web *web)
{
    check_servers_are_needed(c, web);
    check_upstreams(c, web);
    if (web->mode == CFG_WEB_TCP)
        return;
    for (size_t i = 0; i < web->routes_count; i++)
        check_route(c, web, i);
    for (size_t i = 0; i < web->allow_count; i++)
        check_methods(c, &web->allow[i]);
}
