/* SPDX-License-Identifier: Apache-2.0 */
/* Owns ARR's settings: how it forwarded, and its server farms. The defaults are those of ARR 3. Caller's thread. */
#include "config/iis_parts.h"
#include "config/iis_target.h"
#include "config/memory.h"
#include "config/model.h"
#include "config/values_http.h"

#include <stdlib.h>
#include <string.h>

enum { SERVERS_MAX = 16, UPSTREAMS_MAX = 32, RESPONSE_MAX = 604800, INTERVAL_MAX = 3600, TIMEOUT_MAX = 60 };

/* -- how it forwards ------------------------------------------------------------------------------------------------------- */

static void read_timeout(struct iis_import *im, const struct iis_node *node)
{
    const char *text = iis_attr(node, "timeout");
    long seconds;

    if (!text)
        return;
    if (!iis_timespan(text, &seconds) || seconds < 1 || seconds > RESPONSE_MAX) {
        iis_note(&im->plan.notes, IIS_LOST, node, "Write timeouts.response",
                 "The timeout can't be understood, or is over a week");
        return;
    }
    im->plan.response_s = (struct iis_number){seconds, node};
}

static void read_forwarded_for(struct iis_import *im, const struct iis_node *node)
{
    const char *name = iis_attr(node, "xForwardedForHeaderName"), *by = iis_attr_or(node, "xForwardedByHeaderName", "");
    bool tells_port = iis_attr_bool(node, "includePortInXForwardedFor", im->plan.tells_port);

    if (tells_port != im->plan.tells_port)
        im->plan.tells_port_from = node;
    im->plan.tells_port = tells_port;
    if (!tells_port)
        iis_note(
            &im->plan.notes, IIS_LOST, node, "Write headers = \"arr\" if the server needs them more than an address without port",
            "X-Forwarded-For was to have no port. That is headers = \"append\", which does not send X-ARR-SSL, X-ARR-LOG-ID and "
            "X-Original-URL");
    if (name && strcasecmp(name, "X-Forwarded-For") != 0)
        iis_note(&im->plan.notes, IIS_LOST, node, "Let the server read X-Forwarded-For",
                 "The client's address was sent in another field (xForwardedForHeaderName)");
    if (by[0] != '\0')
        iis_note(&im->plan.notes, IIS_LOST, node, NULL, "IIS's own address was sent (xForwardedByHeaderName)");
}

static void read_versions(struct iis_import *im, const struct iis_node *node)
{
    if (strcasecmp(iis_attr_or(node, "httpVersion", ""), "Http10") == 0)
        iis_note(&im->plan.notes, IIS_LOST, node, NULL, "The server was spoken to by HTTP/1.0; georelay speaks HTTP/1.1");
    if (!iis_attr_bool(node, "keepAlive", true))
        im->plan.upstream_idle = (struct iis_number){0, node};
}

/* What <proxy> and the <protocol> of a server farm have in common. */
static void read_protocol(struct iis_import *im, const struct iis_node *node)
{
    bool keeps_host = iis_attr_bool(node, "preserveHostHeader", im->keeps_host);

    if (iis_attr(node, "preserveHostHeader"))
        im->keeps_host_from = node;
    im->keeps_host = keeps_host;
    if (iis_attr(node, "reverseRewriteHostInResponseHeaders")) {
        im->plan.links = iis_attr_bool(node, "reverseRewriteHostInResponseHeaders", true) ? "rewrite" : "keep";
        im->plan.links_from = node;
    }
    read_timeout(im, node);
    read_forwarded_for(im, node);
    read_versions(im, node);
}

void iis_proxy_read(struct iis_import *im)
{
    const struct iis_node *enabled = NULL;
    bool is_enabled = false;

    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *node = iis_section(im, i, "system.webServer/proxy");

        if (!node)
            continue;
        if (iis_attr(node, "enabled")) {
            enabled = node;
            is_enabled = iis_attr_bool(node, "enabled", false);
        }
        read_protocol(im, node);
    }
    if (enabled && !is_enabled)
        iis_plan_close(&im->plan, enabled, "Is it the right file?", "ARR's proxy is switched off, so IIS forwarded nothing");
}

/* -- server farms ---------------------------------------------------------------------------------------------------------- */

static struct iis_node *find_farm(struct iis_import *im, const char *name)
{
    struct iis_node *farms = im->server ? iis_child(im->server, "webFarms") : NULL;

    for (struct iis_node *farm = iis_child(farms, "webFarm"); farm; farm = iis_next(farm, "webFarm"))
        if (strcasecmp(iis_attr_or(farm, "name", ""), name) == 0)
            return farm;
    return NULL;
}

/* "200-399,404" as georelay has it: blanks are allowed, numbers up to 599. Gives; the default if it can't be understood. */
static char *statuses(struct iis_import *im, const struct iis_node *node)
{
    const char *text = iis_attr_or(node, "statusCodeMatch", "200-399");
    char *kept = iis_replace(text, "-999", "-599");
    struct cfg_statuses parsed = {0};

    if (cfg_parse_statuses(NULL, kept, NULL, &parsed)) {
        free(parsed.text);
        free(parsed.list);
        return kept;
    }
    free(kept);
    iis_note(&im->plan.notes, IIS_LOST, node, "Write \"status\" in \"health\"", "statusCodeMatch can't be understood");
    return cfg_copy("200-399");
}

static long bounded_timespan(struct iis_import *im, const struct iis_node *node, const char *name, long max)
{
    long seconds = 30;
    const char *text = iis_attr(node, name);

    if (text && !iis_timespan(text, &seconds))
        iis_note(&im->plan.notes, IIS_LOST, node, "Write it in \"health\"", "%s can't be understood", name);
    if (seconds >= 1 && seconds <= max)
        return seconds;
    iis_note(&im->plan.notes, IIS_LOST, node, NULL, "%s is %ld seconds; georelay takes 1 to %ld", name, seconds, max);
    return seconds < 1 ? 1 : max;
}

/* The test's URL names the farm or a server; each server is asked for its path. */
static void read_health(struct iis_import *im, const struct iis_node *node, struct iis_upstream *upstream)
{
    const char *url = iis_attr_or(node, "url", ""), *text = iis_attr_or(node, "responseMatch", "");
    struct iis_url parts = {0};
    char *kept = NULL;

    if (url[0] == '\0')
        return;
    if (iis_url_split(url, &parts) != NULL || !cfg_parse_url_target(NULL, parts.rest[0] ? parts.rest : "/", NULL, &kept)) {
        iis_note(&im->plan.notes, IIS_LOST, node, "Write \"health\" into the upstream",
                 "The URL of the health test can't be understood");
        iis_url_fini(&parts);
        return;
    }
    upstream->health = (struct iis_health){
        .path = kept,
        .status = statuses(im, node),
        .text = text[0] ? cfg_copy(text) : NULL,
        .interval_s = bounded_timespan(im, node, "interval", INTERVAL_MAX),
        .timeout_s = bounded_timespan(im, node, "timeout", TIMEOUT_MAX),
        .from = node,
    };
    iis_url_fini(&parts);
}

static void add_server(struct iis_import *im, struct iis_node *node, struct iis_upstream *upstream)
{
    const struct iis_node *routing = iis_child(node, "applicationRequestRouting");
    const char *port = iis_attr_or(routing, upstream->is_tls ? "httpsPort" : "httpPort", upstream->is_tls ? "443" : "80");
    char *authority = iis_format("%s:%s", iis_attr_or(node, "address", ""), port);
    char *endpoint = iis_url_endpoint(authority, upstream->is_tls);

    iis_attr(routing, upstream->is_tls ? "httpPort" : "httpsPort");
    iis_attr(routing, "weight");
    if (!iis_attr_bool(node, "enabled", true))
        iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "This server is switched off");
    else if (!endpoint)
        iis_note(&im->plan.notes, IIS_LOST, node, "Add it to the upstream's \"servers\"",
                 "The address \"%s\" can't be understood", authority);
    else if (upstream->servers.count == SERVERS_MAX)
        iis_note(&im->plan.notes, IIS_LOST, node, NULL, "georelay takes %d servers in one upstream", SERVERS_MAX);
    else
        iis_values_add(&upstream->servers, endpoint, node);
    free(authority);
    free(endpoint);
}

static void tell_balancing(struct iis_import *im, struct iis_node *farm, const struct iis_upstream *upstream)
{
    struct iis_node *routing = iis_child(farm, "applicationRequestRouting"), *node;
    static const char *const elements[] = {"loadBalancing", "affinity", NULL};

    for (size_t i = 0; elements[i]; i++) {
        node = iis_child(routing, elements[i]);
        if (node)
            iis_leave(im, node, "The first server that is up gets all requests");
    }
    if (upstream->servers.count > 1)
        iis_note(&im->plan.notes, IIS_LOST, farm, "Put the server that is to be preferred first",
                 "The farm's load is not spread: the first server that is up gets all requests");
}

/* A farm's own <protocol> counts for all that is forwarded: georelay has one setting for a door. */
static void read_farm(struct iis_import *im, struct iis_node *farm, struct iis_upstream *upstream)
{
    const struct iis_node *routing = iis_child(farm, "applicationRequestRouting"), *node;

    for (struct iis_node *server = iis_child(farm, "server"); server; server = iis_next(server, "server"))
        add_server(im, server, upstream);
    tell_balancing(im, farm, upstream);
    read_health(im, iis_child(routing, "healthCheck"), upstream);
    node = iis_child(routing, "protocol");
    if (node) {
        bool keeps_host = im->keeps_host;

        read_protocol(im, node);
        im->keeps_host = keeps_host;
    }
    if (iis_attr(node, "preserveHostHeader") && !iis_attr_bool(node, "preserveHostHeader", true)) {
        if (upstream->servers.count == 1)
            upstream->host = cfg_copy(upstream->servers.list[0].text);
        else
            iis_note(&im->plan.notes, IIS_LOST, node, "Write \"host\" into the upstream if the servers need one",
                     "Each server got its own name as Host; here it gets the client's");
    }
}

/* -- upstreams ------------------------------------------------------------------------------------------------------------- */

/* Gives a name that no upstream has yet. */
static char *free_name(const struct iis_import *im, const char *authority)
{
    char *base = iis_plan_name(authority, "servers"), *name = cfg_copy(base);

    for (unsigned n = 2;; n++) {
        size_t i = 0;

        while (i < im->plan.upstreams_count && strcmp(im->plan.upstreams[i].name, name) != 0)
            i++;
        if (i == im->plan.upstreams_count)
            break;
        free(name);
        name = iis_format("%s-%u", base, n);
    }
    free(base);
    return name;
}

static bool is_this_machine(const char *endpoint)
{
    return strncasecmp(endpoint, "localhost:", 10) == 0 || strncmp(endpoint, "127.", 4) == 0 ||
           strncmp(endpoint, "[::1]:", 6) == 0;
}

static void read_single(struct iis_import *im, const char *authority, const char *endpoint, const struct iis_node *from,
                        struct iis_upstream *upstream)
{
    iis_values_add(&upstream->servers, endpoint, from);
    if (!im->keeps_host)
        upstream->host = cfg_copy(authority);
    if (is_this_machine(endpoint))
        iis_note(&im->plan.notes, IIS_BY_HAND, from, "Write the server's address unless georelay runs beside it",
                 "%s is IIS's own machine", endpoint);
}

static bool fill(struct iis_import *im, struct iis_upstream *upstream, const char *authority, const struct iis_node *from,
                 const char **ret_why)
{
    struct iis_node *farm = find_farm(im, authority);
    char *endpoint = iis_url_endpoint(authority, upstream->is_tls);
    bool is_on = true;

    if (farm)
        is_on = iis_attr_bool(farm, "enabled", true);
    if (farm && is_on)
        read_farm(im, farm, upstream);
    else if (!farm && endpoint)
        read_single(im, authority, endpoint, from, upstream);
    *ret_why = NULL;
    if (!is_on)
        *ret_why = "names a server farm that is switched off";
    else if (farm && upstream->servers.count == 0)
        *ret_why = "names a server farm without servers";
    else if (upstream->servers.count == 0)
        *ret_why = "names neither a server farm nor a host that can be understood";
    free(endpoint);
    return *ret_why == NULL;
}

char *iis_upstream_key(bool is_tls, const char *authority)
{
    return iis_format("%s://%s", is_tls ? "https" : "http", authority);
}

int iis_upstream_of(struct iis_import *im, bool is_tls, const char *authority, const struct iis_node *from, const char **ret_why)
{
    char *key = iis_upstream_key(is_tls, authority);
    struct iis_upstream upstream = {.key = key, .is_tls = is_tls, .from = from};

    for (size_t i = 0; i < im->plan.upstreams_count; i++)
        if (strcasecmp(im->plan.upstreams[i].key, key) == 0) {
            free(key);
            return (int)i;
        }
    if (im->plan.upstreams_count >= UPSTREAMS_MAX || !fill(im, &upstream, authority, from, ret_why)) {
        if (im->plan.upstreams_count >= UPSTREAMS_MAX)
            *ret_why = "leads to one server more than georelay takes";
        iis_upstream_fini(&upstream);
        return -1;
    }
    upstream.name = free_name(im, authority);
    if (is_tls)
        iis_note(&im->plan.notes, IIS_BY_HAND, from,
                 "Write \"ca\" and \"server_name\" if the system's CAs don't know its certificate",
                 "The server %s is spoken to by TLS, and its certificate is verified", upstream.servers.list[0].text);
    im->plan.upstreams = cfg_grow(im->plan.upstreams, im->plan.upstreams_count, sizeof(*im->plan.upstreams));
    im->plan.upstreams[im->plan.upstreams_count] = upstream;
    return (int)im->plan.upstreams_count++;
}
