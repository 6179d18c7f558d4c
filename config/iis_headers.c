/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what IIS put into responses by itself: header fields, HSTS, redirects of a whole site; and WebSockets. Caller's thread. */
#include "config/iis_parts.h"
#include "config/memory.h"
#include "config/values_http.h"

#include <stdlib.h>
#include <string.h>

#define HSTS_FIELD "Strict-Transport-Security"

enum { HSTS_MAX = 63072000 };

/* Written by georelay itself for each connection, as in config/check_web.c. */
static const char *const own_fields[] = {"Connection", "Content-Length",    "Expect",  "Keep-Alive", "Proxy-Connection", "TE",
                                         "Trailer",    "Transfer-Encoding", "Upgrade", NULL};

bool iis_is_own_field(const char *name)
{
    for (size_t i = 0; own_fields[i]; i++)
        if (strcasecmp(own_fields[i], name) == 0)
            return true;
    return false;
}

/* RFC 6797 6.1: "max-age=31536000" alone, perhaps in quotes. */
static bool is_max_age_alone(const char *value, unsigned long *ret)
{
    char *number;
    bool is_good;

    if (strncasecmp(value, "max-age=", 8) != 0)
        return false;
    number = iis_replace(value + 8, "\"", "");
    is_good = iis_number(number, HSTS_MAX, ret) && *ret > 0;
    free(number);
    return is_good;
}

void iis_hsts_take(struct iis_plan *plan, const char *value, const struct iis_node *from)
{
    unsigned long seconds;

    if (is_max_age_alone(value, &seconds)) {
        plan->hsts = (struct iis_number){(long)seconds, from};
        iis_fields_forget(&plan->response, HSTS_FIELD);
        return;
    }
    plan->hsts = (struct iis_number){-1, NULL};
    iis_fields_set(&plan->response, HSTS_FIELD, value, from);
}

/* -- custom headers -------------------------------------------------------------------------------------------------------- */

static bool is_good_field(struct iis_import *im, const struct iis_node *node, const char *name, const char *value)
{
    char *kept_name = NULL, *kept_value = NULL;
    bool is_good = cfg_parse_field_name(NULL, name, NULL, &kept_name) && cfg_parse_field_value(NULL, value, NULL, &kept_value);

    free(kept_name);
    free(kept_value);
    if (!is_good)
        iis_note(&im->plan.notes, IIS_LOST, node, NULL, "Name or value are no header field");
    else if (iis_is_own_field(name))
        iis_note(&im->plan.notes, IIS_LOST, node, NULL, "georelay itself writes this field for each connection");
    return is_good && !iis_is_own_field(name);
}

static void add_header(struct iis_import *im, const struct iis_node *node)
{
    const char *name = iis_attr_or(node, "name", ""), *value = iis_attr_or(node, "value", "");

    if (!is_good_field(im, node, name, value))
        return;
    if (strcasecmp(name, "X-Powered-By") == 0)
        iis_note(&im->plan.notes, IIS_NEEDLESS, node, NULL, "It says which program answers, which is georelay now");
    else if (strcasecmp(name, HSTS_FIELD) == 0)
        iis_hsts_take(&im->plan, value, node);
    else
        iis_fields_set(&im->plan.response, name, value, node);
}

static void remove_header(struct iis_import *im, const struct iis_node *node)
{
    const char *name = iis_attr_or(node, "name", "");

    if (!is_good_field(im, node, name, ""))
        return;
    iis_fields_set(&im->plan.response, name, NULL, node);
    if (strcasecmp(name, HSTS_FIELD) == 0)
        im->plan.hsts = (struct iis_number){-1, NULL};
}

/* Headers that outer layers added; what they removed stays removed. */
static void clear_headers(struct iis_plan *plan)
{
    for (size_t i = plan->response.count; i-- > 0;)
        if (plan->response.list[i].value)
            iis_fields_forget(&plan->response, plan->response.list[i].name);
    plan->hsts = (struct iis_number){-1, NULL};
}

static void read_custom_headers(struct iis_import *im, struct iis_node *headers)
{
    for (struct iis_node *node = headers ? headers->first : NULL; node; node = node->next) {
        if (strcmp(node->name, "add") == 0)
            add_header(im, node);
        else if (strcmp(node->name, "remove") == 0)
            remove_header(im, node);
        else if (strcmp(node->name, "clear") == 0)
            clear_headers(&im->plan);
        else
            continue;
        node->is_told = true;
    }
}

/* -- redirects and WebSockets ---------------------------------------------------------------------------------------------- */

/* A site without TLS that sends everybody to https is the plain half of this one. */
static void read_redirect(struct iis_import *im, struct iis_node *node)
{
    const char *destination = iis_attr_or(node, "destination", "");
    bool is_plain_only = im->plan.plain.count > 0 && im->plan.listen.count == 0;

    if (!iis_attr_bool(node, "enabled", false)) {
        iis_leave(im, node, "It is switched off");
        return;
    }
    iis_tell_all(node);
    if (is_plain_only && strncasecmp(destination, "https://", 8) == 0)
        im->plan.redirect_rule = node;
    else
        iis_note(&im->plan.notes, IIS_LOST, node, "Let the server answer so",
                 "IIS answered with a redirect to %s; georelay has no redirects but from http to https", destination);
}

static void read_web_socket(struct iis_import *im, struct iis_node *node)
{
    if (iis_attr_bool(node, "enabled", true))
        iis_leave(im, node, "georelay passes WebSockets on");
    else
        iis_note(&im->plan.notes, IIS_WEAKER, node,
                 "Write request_remove = ( \"Sec-WebSocket-Key\" ); and the server refuses them",
                 "WebSockets were switched off; georelay passes them on");
    iis_tell_all(node);
}

void iis_headers_read(struct iis_import *im)
{
    for (size_t i = 0; i < im->layers.count; i++) {
        struct iis_node *redirect = iis_section(im, i, "system.webServer/httpRedirect");
        struct iis_node *sockets = iis_section(im, i, "system.webServer/webSocket");

        read_custom_headers(im, iis_section(im, i, "system.webServer/httpProtocol/customHeaders"));
        if (redirect)
            read_redirect(im, redirect);
        if (sockets)
            read_web_socket(im, sockets);
    }
}
