/* SPDX-License-Identifier: Apache-2.0 */
/* Owns when servers are checked, and what the checks before make of the latest. On the main loop. */
#include "proxy/web/health.h"

#include "proxy/base/log.h"
#include "proxy/web/health_check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct checked {
    struct health *health;
    const struct web_rules *rules;
    struct known_host *host;
    const struct cfg_upstream *upstream;
    struct health_check check;
    struct deadline pause; /* until the next check */
    long contrary;         /* checks in a row that say other than `is_down` */
    bool is_down;
};

struct health {
    struct loop *loop;
    struct hosts *hosts;
    health_fn *changed;
    void *arg;
    size_t count;
    struct checked list[];
};

/* -- what a verdict means ------------------------------------------------------------------------------------------------------
 */

static void log_change(const struct checked *s, const struct health_verdict *verdict)
{
    struct log_line l;

    if (!log_begin(&l, s->is_down ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, s->is_down ? "upstream_down" : "upstream_up"))
        return;
    log_text(&l, "name", s->rules->web->name);
    log_text(&l, "upstream", s->upstream->name);
    log_text(&l, "server", s->host->endpoint->text);
    log_text(&l, "why", verdict->why);
    if (verdict->status != 0)
        log_number(&l, "status", verdict->status);
    if (verdict->fault != HTTP_FAULT_NONE)
        log_text(&l, "fault", http_fault_name(verdict->fault));
    log_end(&l);
}

static void weigh(struct checked *s, const struct health_verdict *verdict)
{
    const struct cfg_health *cfg = &s->upstream->health;
    const struct health *h = s->health;

    if (verdict->is_good != s->is_down) {
        s->contrary = 0;
        return;
    }
    if (++s->contrary < (s->is_down ? cfg->rise : cfg->fall))
        return;
    s->contrary = 0;
    s->is_down = !s->is_down;
    log_change(s, verdict);
    h->changed(h->arg, (unsigned)(s->host - h->hosts->list), s->is_down);
}

/* -- time ----------------------------------------------------------------------------------------------------------------------
 */

/* Up to a tenth more or less, so that the checks of many servers and relays do not stay in step. */
static uint64_t jittered(uint64_t ms)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        return ms;
    return ms - ms / 10 + random % (ms / 5 + 1);
}

static void checked(void *arg, const struct health_verdict *verdict)
{
    struct checked *s = arg;

    weigh(s, verdict);
    deadline_set(&s->pause, jittered((uint64_t)s->upstream->health.interval_s * 1000));
}

static void pause_over(void *arg)
{
    health_check_start(&((struct checked *)arg)->check);
}

/* -- making --------------------------------------------------------------------------------------------------------------------
 */

static size_t servers_of(const struct web_upstream *upstream)
{
    return upstream->cfg->health.line != 0 ? upstream->cfg->servers_count : 0;
}

static size_t count_servers(struct web_rules *const *rules, size_t count)
{
    size_t servers = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; rules[i] != NULL && k < rules[i]->upstreams_count; k++)
            servers += servers_of(&rules[i]->upstreams[k]);
    return servers;
}

static void add_upstream(struct health *h, const struct web_rules *rules, const struct web_upstream *upstream)
{
    for (size_t i = 0; i < servers_of(upstream); i++) {
        struct checked *s = &h->list[h->count++];

        s->health = h;
        s->rules = rules;
        s->upstream = upstream->cfg;
        s->host = hosts_find(h->hosts, &upstream->cfg->servers[i]);
        health_check_init(&s->check, h->loop, &rules->limits, upstream, s->host, checked, s);
        deadline_init(&s->pause, h->loop, pause_over, s);
        deadline_set(&s->pause, 0);
    }
}

struct health *health_new(struct loop *loop, struct hosts *hosts, struct web_rules *const *rules, size_t count,
                          health_fn *changed, void *arg)
{
    struct health *h = calloc(1, sizeof(*h) + count_servers(rules, count) * sizeof(h->list[0]));

    if (h == NULL)
        return NULL;
    h->loop = loop;
    h->hosts = hosts;
    h->changed = changed;
    h->arg = arg;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; rules[i] != NULL && k < rules[i]->upstreams_count; k++)
            add_upstream(h, rules[i], &rules[i]->upstreams[k]);
    return h;
}

/* -- inheriting ----------------------------------------------------------------------------------------------------------------
 */

/* An upstream without a name is the front door's own. */
static bool is_same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_server(const struct checked *a, const struct checked *b)
{
    return strcmp(a->rules->web->name, b->rules->web->name) == 0 && is_same_name(a->upstream->name, b->upstream->name) &&
           strcmp(a->host->endpoint->text, b->host->endpoint->text) == 0;
}

static const struct checked *find_server(const struct health *h, const struct checked *like)
{
    for (size_t i = 0; i < h->count; i++)
        if (is_same_server(&h->list[i], like))
            return &h->list[i];
    return NULL;
}

void health_inherit(struct health *h, const struct health *before)
{
    for (size_t i = 0; before != NULL && i < h->count; i++) {
        struct checked *s = &h->list[i];
        const struct checked *old = find_server(before, s);

        if (old == NULL)
            continue;
        s->contrary = old->contrary;
        s->is_down = s->host->is_unhealthy = old->is_down;
    }
}

void health_free(struct health *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->count; i++) {
        health_check_stop(&h->list[i].check);
        deadline_clear(&h->list[i].pause);
    }
    free(h);
}
