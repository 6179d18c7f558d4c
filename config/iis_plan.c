/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what an import has found so far. Caller's thread. */
#include "config/iis_plan.h"
#include "config/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The discard port of the relay's own machine: a privileged one, so no user's program can listen there. */
#define NOBODY "127.0.0.1:9"

enum { NAME_BYTES = 40 };

void iis_plan_init(struct iis_plan *plan)
{
    static const struct iis_number unsaid = {-1, NULL};

    *plan = (struct iis_plan){.links = "rewrite", .tells_port = true};
    plan->hsts = plan->body = plan->url = plan->response_s = plan->upstream_idle = unsaid;
}

static void free_values(struct iis_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free(values->list[i].text);
    free(values->list);
}

static void free_fields(struct iis_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->list[i].name);
        free(fields->list[i].value);
    }
    free(fields->list);
}

void iis_upstream_fini(struct iis_upstream *upstream)
{
    free(upstream->key);
    free(upstream->name);
    free(upstream->host);
    free(upstream->health.path);
    free(upstream->health.status);
    free(upstream->health.text);
    free_values(&upstream->servers);
}

void iis_route_fini(struct iis_route *route)
{
    free(route->host);
    free(route->path);
    free(route->replace);
    iis_strings_fini(&route->excepts);
}

void iis_plan_fini(struct iis_plan *plan)
{
    struct iis_values *values[] = {&plan->listen,       &plan->plain, &plan->redirect,
                                   &plan->certificates, &plan->allow, &plan->closed};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        free_values(values[i]);
    for (size_t i = 0; i < plan->upstreams_count; i++)
        iis_upstream_fini(&plan->upstreams[i]);
    for (size_t i = 0; i < plan->claims_count; i++)
        iis_route_fini(&plan->claims[i]);
    for (size_t i = 0; i < plan->routes_count; i++)
        iis_route_fini(&plan->routes[i]);
    for (size_t i = 0; i < plan->lost_count; i++) {
        free(plan->lost[i].key);
        free(plan->lost[i].path);
    }
    free(plan->lost);
    free(plan->claims);
    free(plan->upstreams);
    free(plan->routes);
    free_fields(&plan->request);
    free_fields(&plan->response);
    iis_strings_fini(&plan->hosts);
    iis_strings_fini(&plan->methods);
    iis_notes_fini(&plan->notes);
    free(plan->name);
}

void iis_values_add(struct iis_values *values, const char *text, const struct iis_node *from)
{
    for (size_t i = 0; i < values->count; i++)
        if (strcmp(values->list[i].text, text) == 0)
            return;
    values->list = cfg_grow(values->list, values->count, sizeof(*values->list));
    values->list[values->count++] = (struct iis_value){cfg_copy(text), from};
}

void iis_fields_forget(struct iis_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++)
        if (strcasecmp(fields->list[i].name, name) == 0) {
            free(fields->list[i].name);
            free(fields->list[i].value);
            memmove(&fields->list[i], &fields->list[i + 1], (fields->count - i - 1) * sizeof(*fields->list));
            fields->count--;
            return;
        }
}

void iis_fields_set(struct iis_fields *fields, const char *name, const char *value, const struct iis_node *from)
{
    iis_fields_forget(fields, name);
    fields->list = cfg_grow(fields->list, fields->count, sizeof(*fields->list));
    fields->list[fields->count++] = (struct iis_field){cfg_copy(name), value ? cfg_copy(value) : NULL, from};
}

void iis_plan_lose(struct iis_plan *plan, const struct iis_node *from, char *key, char *path, bool is_plain)
{
    plan->lost = cfg_grow(plan->lost, plan->lost_count, sizeof(*plan->lost));
    plan->lost[plan->lost_count++] = (struct iis_lost){from, key, path, is_plain, plan->claims_count};
}

void iis_plan_close(struct iis_plan *plan, const struct iis_node *from, const char *remedy, const char *sentence)
{
    iis_note(&plan->notes, IIS_WEAKER, from, remedy, "%s. The front door stays closed: see \"allow\" in the configuration",
             sentence);
    plan->closed.list = cfg_grow(plan->closed.list, plan->closed.count, sizeof(*plan->closed.list));
    plan->closed.list[plan->closed.count++] = (struct iis_value){cfg_copy(sentence), from};
}

size_t iis_plan_closed_upstream(struct iis_plan *plan)
{
    struct iis_upstream *upstream;

    for (size_t i = 0; i < plan->upstreams_count; i++)
        if (plan->upstreams[i].is_closed)
            return i;
    plan->upstreams = cfg_grow(plan->upstreams, plan->upstreams_count, sizeof(*plan->upstreams));
    upstream = &plan->upstreams[plan->upstreams_count];
    *upstream = (struct iis_upstream){.key = cfg_copy(""), .name = cfg_copy("nobody"), .is_closed = true};
    iis_values_add(&upstream->servers, NOBODY, NULL);
    return plan->upstreams_count++;
}

char *iis_plan_name(const char *text, const char *preset)
{
    char *name = cfg_alloc(NAME_BYTES + 1, 1);
    size_t length = 0;

    for (; *text && length < NAME_BYTES; text++) {
        if (isalnum((unsigned char)*text) || (length > 0 && strchr("._", *text)))
            name[length++] = (char)tolower((unsigned char)*text);
        else if (length > 0 && name[length - 1] != '-')
            name[length++] = '-';
    }
    while (length > 0 && strchr("-._", name[length - 1]))
        name[--length] = '\0';
    if (length > 0)
        return name;
    free(name);
    return cfg_copy(preset);
}
