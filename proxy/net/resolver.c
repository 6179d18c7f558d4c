/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the names and when each is looked up next. On its loop's thread, but for resolve_work(), which runs on a job's thread. */
#include "proxy/net/resolver.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/job.h"
#include "proxy/net/watch.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

/* First pause after a failed look-up; it doubles up to the regular period. */
#define RETRY_MS 1000

/* A hint is ignored when the last look-up is younger. */
#define HINT_MS 1000

struct host {
    struct resolver *resolver;
    unsigned index;
    char *name;
    uint16_t port;
    struct host_addresses known;
    struct deadline next;
    uint64_t started_ms;
    uint64_t retry_ms;
    bool is_looking;
    bool has_failed; /* and that was logged */
    bool is_settled; /* the first answer is there */
};

struct resolver {
    struct loop *loop;
    uint64_t period_ms;
    resolver_fn *changed;
    void *arg;
    struct host **hosts;
    unsigned count;
    unsigned jobs;
};

struct lookup {
    struct job job;
    struct resolver *resolver;
    struct host *host;
    char *name;
    uint16_t port;
    int error;
    struct host_addresses found;
};

static void look_up(void *arg);

static void lookup_free(struct lookup *l)
{
    free(l->name);
    free(l);
}

static void resolve_work(struct job *job)
{
    struct lookup *l = (struct lookup *)job;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;

    l->error = getaddrinfo(l->name, NULL, &hints, &list);
    if (l->error != 0)
        return;
    for (struct addrinfo *a = list; a != NULL && l->found.count < HOST_ADDRESSES_MAX; a = a->ai_next) {
        struct address *to = &l->found.list[l->found.count];

        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        address_from_sockaddr(to, a->ai_addr, a->ai_addrlen);
        address_set_port(to, l->port);
        l->found.count++;
    }
    freeaddrinfo(list);
    if (l->found.count == 0)
        l->error = EAI_NONAME;
}

static bool same_addresses(const struct host_addresses *a, const struct host_addresses *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (!address_same_ip(&a->list[i], &b->list[i]))
            return false;
    return true;
}

static void log_failure(const struct host *h, int error)
{
    struct log_line line;

    if (!log_begin(&line, LOG_LEVEL_WARN, "resolve_failed"))
        return;
    log_text(&line, "name", h->name);
    log_text(&line, "error", gai_strerror(error));
    log_number(&line, "known", h->known.count);
    log_end(&line);
}

static void log_success(const struct host *h)
{
    struct log_line line;

    if (!log_begin(&line, LOG_LEVEL_INFO, "resolved"))
        return;
    log_text(&line, "name", h->name);
    log_number(&line, "addresses", h->known.count);
    log_ip(&line, "first", &h->known.list[0]);
    log_end(&line);
}

static void take_failure(struct host *h, int error)
{
    if (!h->has_failed)
        log_failure(h, error);
    h->has_failed = true;
    deadline_set(&h->next, h->retry_ms);
    h->retry_ms *= 2;
    if (h->retry_ms > h->resolver->period_ms)
        h->retry_ms = h->resolver->period_ms;
}

static void take_success(struct host *h, const struct host_addresses *found)
{
    bool is_changed = !same_addresses(&h->known, found);

    h->known = *found;
    h->retry_ms = RETRY_MS;
    if (is_changed || h->has_failed)
        log_success(h);
    h->has_failed = false;
    deadline_set(&h->next, h->resolver->period_ms);
    if (is_changed)
        h->resolver->changed(h->resolver->arg, h->index, &h->known);
}

static void resolver_destroy(struct resolver *r)
{
    for (unsigned i = 0; i < r->count; i++) {
        free(r->hosts[i]->name);
        free(r->hosts[i]);
    }
    free(r->hosts);
    free(r);
}

static void lookup_done(struct mail *m, struct loop *loop)
{
    struct lookup *l = (struct lookup *)m;
    struct resolver *r = l->resolver;

    (void)loop;
    r->jobs--;
    l->host->is_looking = false;
    l->host->is_settled = true;
    if (r->changed == NULL) { /* freed meanwhile */
        if (r->jobs == 0)
            resolver_destroy(r);
    } else if (l->error != 0) {
        take_failure(l->host, l->error);
    } else {
        take_success(l->host, &l->found);
    }
    lookup_free(l);
}

/* The loop has ended with this look-up in flight; on the job's thread or the loop's. The resolver was freed before, and waits for
 * the last of them. */
static void lookup_drop(struct mail *m)
{
    struct lookup *l = (struct lookup *)m;
    struct resolver *r = l->resolver;

    lookup_free(l);
    if (__atomic_sub_fetch(&r->jobs, 1, __ATOMIC_ACQ_REL) == 0 && r->changed == NULL)
        resolver_destroy(r);
}

static void look_up(void *arg)
{
    struct host *h = arg;
    struct lookup *l;

    if (h->is_looking)
        return;
    h->started_ms = clock_ms();
    l = calloc(1, sizeof(*l));
    if (l != NULL)
        l->name = strdup(h->name);
    if (l == NULL || l->name == NULL) {
        free(l);
        deadline_set(&h->next, RETRY_MS);
        return;
    }
    l->job.mail.deliver = lookup_done;
    l->job.mail.drop = lookup_drop;
    l->job.work = resolve_work;
    l->resolver = h->resolver;
    l->host = h;
    l->port = h->port;
    if (job_start(&l->job, h->resolver->loop) != 0) {
        lookup_free(l);
        deadline_set(&h->next, RETRY_MS);
        return;
    }
    h->is_looking = true;
    h->resolver->jobs++;
}

struct resolver *resolver_new(struct loop *loop, uint64_t period_ms, resolver_fn *changed, void *arg)
{
    struct resolver *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->loop = loop;
    r->period_ms = period_ms;
    r->changed = changed;
    r->arg = arg;
    return r;
}

int resolver_add(struct resolver *r, const char *host, uint16_t port)
{
    struct host **hosts = realloc(r->hosts, (r->count + 1) * sizeof(*hosts));
    struct host *h;

    if (hosts == NULL)
        return -1;
    r->hosts = hosts;
    h = calloc(1, sizeof(*h));
    if (h == NULL)
        return -1;
    h->name = strdup(host);
    if (h->name == NULL) {
        free(h);
        return -1;
    }
    h->resolver = r;
    h->index = r->count;
    h->port = port;
    h->retry_ms = RETRY_MS;
    deadline_init(&h->next, r->loop, look_up, h);
    r->hosts[r->count] = h;
    look_up(h);
    return (int)r->count++;
}

void resolver_hint(struct resolver *r, unsigned index)
{
    struct host *h = r->hosts[index];

    if (!h->is_looking && clock_ms() - h->started_ms >= HINT_MS)
        look_up(h);
}

bool resolver_is_settled(const struct resolver *r)
{
    for (unsigned i = 0; i < r->count; i++)
        if (!r->hosts[i]->is_settled)
            return false;
    return true;
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    for (unsigned i = 0; i < r->count; i++)
        deadline_clear(&r->hosts[i]->next);
    r->changed = NULL;
    if (r->jobs == 0)
        resolver_destroy(r);
}
