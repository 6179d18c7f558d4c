/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the part of the plan that is about web doors. Caller's thread. */
#include "config/print_rules.h"

static const char *const tls_titles[] = {[CFG_TLS_INTERMEDIATE] = "TLS 1.2 and 1.3", [CFG_TLS_MODERN] = "TLS 1.3"};

static void print_web_listeners(const struct cfg *cfg, const struct cfg_web *web, FILE *out)
{
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < web->listen_count; i++) {
        const struct address *address = &web->listen[i].address;
        bool is_shared = print_has_listener(cfg->tunnel.listen, cfg->tunnel.listen_count, address);

        fprintf(out, "listen %s for the web door \"%s\"%s%s\n", address_format(address, text), web->name,
                is_shared ? " and for agents" : "", address_port(address) == 0 ? ", on a port that the system chooses" : "");
    }
    print_listeners(web->plain, web->plain_count, "plain web door", web->name, out);
    print_listeners(web->redirect_from, web->redirect_from_count, "redirect to the web door", web->name, out);
}

static void print_health(const struct cfg_health *health, FILE *out)
{
    fprintf(out, "    each %ld s asked for %s: well with status %s", health->interval_s, health->path, health->status.text);
    if (health->text)
        fprintf(out, " and the text \"%s\"", health->text);
    fputc('\n', out);
}

static void print_upstream(const struct cfg_upstream *upstream, FILE *out)
{
    if (upstream->tls != CFG_UPSTREAM_TLS_OFF)
        fprintf(out, " over TLS%s", upstream->tls == CFG_UPSTREAM_TLS_UNVERIFIED ? " without verification" : "");
    fputs(" to ", out);
    print_endpoints(upstream->servers, upstream->servers_count, out);
    if (upstream->health.line > 0)
        print_health(&upstream->health, out);
}

static void print_route(const struct cfg_route *route, FILE *out)
{
    fprintf(out, "  requests for %s%s", route->host ? route->host : "", route->path);
    if (route->replace)
        fprintf(out, ", as %s,", route->replace);
    print_upstream(route->to, out);
    print_admission(&route->admission, "    ", out);
}

static void print_allow(const struct cfg_allow *allow, FILE *out)
{
    fputs("  let through ", out);
    if (allow->methods_count == 0)
        fputs("every method", out);
    for (size_t i = 0; i < allow->methods_count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", allow->methods[i].text);
    fprintf(out, " for %s\n", allow->path);
}

static void print_door_certificates(const struct cfg_web *web, FILE *out)
{
    for (size_t i = 0; i < web->certificates_count; i++)
        fprintf(out, "  certificate %s, key %s\n", web->certificates[i].chain, web->certificates[i].key);
    if (web->client_certificate != CFG_CLIENT_CERT_OFF)
        fprintf(out, "  browsers %s show a certificate of %s\n",
                web->client_certificate == CFG_CLIENT_CERT_REQUIRED ? "must" : "may", web->client_ca);
}

void print_web(const struct cfg *cfg, const struct cfg_web *web, FILE *out)
{
    print_web_listeners(cfg, web, out);
    print_admission(&web->admission, "  ", out);
    if (web->listen_count > 0)
        fprintf(out, "  %s, then %s", tls_titles[web->tls], web->mode == CFG_WEB_TCP ? "every byte" : "HTTP");
    else
        fputs("  HTTP", out);
    if (web->upstream.servers_count > 0)
        print_upstream(&web->upstream, out);
    else
        fputs(" as routes say\n", out);
    for (size_t i = 0; i < web->routes_count; i++)
        print_route(&web->routes[i], out);
    for (size_t i = 0; i < web->allow_count; i++)
        print_allow(&web->allow[i], out);
    print_door_certificates(web, out);
}
