/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the document for as long as somebody looks at it. */
#include "proxy/app/running.h"

#include "proxy/app/control_ask.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct running {
    json_t *status;
    long pid;
};

struct running *running_ask(const struct cfg *cfg)
{
    struct control_asked asked = {0};
    struct running *r = calloc(1, sizeof(*r));

    if (cfg->admin.socket != NULL)
        asked = control_ask(cfg->admin.socket, "status");
    if (r != NULL && asked.text != NULL)
        *r = (struct running){.status = json_loads(asked.text, 0, NULL), .pid = asked.pid};
    free(asked.text);
    if (r != NULL && json_is_object(r->status))
        return r;
    running_free(r);
    return NULL;
}

void running_free(struct running *r)
{
    if (r == NULL)
        return;
    json_decref(r->status);
    free(r);
}

const char *running_version(const struct running *r)
{
    const char *text = json_string_value(json_object_get(r->status, "version"));

    return text != NULL ? text : "";
}

long running_pid(const struct running *r)
{
    return r->pid;
}

unsigned long running_max_files(const struct running *r)
{
    json_int_t count = json_integer_value(json_object_get(json_object_get(r->status, "process"), "max_files"));

    return count > 0 ? (unsigned long)count : 0;
}

bool running_is_island(const struct running *r)
{
    return json_is_true(json_object_get(r->status, "is_island"));
}

static bool find(const struct running *r, const char *list, const char *name, struct running_tunnel *ret)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(r->status, list), i, one)
    {
        const char *text = json_string_value(json_object_get(one, "name"));

        if (text == NULL || strcmp(text, name) != 0)
            continue;
        *ret = (struct running_tunnel){.is_up = json_is_true(json_object_get(one, "is_up")),
                                       .peer = json_string_value(json_object_get(one, "address")),
                                       .version = json_string_value(json_object_get(one, "version")),
                                       .protocol = (unsigned)json_integer_value(json_object_get(one, "protocol")),
                                       .why = json_string_value(json_object_get(one, "why"))};
        return true;
    }
    return false;
}

bool running_agent(const struct running *r, const char *name, struct running_tunnel *ret)
{
    return find(r, "agents", name, ret);
}

bool running_relay(const struct running *r, const char *name, struct running_tunnel *ret)
{
    return find(r, "relays", name, ret);
}

/* A link of an agent beside clients, or of a client that came to the relay itself. */
static bool is_ours(const json_t *session)
{
    const char *kind = json_string_value(json_object_get(session, "kind"));
    const char *behind = json_string_value(json_object_get(session, "behind"));

    return kind != NULL && strcmp(kind, "link") == 0 && json_object_get(session, "client") != NULL &&
           (behind == NULL || strcmp(behind, "direct") == 0);
}

void running_clients(const struct running *r, running_client_fn *found, void *arg)
{
    json_t *session;
    size_t i;

    json_array_foreach(json_object_get(r->status, "sessions"), i, session)
    {
        const char *text = json_string_value(json_object_get(session, "client"));
        struct address client;

        if (is_ours(session) && text != NULL && address_parse(text, &client) == 0)
            found(arg, &client);
    }
}
