/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the text of the configuration that an import gives: libconfig, with a comment on where each line came from. Caller's
 * thread. */
#include "config/iis_parts.h"
#include "config/memory.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CLOSED_PATH "/closed-until-somebody-has-decided"

enum { COMMENT_COLUMN = 64, NOTES_BYTES = 400000 };

struct writer {
    struct iis_plan *plan;
    FILE *out;
    char *line; /* what is written of the present line, and its length */
    size_t length;
    FILE *memory;
    size_t standard; /* the upstream of `servers` */
};

/* -- lines ----------------------------------------------------------------------------------------------------------------- */

static void begin(struct writer *w)
{
    w->memory = open_memstream(&w->line, &w->length);
    if (!w->memory)
        abort();
}

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct writer *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(w->memory, format, args);
    va_end(args);
}

/* A text in quotes. Bytes beyond ASCII are UTF-8 and stay. */
static void put_text(struct writer *w, const char *text)
{
    fputc('"', w->memory);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < ' ' || c == 0x7f)
            fprintf(w->memory, "\\x%02x", c);
        else
            fprintf(w->memory, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    fputc('"', w->memory);
}

static const char *name_of(const struct iis_node *node)
{
    for (size_t i = 0; i < node->attributes_count; i++)
        if (strcmp(node->attributes[i].name, "name") == 0 || strcmp(node->attributes[i].name, "key") == 0)
            return node->attributes[i].value;
    return NULL;
}

/* " web.config:7: rule "All"", and then what is to be said about it. Either may be NULL. */
static void write_origin(struct writer *w, const struct iis_node *from, const char *about)
{
    if (from) {
        const char *name = name_of(from);
        char *file = iis_printable(from->file), *text = iis_printable(name ? name : "");

        fprintf(w->out, " %s:%u: %s%s%.100s%s", file, from->line, from->name, name ? " \"" : "", text, name ? "\"" : "");
        free(file);
        free(text);
    }
    if (about)
        fprintf(w->out, "%s %s", from ? ":" : "", about);
}

/* Ends the line with where it came from. */
static void end(struct writer *w, const struct iis_node *from, const char *about)
{
    fclose(w->memory);
    fputs(w->line, w->out);
    if (from || about)
        fprintf(w->out, "%*s#", w->length < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - w->length) : 1, "");
    write_origin(w, from, about);
    fputc('\n', w->out);
    free(w->line);
}

static void line(struct writer *w, const struct iis_node *from, const char *about, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void line(struct writer *w, const struct iis_node *from, const char *about, const char *format, ...)
{
    va_list args;

    begin(w);
    va_start(args, format);
    vfprintf(w->memory, format, args);
    va_end(args);
    end(w, from, about);
}

/* -- ways in --------------------------------------------------------------------------------------------------------------- */

/* One address a line: each may come from another binding. */
static void write_addresses(struct writer *w, const char *name, const struct iis_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        begin(w);
        if (i == 0)
            put(w, "    %s = ( ", name);
        else
            put(w, "    %*s", (int)strlen(name) + 5, "");
        put_text(w, values->list[i].text);
        put(w, i + 1 < values->count ? "," : " );");
        end(w, values->list[i].from, values->list[i].from ? NULL : "assumed: web.config does not say it");
    }
}

static void write_certificates(struct writer *w)
{
    const struct iis_values *certificates = &w->plan->certificates;

    for (size_t i = 0; i < certificates->count && w->plan->listen.count > 0; i++) {
        char *suffix = i > 0 ? iis_format("-%zu", i + 1) : cfg_copy("");
        char *about = iis_printable(certificates->list[i].text), *hash = iis_format("certificate %.100s", about);

        line(w, certificates->list[i].from, about[0] ? hash : "by hand",
             "%s{ chain = \"/etc/georelay/web%s.crt\"; key = \"/etc/georelay/web%s.key\"; }%s",
             i == 0 ? "    certificates = ( " : "      ", suffix, suffix, i + 1 < certificates->count ? "," : " );");
        free(suffix);
        free(about);
        free(hash);
    }
}

static void write_ways_in(struct writer *w)
{
    const struct iis_plan *plan = w->plan;

    line(w, plan->site, NULL, "    name = \"%s\";", plan->name);
    write_addresses(w, "listen", &plan->listen);
    write_addresses(w, "plain", &plan->plain);
    if (plan->redirect.count > 0) {
        fputs("    # From http to https:", w->out);
        write_origin(w, plan->redirect_rule, NULL);
        fputc('\n', w->out);
    }
    write_addresses(w, "redirect_from", &plan->redirect);
    write_certificates(w);
    if (plan->client_certificate) {
        line(w, plan->client_certificate_from, NULL, "    client_certificate = \"%s\";", plan->client_certificate);
        line(w, NULL, "by hand: the CAs that may issue them", "    client_ca = \"/etc/georelay/clients.crt\";");
    }
}

/* -- upstreams and routes -------------------------------------------------------------------------------------------------- */

static void put_servers(struct writer *w, const struct iis_upstream *upstream)
{
    put(w, "servers = ( ");
    for (size_t i = 0; i < upstream->servers.count; i++) {
        put(w, i > 0 ? ", " : "");
        put_text(w, upstream->servers.list[i].text);
    }
    put(w, " );");
}

static void write_health(struct writer *w, const char *indent, const struct iis_health *health)
{
    begin(w);
    put(w, "%shealth = { path = ", indent);
    put_text(w, health->path);
    put(w, "; interval = %ld; timeout = %ld; status = \"%s\"; rise = 1; fall = 1;", health->interval_s, health->timeout_s,
        health->status);
    if (health->text) {
        put(w, " text = ");
        put_text(w, health->text);
        put(w, ";");
    }
    put(w, " };");
    end(w, health->from, NULL);
}

static bool has_settings(const struct iis_upstream *upstream)
{
    return upstream->is_tls || upstream->host || upstream->health.path;
}

static void write_settings(struct writer *w, const char *indent, const struct iis_upstream *upstream)
{
    if (upstream->is_tls)
        line(w, upstream->from, "by https", "%stls = \"verify\";", indent);
    if (upstream->host) {
        begin(w);
        put(w, "%shost = ", indent);
        put_text(w, upstream->host);
        put(w, ";");
        end(w, NULL, "the server's own name as Host, as ARR sends it without preserveHostHeader");
    }
    if (upstream->health.path)
        write_health(w, indent, &upstream->health);
}

static void write_standard(struct writer *w)
{
    const struct iis_upstream *upstream = &w->plan->upstreams[w->standard];

    begin(w);
    put(w, "    ");
    put_servers(w, upstream);
    end(w, upstream->from, upstream->is_closed ? "nobody listens there: IIS did not forward what no route takes" : NULL);
    if (!has_settings(upstream))
        return;
    line(w, NULL, NULL, "    upstream = {");
    write_settings(w, "      ", upstream);
    line(w, NULL, NULL, "    };");
}

/* True for one that `upstreams` must have: a route leads there, and it is not `servers`. */
static bool is_other(const struct writer *w, size_t index)
{
    for (size_t i = 0; i < w->plan->routes_count && index != w->standard; i++)
        if (w->plan->routes[i].upstream == index)
            return true;
    return false;
}

static size_t count_others(const struct writer *w)
{
    size_t count = 0;

    for (size_t i = 0; i < w->plan->upstreams_count; i++)
        count += is_other(w, i);
    return count;
}

static void write_upstreams(struct writer *w)
{
    size_t left = count_others(w);

    if (left == 0)
        return;
    line(w, NULL, NULL, "    upstreams = (");
    for (size_t i = 0; i < w->plan->upstreams_count; i++) {
        const struct iis_upstream *upstream = &w->plan->upstreams[i];

        if (!is_other(w, i))
            continue;
        left--;
        begin(w);
        put(w, "      { name = \"%s\"; ", upstream->name);
        put_servers(w, upstream);
        put(w, "%s", has_settings(upstream) ? "" : left > 0 ? " }," : " }");
        end(w, upstream->from, upstream->is_closed ? "nobody listens there: for what IIS did not forward" : NULL);
        if (!has_settings(upstream))
            continue;
        write_settings(w, "        ", upstream);
        line(w, NULL, NULL, "      }%s", left > 0 ? "," : "");
    }
    line(w, NULL, NULL, "    );");
}

/* The route that `servers` stands for. */
static bool is_standard(const struct writer *w, const struct iis_route *route)
{
    return !route->host && strcmp(route->path, "/") == 0 && route->upstream == w->standard;
}

/* False if all routes say what `servers` says anyway. */
static bool needs_routes(const struct writer *w)
{
    for (size_t i = 0; i < w->plan->routes_count; i++)
        if (w->plan->routes[i].replace || w->plan->routes[i].upstream != w->standard)
            return true;
    return false;
}

static void put_route(struct writer *w, const struct iis_route *route)
{
    put(w, "{ ");
    if (route->host) {
        put(w, "host = ");
        put_text(w, route->host);
        put(w, "; ");
    }
    put(w, "path = ");
    put_text(w, route->path);
    put(w, ";");
    if (route->upstream != w->standard)
        put(w, " upstream = \"%s\";", w->plan->upstreams[route->upstream].name);
    if (route->replace) {
        put(w, " replace = ");
        put_text(w, route->replace);
        put(w, ";");
    }
    put(w, " }");
}

static void write_routes(struct writer *w)
{
    const struct iis_route *last = NULL;

    for (size_t i = 0; i < w->plan->routes_count; i++)
        if (!is_standard(w, &w->plan->routes[i]) || w->plan->routes[i].replace)
            last = &w->plan->routes[i];
    if (!last || !needs_routes(w))
        return;
    line(w, NULL, NULL, "    routes = (");
    for (size_t i = 0; i < w->plan->routes_count; i++) {
        const struct iis_route *route = &w->plan->routes[i];

        if (is_standard(w, route) && !route->replace)
            continue;
        begin(w);
        put(w, "      ");
        put_route(w, route);
        put(w, route == last ? "" : ",");
        end(w, route->from, NULL);
    }
    line(w, NULL, NULL, "    );");
}

/* -- what is let through --------------------------------------------------------------------------------------------------- */

static void put_allow(struct writer *w, const char *path)
{
    const struct iis_strings *methods = &w->plan->methods;

    put(w, "{ path = ");
    put_text(w, path);
    put(w, ";%s", methods->count > 0 ? " methods = ( " : "");
    for (size_t i = 0; i < methods->count; i++) {
        put(w, i > 0 ? ", " : "");
        put_text(w, methods->list[i]);
    }
    put(w, "%s }", methods->count > 0 ? " );" : "");
}

/* `mark` is "# " where the list is only there to be used later. */
static void write_allowed(struct writer *w, const char *mark)
{
    const struct iis_plan *plan = w->plan;

    if (plan->allow.count == 0 && plan->methods.count == 0)
        return;
    line(w, plan->methods_from, NULL, "    %sallow = (", mark);
    for (size_t i = 0; i < plan->allow.count || i == 0; i++) {
        begin(w);
        put(w, "    %s  ", mark);
        put_allow(w, plan->allow.count > 0 ? plan->allow.list[i].text : "/");
        put(w, i + 1 < plan->allow.count ? "," : "");
        end(w, plan->allow.count > 0 ? plan->allow.list[i].from : NULL, NULL);
    }
    line(w, NULL, NULL, "    %s);", mark);
}

static void write_allow(struct writer *w)
{
    const struct iis_values *closed = &w->plan->closed;

    if (closed->count == 0) {
        write_allowed(w, "");
        return;
    }
    line(w, NULL, NULL, "    # CLOSED: every request gets 403 until somebody has read these and removed the line \"allow\".");
    for (size_t i = 0; i < closed->count; i++) {
        fputs("    #  ", w->out);
        write_origin(w, closed->list[i].from, closed->list[i].text);
        fputc('\n', w->out);
    }
    line(w, NULL, NULL, "    allow = ( { path = \"" CLOSED_PATH "\"; } );");
    write_allowed(w, "# ");
}

/* -- header fields and cookies --------------------------------------------------------------------------------------------- */

static size_t count_fields(const struct iis_fields *fields, bool is_set)
{
    size_t count = 0;

    for (size_t i = 0; i < fields->count; i++)
        count += (fields->list[i].value != NULL) == is_set;
    return count;
}

/* "response_set", then "response_remove", one field a line. */
static void write_fields(struct writer *w, const char *of, const struct iis_fields *fields, bool is_set)
{
    size_t left = count_fields(fields, is_set);

    if (left == 0)
        return;
    line(w, NULL, NULL, "    %s_%s = (", of, is_set ? "set" : "remove");
    for (size_t i = 0; i < fields->count; i++) {
        const struct iis_field *field = &fields->list[i];

        if ((field->value != NULL) != is_set)
            continue;
        left--;
        begin(w);
        put(w, is_set ? "      { name = " : "      ");
        put_text(w, field->name);
        if (is_set) {
            put(w, "; value = ");
            put_text(w, field->value);
            put(w, "; }");
        }
        put(w, left > 0 ? "," : "");
        end(w, field->from, NULL);
    }
    line(w, NULL, NULL, "    );");
}

static void write_responses(struct writer *w)
{
    const struct iis_plan *plan = w->plan;

    line(w, plan->tells_port_from, "who asks, as ARR tells it", "    headers = \"%s\";", plan->tells_port ? "arr" : "append");
    line(w, plan->links_from, plan->links_from ? NULL : "ARR's own default", "    links = \"%s\";", plan->links);
    if (plan->secure)
        line(w, plan->secure, NULL, "    cookie_secure = \"always\";");
    if (plan->http_only)
        line(w, plan->http_only, NULL, "    cookie_http_only = \"add\";");
    if (plan->same_site)
        line(w, plan->same_site, NULL, "    cookie_same_site = \"%s\";", plan->same_site_value);
    if (plan->hsts.value > 0)
        line(w, plan->hsts.from, NULL, "    hsts = %ld;", plan->hsts.value);
    write_fields(w, "request", &plan->request, true);
    write_fields(w, "request", &plan->request, false);
    write_fields(w, "response", &plan->response, true);
    write_fields(w, "response", &plan->response, false);
}

/* -- the whole ------------------------------------------------------------------------------------------------------------- */

static void write_limits(struct writer *w)
{
    const struct iis_plan *plan = w->plan;

    line(w, NULL, NULL, "\nlimits = {");
    line(w, plan->body.from, plan->body.from ? NULL : "IIS's own default", "  body = %ld%s;", plan->body.value,
         plan->body.value > INT_MAX ? "L" : "");
    line(w, plan->url.from, plan->url.from ? "path, ? and query" : "IIS's own default: path, ? and query", "  url = %ld;",
         plan->url.value);
    line(w, NULL, NULL, "};");
    if (plan->response_s.value < 0 && plan->upstream_idle.value < 0)
        return;
    line(w, NULL, NULL, "\ntimeouts = {");
    if (plan->response_s.value >= 0)
        line(w, plan->response_s.from, NULL, "  response = %ld;", plan->response_s.value);
    if (plan->upstream_idle.value >= 0)
        line(w, plan->upstream_idle.from, NULL, "  upstream_idle = %ld;", plan->upstream_idle.value);
    line(w, NULL, NULL, "};");
}

static void write_head(const char *web_path, const char *server_path, FILE *out)
{
    char *web = iis_printable(web_path), *server = iis_printable(server_path ? server_path : "");

    fprintf(out,
            "# Made by \"georelay import-iis\" from %s%s%s.\n"
            "#\n"
            "# Behind each line stands what it came from. The list at the end says what was not carried over, and what is left "
            "to do.\n"
            "# Check it with: georelay check -c FILE\n"
            "\n"
            "role = \"relay\";\n"
            "\n"
            "web = (\n"
            "  {\n",
            web, server_path ? " and " : "", server);
    free(web);
    free(server);
}

/* All of them, unless the configuration would become larger than georelay reads. */
static void write_notes(struct iis_plan *plan, const char *web_path, FILE *out)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);

    if (!memory)
        abort();
    iis_notes_print(&plan->notes, web_path, "# ", memory);
    fclose(memory);
    fputs("\n# What was not carried over, and what is left to do:\n#\n", out);
    if (length > NOTES_BYTES) {
        char *end = text ? memrchr(text, '\n', NOTES_BYTES) : NULL;

        fwrite(text, 1, end ? (size_t)(end - text) + 1 : 0, out);
        fputs("# ... and more: \"georelay import-iis\" tells all of them\n", out);
    } else {
        fwrite(text, 1, length, out);
    }
    free(text);
}

void iis_write(struct iis_plan *plan, const char *web_path, const char *server_path, FILE *out)
{
    struct writer w = {.plan = plan, .out = out, .standard = plan->routes[0].upstream};

    write_head(web_path, server_path, out);
    write_ways_in(&w);
    write_standard(&w);
    write_upstreams(&w);
    write_routes(&w);
    write_allow(&w);
    write_responses(&w);
    fputs("  }\n);\n", out);
    write_limits(&w);
    if (plan->notes.count > 0)
        write_notes(plan, web_path, out);
}
