/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice of the site, where its settings stand, and its bindings. Caller's thread. */
#include "config/iis_parts.h"
#include "config/memory.h"
#include "config/values_http.h"

#include "proxy/base/address.h"

#include <stdlib.h>
#include <string.h>

void iis_nodes_add(struct iis_nodes *nodes, struct iis_node *node)
{
    nodes->list = cfg_grow(nodes->list, nodes->count, sizeof(*nodes->list));
    nodes->list[nodes->count++] = node;
}

struct iis_node *iis_section(const struct iis_import *im, size_t layer, const char *path)
{
    return iis_find(im->layers.list[layer], path);
}

/* -- the site -------------------------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct iis_node *site, const char *wanted)
{
    const char *name = iis_attr_or(site, "name", ""), *id = iis_attr_or(site, "id", "");

    return !wanted || strcasecmp(name, wanted) == 0 || strcmp(id, wanted) == 0;
}

static void print_choice(const struct iis_node *sites, FILE *err)
{
    for (const struct iis_node *site = iis_child(sites, "site"); site; site = iis_next(site, "site")) {
        char *name = iis_printable(iis_attr_or(site, "name", "?"));

        fprintf(err, "%s:%u: --site \"%s\"\n", site->file, site->line, name);
        free(name);
    }
}

static int find_site(struct iis_import *im, const char *wanted, FILE *err)
{
    struct iis_node *sites = iis_find(im->server, "system.applicationHost/sites");
    size_t count = 0;

    if (!iis_child(sites, "site")) {
        fprintf(err, "%s:1: There is no site in this file. Is it an applicationHost.config?\n", im->server->file);
        return -1;
    }
    for (struct iis_node *site = iis_child(sites, "site"); site; site = iis_next(site, "site"))
        if (is_wanted(site, wanted)) {
            im->site = site;
            count++;
        }
    if (count == 1)
        return 0;
    fprintf(err,
            wanted ? "%s: There is no one site of that name or number; choose one of:\n"
                   : "%s: There are several sites; say which one web.config belongs to:\n",
            im->server->file);
    print_choice(sites, err);
    return -1;
}

static void leave_other_sites(struct iis_import *im)
{
    struct iis_node *sites = iis_find(im->server, "system.applicationHost/sites");

    for (struct iis_node *site = iis_child(sites, "site"); site; site = iis_next(site, "site"))
        if (site != im->site) {
            iis_tell_all(site);
            iis_note(&im->plan.notes, IIS_LOST, site, "Import it with --site and its own web.config, and join the two files",
                     "Another site");
        }
}

/* -- layers ---------------------------------------------------------------------------------------------------------------- */

enum part { PART_ALL, PART_SITE, PART_SOME, PART_OTHER };

/* What a <location> of applicationHost.config is for. Its path begins with a site's name. */
static enum part server_part(const struct iis_import *im, const char *path)
{
    const char *name = iis_attr_or(im->site, "name", "");
    size_t length = strlen(name);

    if (path[0] == '\0' || strcmp(path, ".") == 0)
        return PART_ALL;
    if (strncasecmp(path, name, length) != 0 || (path[length] != '\0' && path[length] != '/'))
        return PART_OTHER;
    return path[length] == '\0' || path[length + 1] == '\0' ? PART_SITE : PART_SOME;
}

static void add_locations(struct iis_import *im, struct iis_node *root, bool is_server, enum part wanted)
{
    for (struct iis_node *node = iis_child(root, "location"); node; node = iis_next(node, "location")) {
        const char *path = iis_attr_or(node, "path", "");
        enum part part = PART_SOME;

        if (is_server)
            part = server_part(im, path);
        else if (path[0] == '\0' || strcmp(path, ".") == 0)
            part = PART_ALL;
        if (part == wanted)
            iis_nodes_add(part == PART_SOME ? &im->partly : &im->layers, node);
        if (part == PART_OTHER && wanted == PART_OTHER) {
            iis_tell_all(node);
            iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "Settings for another site");
        }
    }
}

int iis_site_find(struct iis_import *im, const char *wanted, FILE *err)
{
    im->web->is_told = true;
    if (im->server) {
        im->server->is_told = true;
        if (find_site(im, wanted, err) < 0)
            return -1;
        leave_other_sites(im);
        iis_nodes_add(&im->layers, im->server);
        for (enum part part = PART_ALL; part <= PART_OTHER; part++)
            add_locations(im, im->server, true, part);
    }
    iis_nodes_add(&im->layers, im->web);
    add_locations(im, im->web, false, PART_ALL);
    add_locations(im, im->web, false, PART_SOME);
    return 0;
}

/* -- bindings -------------------------------------------------------------------------------------------------------------- */

struct binding {
    struct iis_node *node;
    char *ip; /* "*", "10.0.0.5", "[::1]" */
    unsigned long port;
    const char *host; /* "": any */
    bool is_tls;
};

/* "*:443:scada.example.com". The address may hold colons, within brackets. */
static bool split_binding(struct iis_node *node, struct binding *ret)
{
    const char *information = iis_attr_or(node, "bindingInformation", "");
    const char *bracket = *information == '[' ? strchr(information, ']') : information;
    const char *first = bracket ? strchr(bracket, ':') : NULL, *second = first ? strchr(first + 1, ':') : NULL;
    char *port;
    bool is_good;

    if (!second)
        return false;
    port = iis_cut(first + 1, (size_t)(second - first) - 1);
    is_good = iis_number(port, 65535, &ret->port) && ret->port > 0;
    free(port);
    if (!is_good)
        return false;
    ret->node = node;
    ret->ip = iis_cut(information, (size_t)(first - information));
    ret->host = second + 1;
    ret->is_tls = strcmp(iis_attr_or(node, "protocol", ""), "https") == 0;
    return true;
}

static void add_address(struct iis_import *im, const struct binding *b, struct iis_values *values)
{
    char *text = iis_format("%s:%lu", strcmp(b->ip, "*") == 0 || b->ip[0] == '\0' ? "0.0.0.0" : b->ip, b->port);
    struct address address;

    if (address_parse_port(text, &address) < 0) {
        iis_note(&im->plan.notes, IIS_LOST, b->node, "Add the address to \"listen\"", "\"%s\" is no address", b->ip);
    } else if (address_is_any(&address) && b->ip[0] != '[') {
        iis_values_add(values, text, b->node);
        free(text);
        text = iis_format("[::]:%lu", b->port);
        iis_values_add(values, text, b->node);
    } else {
        iis_values_add(values, text, b->node);
    }
    free(text);
}

static void add_host(struct iis_import *im, const struct binding *b)
{
    char *kept = NULL;

    if (cfg_parse_host_pattern(NULL, b->host, NULL, &kept))
        iis_strings_add(&im->plan.hosts, b->host);
    else
        iis_note(&im->plan.notes, IIS_LOST, b->node, "Add a route with that host", "\"%s\" is no host name", b->host);
    free(kept);
}

static void read_certificate(struct iis_import *im, struct iis_node *node)
{
    const char *hash = iis_attr(node, "certificateHash");
    unsigned long flags = 0;

    iis_attr(node, "certificateStoreName");
    if (iis_number(iis_attr_or(node, "sslFlags", "0"), 65535, &flags) && (flags & 2))
        iis_note(&im->plan.notes, IIS_BY_HAND, node, "Take it from there", "The certificate lies in a central store (sslFlags)");
    if (!hash)
        hash = "(not said here: see \"netsh http show sslcert\" on IIS's machine)";
    iis_values_add(&im->plan.certificates, hash, node);
}

static void read_bindings(struct iis_import *im, struct iis_node *bindings)
{
    bool is_any_host = false;

    for (struct iis_node *node = iis_child(bindings, "binding"); node; node = iis_next(node, "binding")) {
        const char *protocol = iis_attr_or(node, "protocol", "");
        struct binding b = {0};

        if (strcmp(protocol, "http") != 0 && strcmp(protocol, "https") != 0) {
            iis_tell_all(node);
            iis_note(&im->plan.notes, IIS_LOST, node, NULL, "A binding for the protocol %s, which is not HTTP", protocol);
            continue;
        }
        if (!split_binding(node, &b)) {
            iis_tell_all(node);
            iis_note(&im->plan.notes, IIS_LOST, node, "Add the address to \"listen\" or \"plain\"",
                     "The binding can't be understood");
            continue;
        }
        add_address(im, &b, b.is_tls ? &im->plan.listen : &im->plan.plain);
        is_any_host |= b.host[0] == '\0';
        if (b.host[0] != '\0')
            add_host(im, &b);
        if (b.is_tls)
            read_certificate(im, node);
        else
            iis_attr(node, "sslFlags");
        free(b.ip);
    }
    if (is_any_host)
        iis_strings_fini(&im->plan.hosts);
}

static bool is_any(const char *text)
{
    return strncmp(text, "[::]:", 5) == 0 || strncmp(text, "0.0.0.0:", 8) == 0;
}

static bool is_covered(const struct iis_values *values, const char *text)
{
    const char *port = strrchr(text, ':');

    for (size_t i = 0; i < values->count; i++) {
        const char *other = values->list[i].text;

        if (strcmp(other, text) != 0 && is_any(other) && (other[0] == '[') == (text[0] == '[') &&
            strcmp(strrchr(other, ':'), port) == 0)
            return true;
    }
    return false;
}

/* 10.0.0.5:443 beside 0.0.0.0:443: one listener takes both. */
static void drop_covered(struct iis_values *values)
{
    for (size_t i = 0; i < values->count;) {
        if (!is_covered(values, values->list[i].text)) {
            i++;
            continue;
        }
        free(values->list[i].text);
        memmove(&values->list[i], &values->list[i + 1], (values->count - i - 1) * sizeof(*values->list));
        values->count--;
    }
}

static void tell_addresses(struct iis_import *im, const struct iis_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        if (!is_any(values->list[i].text))
            iis_note(&im->plan.notes, IIS_BY_HAND, values->list[i].from, "Write the address that georelay's machine has",
                     "%s is an address of IIS's machine", values->list[i].text);
}

void iis_site_hsts(struct iis_import *im)
{
    struct iis_node *hsts = im->site ? iis_child(im->site, "hsts") : NULL;
    unsigned long seconds = 0;
    char *value;

    if (!hsts || !iis_attr_bool(hsts, "enabled", false)) {
        if (hsts)
            iis_leave(im, hsts, "It is switched off");
        return;
    }
    if (!iis_number(iis_attr_or(hsts, "max-age", "0"), 4294967295UL, &seconds))
        iis_note(&im->plan.notes, IIS_LOST, hsts, "Write \"hsts\"", "max-age is no number");
    value = iis_format("max-age=%lu%s%s", seconds, iis_attr_bool(hsts, "includeSubDomains", false) ? "; includeSubDomains" : "",
                       iis_attr_bool(hsts, "preload", false) ? "; preload" : "");
    iis_hsts_take(&im->plan, value, hsts);
    free(value);
    if (iis_attr_bool(hsts, "redirectHttpToHttps", false))
        im->plan.redirect_rule = hsts;
}

void iis_site_read(struct iis_import *im)
{
    im->plan.site = im->site;
    if (!im->site) {
        im->plan.name = cfg_copy("main");
        return;
    }
    im->plan.name = iis_plan_name(iis_attr_or(im->site, "name", ""), "main");
    read_bindings(im, iis_child(im->site, "bindings"));
    drop_covered(&im->plan.listen);
    drop_covered(&im->plan.plain);
    tell_addresses(im, &im->plan.listen);
    tell_addresses(im, &im->plan.plain);
    if (!iis_attr_bool(im->site, "serverAutoStart", true))
        iis_note(&im->plan.notes, IIS_LOST, im->site, NULL, "IIS did not start this site by itself (serverAutoStart)");
}
