/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the list of names, shared with one thread for each: getaddrinfo() can't be told to hurry. A thread that is late keeps its
 * share until the process ends.
 */
#include "proxy/app/probe_parts.h"

#include "proxy/base/clock.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Slower than this makes people wait when a name's addresses are forgotten. */
#define SLOW_MS 1000

/* One look-up; the thread and the list hold a reference each. */
struct look_up {
    pthread_mutex_t lock;
    pthread_cond_t done;
    unsigned references;
    bool is_done;
    int error; /* of getaddrinfo() */
    uint64_t ms;
    struct address address;
    char name[256];
};

struct probe_name {
    const char *name; /* the model's */
    struct look_up *look_up;
    struct address address; /* unset: none */
};

static void put(struct look_up *l)
{
    bool is_last;

    pthread_mutex_lock(&l->lock);
    is_last = --l->references == 0;
    pthread_mutex_unlock(&l->lock);
    if (!is_last)
        return;
    pthread_cond_destroy(&l->done);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void *run(void *arg)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct look_up *l = arg;
    uint64_t start = clock_ms();
    struct addrinfo *list = NULL;
    int error = getaddrinfo(l->name, NULL, &hints, &list);

    pthread_mutex_lock(&l->lock);
    l->error = error;
    l->ms = clock_ms() - start;
    if (error == 0)
        address_from_sockaddr(&l->address, list->ai_addr, list->ai_addrlen);
    l->is_done = true;
    pthread_cond_signal(&l->done);
    pthread_mutex_unlock(&l->lock);
    if (error == 0)
        freeaddrinfo(list);
    put(l);
    return NULL;
}

static struct look_up *begin(const char *name)
{
    struct look_up *l = calloc(1, sizeof(*l));
    pthread_condattr_t attributes;
    pthread_t thread;

    if (l == NULL)
        return NULL;
    l->references = 2;
    snprintf(l->name, sizeof(l->name), "%s", name);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&l->done, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&thread, NULL, run, l) == 0) {
        pthread_detach(thread);
    } else {
        l->is_done = true;
        l->error = EAI_MEMORY;
        l->references = 1;
    }
    return l;
}

static void add(struct probe_names *names, const struct cfg_endpoint *endpoint)
{
    struct probe_name *more;

    if (!endpoint->is_name || endpoint->agent != NULL)
        return;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i].name, endpoint->host) == 0)
            return;
    more = reallocarray(names->list, names->count + 1, sizeof(*more));
    if (more == NULL)
        return;
    names->list = more;
    names->list[names->count++] = (struct probe_name){.name = endpoint->host, .look_up = begin(endpoint->host)};
}

static void add_all(struct probe_names *names, const struct cfg_endpoint *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(names, &list[i]);
}

static void collect(const struct cfg *cfg, struct probe_names *names)
{
    add_all(names, cfg->relays, cfg->relays_count);
    for (size_t i = 0; i < cfg->served_count; i++)
        add(names, &cfg->served[i].server);
    for (size_t i = 0; i < cfg->web_count; i++) {
        const struct cfg_web *web = &cfg->web[i];

        add_all(names, web->upstream.servers, web->upstream.servers_count);
        for (size_t k = 0; k < web->upstreams_count; k++)
            add_all(names, web->upstreams[k].servers, web->upstreams[k].servers_count);
    }
}

static void tell(struct probe *p, const struct probe_name *n, int error, uint64_t ms)
{
    char remedy[PROBE_REMEDY], text[ADDRESS_TEXT];

    snprintf(remedy, sizeof(remedy),
             "run: echo ADDRESS %s >> /etc/hosts; or let the resolver of /etc/resolv.conf know it: getent ahosts %s", n->name,
             n->name);
    if (!address_is_set(&n->address))
        probe_say(p, PROBE_NAME, PROBE_ERROR, remedy, "the name %s has no address: %s", n->name, gai_strerror(error));
    else if (ms > SLOW_MS)
        probe_say(p, PROBE_NAME, PROBE_WARNING, "see why the resolver is slow: /etc/resolv.conf",
                  "the name %s is %s, but looking it up took %llu ms", n->name, address_format_ip(&n->address, text),
                  (unsigned long long)ms);
    else
        probe_say(p, PROBE_NAME, PROBE_OK, NULL, "the name %s is %s", n->name, address_format_ip(&n->address, text));
}

/* Waits for one until `until`. */
static void finish(struct probe *p, struct probe_name *n, const struct timespec *until)
{
    struct look_up *l = n->look_up;
    int error;
    uint64_t ms;

    if (l == NULL) {
        probe_say(p, PROBE_NAME, PROBE_ERROR, "free some memory", "there is no memory to look up the name %s", n->name);
        return;
    }
    pthread_mutex_lock(&l->lock);
    while (!l->is_done && pthread_cond_timedwait(&l->done, &l->lock, until) == 0)
        ;
    error = l->is_done ? l->error : EAI_AGAIN;
    ms = l->is_done ? l->ms : PROBE_NAMES_MS;
    n->address = l->address;
    pthread_mutex_unlock(&l->lock);
    put(l);
    n->look_up = NULL;
    tell(p, n, error, ms);
}

void probe_names(struct probe *p, struct probe_names *names)
{
    struct timespec until;

    collect(p->cfg, names);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PROBE_NAMES_MS / 1000;
    for (size_t i = 0; i < names->count; i++)
        finish(p, &names->list[i], &until);
}

bool probe_names_find(const struct probe_names *names, const struct cfg_endpoint *endpoint, struct address *ret)
{
    *ret = endpoint->address;
    for (size_t i = 0; i < names->count && endpoint->is_name; i++)
        if (strcmp(names->list[i].name, endpoint->host) == 0)
            *ret = names->list[i].address;
    if (!address_is_set(ret))
        return false;
    address_set_port(ret, endpoint->port);
    return true;
}

void probe_names_fini(struct probe_names *names)
{
    free(names->list);
    *names = (struct probe_names){0};
}
