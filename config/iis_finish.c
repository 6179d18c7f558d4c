/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what depends on everything that was read: addresses, the allow-list, requests that no rule forwards. Caller's thread. */
#include "config/iis_parts.h"
#include "config/iis_routes.h"
#include "config/memory.h"

#include <stdlib.h>
#include <string.h>

static void clear(struct iis_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free(values->list[i].text);
    free(values->list);
    *values = (struct iis_values){0};
}

static void assume(struct iis_values *values, const char *port, const struct iis_node *from)
{
    char *text = iis_format("0.0.0.0:%s", port);

    iis_values_add(values, text, from);
    free(text);
    text = iis_format("[::]:%s", port);
    iis_values_add(values, text, from);
    free(text);
}

/* web.config alone does not say where IIS listened; TLS is what nobody can be hurt by. */
static void assume_addresses(struct iis_import *im)
{
    struct iis_plan *plan = &im->plan;

    if (!im->server) {
        assume(&plan->listen, "443", NULL);
        iis_note(&plan->notes, IIS_BY_HAND, NULL, "Give applicationHost.config too, or look at \"listen\"",
                 "web.config does not say where IIS listened; port 443 is assumed, and port 80 if a rule sends browsers from "
                 "there to https");
    } else if (plan->listen.count == 0 && plan->redirect_rule) {
        assume(&plan->listen, "443", plan->redirect_rule);
        iis_note(&plan->notes, IIS_BY_HAND, plan->redirect_rule, "Look at \"listen\"",
                 "Browsers are sent to https, but this site has no binding for it; port 443 is assumed");
    }
    if (!im->server && plan->redirect_rule)
        assume(&plan->redirect, "80", plan->redirect_rule);
}

/* The files that the configuration names must be made. */
static void tell_certificates(struct iis_plan *plan)
{
    for (size_t i = 0; i < plan->certificates.count; i++) {
        const struct iis_value *certificate = &plan->certificates.list[i];
        char *suffix = i > 0 ? iis_format("-%zu", i + 1) : cfg_copy("");
        char *remedy =
            iis_format("Write certificate and key as PEM into /etc/georelay/web%s.crt and /etc/georelay/web%s.key, or make new "
                       "ones with \"georelay pki web HOST\"",
                       suffix, suffix);

        iis_note(&plan->notes, IIS_BY_HAND, certificate->from, remedy, "Export the certificate %s with its key",
                 certificate->text[0] ? certificate->text : "of the site");
        free(suffix);
        free(remedy);
    }
}

/* Addresses without TLS: the site itself, a redirect, or nothing. */
static void settle_plain(struct iis_import *im)
{
    struct iis_plan *plan = &im->plan;

    if (plan->plain.count > 0 && plan->redirect_rule) {
        plan->redirect = plan->plain;
        plan->plain = (struct iis_values){0};
    } else if (plan->plain.count > 0 && plan->needs_tls) {
        iis_note(&plan->notes, IIS_LOST, plan->needs_tls, "Write them into \"redirect_from\" to send browsers on to https",
                 "Requests without TLS were refused or not forwarded; georelay does not listen on the addresses without TLS");
        clear(&plan->plain);
    }
    if (plan->listen.count == 0 && plan->plain.count == 0)
        assume(&plan->listen, "443", NULL);
    if (plan->listen.count > 0 && plan->certificates.count == 0)
        iis_values_add(&plan->certificates, "", NULL);
    if (plan->listen.count > 0)
        tell_certificates(plan);
}

/* Orders to browsers that only TLS can carry. */
static void settle_hsts(struct iis_plan *plan)
{
    if (plan->listen.count > 0 || plan->hsts.value < 0)
        return;
    iis_note(&plan->notes, IIS_LOST, plan->hsts.from, NULL, "Browsers take HSTS over TLS only, and this site has none");
    plan->hsts = (struct iis_number){-1, NULL};
}

static void settle_client_certificate(struct iis_plan *plan)
{
    if (!plan->client_certificate || plan->listen.count > 0)
        return;
    iis_plan_close(plan, plan->client_certificate_from, "Add \"listen\"",
                   "Browsers were to show a certificate, but this site has no address with TLS");
    plan->client_certificate = NULL;
}

static void settle_same_site(struct iis_plan *plan)
{
    bool is_secure = plan->secure || plan->plain.count == 0;

    if (!plan->same_site || strcmp(plan->same_site_value, "none") != 0 || is_secure)
        return;
    iis_note(&plan->notes, IIS_LOST, plan->same_site, "Write cookie_secure = \"always\" with it",
             "Browsers take cookies with SameSite=None only if they are Secure, which these are not");
    plan->same_site = NULL;
}

/*
 * IIS answered by itself what no rule forwarded. Here that is refused: by the allow-list where paths alone tell; else it goes to
 * nobody.
 */
static void settle_allow(struct iis_plan *plan)
{
    struct iis_values paths = {0};
    bool is_by_path = plan->allow.count == 0;

    for (size_t i = 0; i < plan->claims_count; i++) {
        const struct iis_route *claim = &plan->claims[i];

        is_by_path &= strcmp(claim->path, "/") != 0 || plan->upstreams[claim->upstream].is_closed;
        if (!plan->upstreams[claim->upstream].is_closed)
            iis_values_add(&paths, claim->path, claim->from);
    }
    if (is_by_path && paths.count > 0)
        plan->allow = paths;
    else
        clear(&paths);
}

/* -- what georelay's lists hold (config/settings.c) ------------------------------------------------------------------------ */

enum { LISTENS_MAX = 64, PLAIN_MAX = 16, CERTIFICATES_MAX = 64, ALLOW_MAX = 256, FIELDS_MAX = 64, METHODS_MAX = 32 };

static void tell_too_many(struct iis_plan *plan, const struct iis_node *from, const char *what, size_t max)
{
    iis_note(&plan->notes, IIS_LOST, from, "Look at what is missing", "georelay takes %zu %s; those behind it are left out", max,
             what);
}

static void bound(struct iis_plan *plan, struct iis_values *values, const char *what, size_t max)
{
    if (values->count <= max)
        return;
    tell_too_many(plan, values->list[max].from, what, max);
    while (values->count > max)
        free(values->list[--values->count].text);
}

static void bound_fields(struct iis_plan *plan, struct iis_fields *fields)
{
    if (fields->count <= FIELDS_MAX)
        return;
    tell_too_many(plan, fields->list[FIELDS_MAX].from, "header fields", FIELDS_MAX);
    while (fields->count > FIELDS_MAX)
        iis_fields_forget(fields, fields->list[fields->count - 1].name);
}

static void bound_all(struct iis_plan *plan)
{
    bound(plan, &plan->listen, "addresses with TLS", LISTENS_MAX);
    bound(plan, &plan->plain, "addresses without TLS", PLAIN_MAX);
    bound(plan, &plan->certificates, "certificates", CERTIFICATES_MAX);
    bound_fields(plan, &plan->request);
    bound_fields(plan, &plan->response);
    if (plan->methods.count > METHODS_MAX)
        tell_too_many(plan, plan->methods_from, "methods", METHODS_MAX);
    while (plan->methods.count > METHODS_MAX)
        free(plan->methods.list[--plan->methods.count]);
}

static void settle_request_fields(struct iis_import *im)
{
    if (im->plan.request.count > 0 && im->forwards > 1)
        iis_note(&im->plan.notes, IIS_LOST, im->plan.request.list[0].from, "Look whether the others mind",
                 "The field was for one rule; \"request_set\" and \"request_remove\" are for all servers");
}

/* True if requests of a rule that was lost would now go to another server, by this rule behind it. */
static bool is_led_astray(const struct iis_plan *plan, const struct iis_lost *lost, const struct iis_route *claim)
{
    const struct iis_upstream *upstream = &plan->upstreams[claim->upstream];

    if (upstream->is_closed || (lost->key && strcasecmp(lost->key, upstream->key) == 0))
        return false;
    return !lost->path || iis_path_covers(claim->path, lost->path) || iis_path_covers(lost->path, claim->path);
}

static void settle_lost(struct iis_plan *plan)
{
    for (size_t i = 0; i < plan->lost_count; i++) {
        const struct iis_lost *lost = &plan->lost[i];
        bool is_astray = false;

        for (size_t j = lost->before; j < plan->claims_count; j++)
            is_astray |= is_led_astray(plan, lost, &plan->claims[j]);
        if (is_astray && !(lost->is_plain && plan->plain.count == 0))
            iis_plan_close(
                plan, lost->from, "Write routes for what it does",
                "IIS forwarded some requests by this rule, which is not carried over; rules behind it would send them to "
                "another server");
    }
}

void iis_finish(struct iis_import *im)
{
    bound_all(&im->plan);
    assume_addresses(im);
    settle_plain(im);
    settle_hsts(&im->plan);
    settle_client_certificate(&im->plan);
    settle_same_site(&im->plan);
    settle_request_fields(im);
    settle_lost(&im->plan);
    settle_allow(&im->plan);
    iis_routes_make(&im->plan);
    bound(&im->plan, &im->plan.allow, "paths in \"allow\"", ALLOW_MAX);
    if (im->plan.lost_count > 0 && im->forwards == 0)
        iis_note(&im->plan.notes, IIS_LOST, im->plan.lost[0].from, "Write \"servers\" or \"routes\" yourself",
                 "No rule that forwards could be carried over, so nothing is forwarded");
}
