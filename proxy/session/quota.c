/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the counts: atomics for the totals, a locked hash table for the clients. Any thread. */
#include "proxy/session/quota.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct client {
    struct client *next;
    struct address address;
    unsigned long count;
    char group[];
};

struct quota {
    atomic_ulong connections_max, per_client_max, greeting_max;
    atomic_ulong connections, greeting;
    pthread_mutex_t lock;
    struct client *buckets[BUCKETS];
};

struct quota *quota_new(const struct cfg_limits *limits)
{
    struct quota *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    quota_set_limits(q, limits);
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void quota_set_limits(struct quota *q, const struct cfg_limits *limits)
{
    atomic_store(&q->connections_max, (unsigned long)limits->connections);
    atomic_store(&q->per_client_max, (unsigned long)limits->per_client);
    atomic_store(&q->greeting_max, (unsigned long)limits->greeting);
}

void quota_free(struct quota *q)
{
    if (q == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (q->buckets[i] != NULL) {
            struct client *c = q->buckets[i];

            q->buckets[i] = c->next;
            free(c);
        }
    pthread_mutex_destroy(&q->lock);
    free(q);
}

enum reason quota_enter(struct quota *q, bool is_greeting)
{
    if (atomic_fetch_add(&q->connections, 1) >= atomic_load_explicit(&q->connections_max, memory_order_relaxed)) {
        atomic_fetch_sub(&q->connections, 1);
        return REASON_LIMIT_CONNECTIONS;
    }
    if (is_greeting && atomic_fetch_add(&q->greeting, 1) >= atomic_load_explicit(&q->greeting_max, memory_order_relaxed)) {
        atomic_fetch_sub(&q->greeting, 1);
        atomic_fetch_sub(&q->connections, 1);
        return REASON_LIMIT_GREETING;
    }
    return REASON_NONE;
}

void quota_greeted(struct quota *q)
{
    unsigned long before = atomic_fetch_sub(&q->greeting, 1);

    assert(before > 0);
}

void quota_leave(struct quota *q)
{
    unsigned long before = atomic_fetch_sub(&q->connections, 1);

    assert(before > 0);
}

unsigned long quota_count(struct quota *q)
{
    return atomic_load(&q->connections);
}

/* FNV-1a over the address and the group. */
static size_t bucket_of(const char *group, const struct address *client)
{
    uint8_t bytes[16];
    size_t count = address_bytes(client, bytes);
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    for (; *group != '\0'; group++)
        hash = (hash ^ (uint8_t)*group) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

static struct client **find(struct quota *q, const char *group, const struct address *client)
{
    struct client **link = &q->buckets[bucket_of(group, client)];

    while (*link != NULL && !(address_same_ip(&(*link)->address, client) && strcmp((*link)->group, group) == 0))
        link = &(*link)->next;
    return link;
}

enum reason quota_enter_client(struct quota *q, const char *group, const struct address *client)
{
    enum reason why = REASON_NONE;
    struct client **link, *c;

    pthread_mutex_lock(&q->lock);
    link = find(q, group, client);
    c = *link;
    if (c == NULL) {
        c = calloc(1, sizeof(*c) + strlen(group) + 1);
        if (c != NULL) {
            c->address = *client;
            strcpy(c->group, group);
            *link = c;
        }
    }
    if (c == NULL)
        why = REASON_NO_MEMORY;
    else if (c->count >= atomic_load_explicit(&q->per_client_max, memory_order_relaxed))
        why = REASON_LIMIT_CLIENT;
    else
        c->count++;
    pthread_mutex_unlock(&q->lock);
    return why;
}

bool quota_has_client(struct quota *q, const char *group, const struct address *client)
{
    bool has;

    pthread_mutex_lock(&q->lock);
    has = *find(q, group, client) != NULL;
    pthread_mutex_unlock(&q->lock);
    return has;
}

void quota_leave_client(struct quota *q, const char *group, const struct address *client)
{
    struct client **link, *c;

    pthread_mutex_lock(&q->lock);
    link = find(q, group, client);
    c = *link;
    assert(c != NULL && c->count > 0);
    if (--c->count == 0) {
        *link = c->next;
        free(c);
    }
    pthread_mutex_unlock(&q->lock);
}
