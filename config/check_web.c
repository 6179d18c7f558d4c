/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on web doors: ways in, certificates, header fields, cookies. Caller's thread. */
#include "config/check_rules.h"

#include <string.h>

/*
 * Fields that belong to one connection or frame its messages (RFC 9110 7.6.1, 11.7, RFC 9112 6): georelay writes them itself, or
 * nobody does. The names that are reserved in proxy/http/field_kind.c, but for Host, and Trailer.
 */
static const char *const own_fields[] = {"Connection",
                                         "Content-Length",
                                         "Expect",
                                         "HTTP2-Settings",
                                         "Keep-Alive",
                                         "Proxy",
                                         "Proxy-Authenticate",
                                         "Proxy-Authentication-Info",
                                         "Proxy-Authorization",
                                         "Proxy-Connection",
                                         "TE",
                                         "Trailer",
                                         "Transfer-Encoding",
                                         "Upgrade",
                                         NULL};

const char *check_door_name(const struct cfg_web *web)
{
    return web->name ? web->name : "?";
}

/* True if a list is empty, and not because its entries could not be read. */
static bool is_missing(const struct check *c, size_t count, unsigned line)
{
    return count == 0 && (line == 0 || !c->cfg->is_partial);
}

static void check_ways_in(const struct check *c, const struct cfg_web *web)
{
    bool has_no_tls = is_missing(c, web->listen_count, web->listen_line);

    if (has_no_tls && web->mode == CFG_WEB_TCP)
        check_report(c, web->line, "Add for example: listen = ( \"0.0.0.0:443\" );", "\"listen\" is missing in this web door");
    else if (has_no_tls && is_missing(c, web->plain_count, web->plain_line))
        check_report(c, web->line, "Add for example: listen = ( \"0.0.0.0:443\" );",
                     "The web door \"%s\" has no address: it needs \"listen\" or \"plain\"", check_door_name(web));
    if (has_no_tls && web->mode == CFG_WEB_HTTP && web->redirect_from_count > 0)
        check_report(c, web->redirect_from[0].line, "Add \"listen\", or remove \"redirect_from\"",
                     "The web door \"%s\" sends browsers on to https, but has no \"listen\" for them", check_door_name(web));
}

static void check_own_certificates(const struct check *c, const struct cfg_web *web)
{
    bool is_plain_only = !is_missing(c, web->plain_count, web->plain_line) && is_missing(c, web->listen_count, web->listen_line);

    if (!is_plain_only && is_missing(c, web->certificates_count, web->certificates_line))
        check_report(c, web->line, "Add for example: certificates = ( { chain = \"web.crt\"; key = \"web.key\"; } );",
                     "\"certificates\" is missing in this web door");
    if (is_plain_only && web->certificates_count > 0)
        check_report(c, web->certificates_line, "Add \"listen\", or remove \"certificates\"",
                     "The web door \"%s\" has certificates, but no \"listen\" that uses them", check_door_name(web));
}

static void check_client_certificates(const struct check *c, const struct cfg_web *web)
{
    bool is_on = web->client_certificate != CFG_CLIENT_CERT_OFF;

    if (is_on && web->client_ca_line == 0)
        check_report(c, web->client_certificate_line, "Add for example: client_ca = \"clients.crt\";",
                     "\"client_certificate\" needs \"client_ca\", which says whose certificates are good");
    if (!is_on && web->client_ca_line > 0 && !c->cfg->is_partial)
        check_report(c, web->client_ca_line, "Add client_certificate = \"required\" or \"optional\", or remove \"client_ca\"",
                     "\"client_ca\" is not used: no certificates are asked for");
    if (is_on && is_missing(c, web->listen_count, web->listen_line))
        check_report(c, web->client_certificate_line, "Add \"listen\", or remove it",
                     "Browsers can show a certificate over TLS only, but the web door \"%s\" has no \"listen\"",
                     check_door_name(web));
    else if (web->client_certificate == CFG_CLIENT_CERT_REQUIRED && web->plain_count > 0)
        check_report(c, web->client_certificate_line, "Remove \"plain\", or give it a web door of its own",
                     "The web door \"%s\" requires certificates, but lets everybody in through \"plain\"", check_door_name(web));
}

static bool is_own_field(const char *name)
{
    for (size_t i = 0; own_fields[i]; i++)
        if (strcasecmp(own_fields[i], name) == 0)
            return true;
    return false;
}

/* `of` is "request" or "response". */
static void check_field_name(const struct check *c, const char *of, const char *name, unsigned line)
{
    if (!name)
        return;
    if (is_own_field(name))
        check_report(c, line, "Remove it",
                     "The field \"%s\" can't be set or removed: it belongs to one connection, and georelay itself writes it or "
                     "leaves it out",
                     name);
    else if (strcmp(of, "request") == 0 && strcasecmp(name, "Host") == 0)
        check_report(c, line, "Write \"host\" in \"upstream\" or \"upstreams\"",
                     "The field \"Host\" can't be set or removed here");
}

struct field_rules {
    const char *of; /* "request" or "response" */
    const struct cfg_field *set;
    size_t set_count;
    const struct cfg_string *remove;
    size_t remove_count;
};

static bool same_field(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) == 0;
}

static bool is_set(const struct field_rules *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (same_field(rules->set[i].name, name))
            return true;
    return false;
}

static bool is_removed(const struct field_rules *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (same_field(rules->remove[i].text, name))
            return true;
    return false;
}

static void check_fields(const struct check *c, const struct field_rules *rules)
{
    for (size_t i = 0; i < rules->set_count; i++) {
        const struct cfg_field *field = &rules->set[i];

        check_field_name(c, rules->of, field->name, field->line);
        if (is_set(rules, i, field->name))
            check_report(c, field->line, "Remove one", "\"%s_set\" has the field \"%s\" twice", rules->of, field->name);
    }
    for (size_t i = 0; i < rules->remove_count; i++) {
        const struct cfg_string *name = &rules->remove[i];

        check_field_name(c, rules->of, name->text, name->line);
        if (is_removed(rules, i, name->text))
            check_report(c, name->line, "Remove one", "\"%s_remove\" has the field \"%s\" twice", rules->of, name->text);
        if (is_set(rules, rules->set_count, name->text))
            check_report(c, name->line, "Setting a field replaces it: remove it here",
                         "The field \"%s\" stands in \"%s_set\" and in \"%s_remove\"", name->text, rules->of, rules->of);
    }
}

static void check_all_fields(const struct check *c, const struct cfg_web *web)
{
    const struct field_rules request = {"request", web->request_set, web->request_set_count, web->request_remove,
                                        web->request_remove_count};
    const struct field_rules response = {"response", web->response_set, web->response_set_count, web->response_remove,
                                         web->response_remove_count};

    check_fields(c, &request);
    check_fields(c, &response);
}

/* Browsers drop a cookie with SameSite=None that is not Secure, and an order to use TLS that did not come over TLS. */
static void check_browser_orders(const struct check *c, const struct cfg_web *web)
{
    bool adds_secure =
        web->cookie_secure == CFG_COOKIE_SECURE_ALWAYS || (web->cookie_secure == CFG_COOKIE_SECURE_AUTO && web->plain_line == 0);

    if (web->cookie_same_site == CFG_COOKIE_SAME_SITE_NONE && !adds_secure)
        check_report(
            c, web->cookie_same_site_line, "Write cookie_secure = \"always\", or another cookie_same_site",
            "Browsers take cookies with SameSite=None only if they are Secure, which cookies of the web door \"%s\" are not",
            check_door_name(web));
    if (web->hsts_s > 0 && is_missing(c, web->listen_count, web->listen_line))
        check_report(c, web->hsts_line, "Add \"listen\", or remove it",
                     "Browsers take \"hsts\" over TLS only, but the web door \"%s\" has no \"listen\"", check_door_name(web));
}

static void check_door(const struct check *c, const struct cfg_web *web)
{
    check_ways_in(c, web);
    check_own_certificates(c, web);
    check_routes(c, web);
    if (web->mode == CFG_WEB_TCP)
        return;
    check_client_certificates(c, web);
    check_all_fields(c, web);
    check_browser_orders(c, web);
}

static void check_access(const struct check *c)
{
    const struct cfg_access *access = &c->cfg->access;
    const char *log = c->cfg->log.file;

    if (access->format == CFG_ACCESS_W3C && access->file_line == 0)
        check_report(c, access->format_line, "Add for example: file = \"/var/log/georelay/access.log\";",
                     "Format \"w3c\" needs a file of its own");
    if (access->file && log && strcmp(access->file, log) == 0)
        check_report(c, access->file_line, "Name another file, or remove it: then the lines go to the log",
                     "%s is the log's file too", access->file);
}

void check_web(const struct check *c)
{
    for (size_t i = 0; i < c->cfg->web_count; i++)
        check_door(c, &c->cfg->web[i]);
    check_access(c);
}
