/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the streams in the pool and their watches. Worker's thread. Who was used last stands first and all wait equally long, so
 * one timer, for the last of them, is enough.
 */
#include "proxy/session/idle.h"

#include "proxy/base/clock.h"
#include "tls/revoked.h"

#include <stdlib.h>

struct idle {
    TAILQ_ENTRY(idle) entry;
    struct idle_pool *pool;
    const struct cfg_endpoint *endpoint;
    struct stream *back;
    struct watch *watch; /* NULL once given away */
    uint64_t since_ms;
    struct grave grave;
};

static void bury(struct grave *g)
{
    struct idle *i = (struct idle *)((char *)g - offsetof(struct idle, grave));

    free(i->watch);
    free(i);
}

static struct stream *leave(struct idle *i)
{
    struct stream *back = i->back;

    TAILQ_REMOVE(&i->pool->list, i, entry);
    i->pool->count--;
    i->grave.bury = bury;
    loop_bury(i->pool->loop, &i->grave);
    return back;
}

static void drop(struct idle *i)
{
    watch_set(i->watch, i->back->fd, 0);
    stream_close(leave(i), STREAM_CLOSE_ORDERLY);
}

/*
 * A server that says something unasked says it to nobody, and its connection is worth nothing any more: it is dropped. What comes
 * over TLS may be a ticket, though: only a read tells. Asked also when the connection is to be used: its event may be due only
 * later in this turn, and those bytes would be taken for the answer to the next request.
 */
static bool is_silent(struct idle *i)
{
    uint8_t byte;

    if (stream_read(i->back, &byte, 1) == STREAM_AGAIN)
        return true;
    drop(i);
    return false;
}

static void has_news(void *arg, unsigned ready)
{
    struct idle *i = arg;

    (void)ready;
    if (is_silent(i))
        watch_set(i->watch, i->back->fd, stream_wants(i->back, STREAM_READ));
}

static void drop_old(void *arg)
{
    struct idle_pool *pool = arg;
    uint64_t now = clock_ms();
    struct idle *i;

    while ((i = TAILQ_LAST(&pool->list, idle_list)) != NULL && now - i->since_ms >= pool->most_ms)
        drop(i);
    if (i != NULL)
        deadline_set(&pool->oldest, i->since_ms + pool->most_ms - now);
}

void idle_pool_init(struct idle_pool *pool, struct loop *loop, uint64_t most_ms)
{
    pool->loop = loop;
    pool->most_ms = most_ms;
    pool->count = 0;
    TAILQ_INIT(&pool->list);
    deadline_init(&pool->oldest, loop, drop_old, pool);
}

void idle_pool_fini(struct idle_pool *pool)
{
    deadline_clear(&pool->oldest);
    while (!TAILQ_EMPTY(&pool->list))
        drop(TAILQ_FIRST(&pool->list));
}

void idle_pool_cut(struct idle_pool *pool, struct tls_revoked *revoked)
{
    struct idle *i, *next;

    for (i = TAILQ_FIRST(&pool->list); i != NULL; i = next) {
        next = TAILQ_NEXT(i, entry);
        if (tls_revoked_holds(revoked, i->back))
            drop(i);
    }
}

void idle_put(struct idle_pool *pool, const struct cfg_endpoint *endpoint, struct stream *back, struct watch *watch)
{
    struct idle *i = pool->most_ms > 0 ? calloc(1, sizeof(*i)) : NULL;

    if (i == NULL) {
        watch_set(watch, back->fd, 0);
        stream_close(back, STREAM_CLOSE_ORDERLY);
        free(watch);
        return;
    }
    i->pool = pool;
    i->endpoint = endpoint;
    i->back = back;
    i->since_ms = loop_now_ms(pool->loop);
    TAILQ_INSERT_HEAD(&pool->list, i, entry);
    i->watch = watch;
    watch_give(watch, has_news, i);
    watch_set(watch, back->fd, stream_wants(back, STREAM_READ));
    if (!deadline_is_set(&pool->oldest))
        deadline_set(&pool->oldest, pool->most_ms);
    if (++pool->count > IDLE_MAX)
        drop(TAILQ_LAST(&pool->list, idle_list));
}

struct stream *idle_get(struct idle_pool *pool, const struct cfg_endpoint *endpoint, uint64_t age_ms, struct watch **ret_watch)
{
    struct idle *i, *next;

    for (i = TAILQ_FIRST(&pool->list); i != NULL; i = next) {
        next = TAILQ_NEXT(i, entry);
        if (i->endpoint != endpoint)
            continue;
        if (loop_now_ms(pool->loop) - i->since_ms > age_ms)
            return NULL;
        if (!is_silent(i))
            continue;
        *ret_watch = i->watch;
        i->watch = NULL;
        return leave(i);
    }
    return NULL;
}
