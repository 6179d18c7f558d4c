/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the memory that bytes lie in while they move. Runs on the thread of the pool that is passed; no locks. */
#include "proxy/net/chunk.h"

#include <assert.h>
#include <stdlib.h>

struct chunk *chunk_get(struct chunk_pool *pool)
{
    struct chunk *c = pool->unused;
    if (c != NULL) {
        pool->unused = c->next;
        pool->unused_count--;
    } else if ((c = malloc(sizeof(*c))) == NULL) {
        return NULL;
    }
    c->next = NULL;
    c->start = 0;
    c->end = 0;
    pool->borrowed_count++;
    return c;
}

void chunk_put(struct chunk_pool *pool, struct chunk **chunk)
{
    struct chunk *c = *chunk;
    if (c == NULL)
        return;
    *chunk = NULL;
    assert(c->next == NULL);
    /* May pass below zero when the chunk came from another pool. Unsigned: the sum over all pools stays right. */
    pool->borrowed_count--;
    if (pool->unused_count >= CHUNK_POOL_KEEP) {
        free(c);
        return;
    }
    c->next = pool->unused;
    pool->unused = c;
    pool->unused_count++;
}

void chunk_pool_fini(struct chunk_pool *pool)
{
    while (pool->unused != NULL) {
        struct chunk *c = pool->unused;
        pool->unused = c->next;
        free(c);
    }
    pool->unused_count = 0;
}
