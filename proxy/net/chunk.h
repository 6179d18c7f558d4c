/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Buffers that are borrowed only while there is something to move.
 *
 * A chunk holds the bytes [start, end) of one direction. A loop keeps returned chunks in a pool, last in first out, so that a
 * thousand sessions with little traffic share one warm chunk and an idle session holds none. A pool belongs to
 * one thread. A chunk belongs to whoever got it and may be put back into another thread's pool.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * What one turn of a pump reads at most into one chunk. The kernel sends packets of nearly 64 KiB (over Ethernet 45 segments of
 * 1,448 bytes), also where the network card cuts them up. A round 128 KiB in TLS records would be two of them and a third with
 * some hundred bytes, which costs as much as a full one; this is two.
 */
#define CHUNK_READ ((size_t)127 * 1024)

/** What one direction of a session may read in one turn of its loop, so that no peer can hold the others up. */
#define CHUNK_TURN (2 * CHUNK_READ)

/** Room in a chunk: CHUNK_READ bytes still fit after TLS has cut them into records of 16 KiB and added header and tag to each. */
#define CHUNK_BYTES (CHUNK_READ + (size_t)5 * 1024)

/** A pool keeps at most this many unused chunks and frees the rest. */
#define CHUNK_POOL_KEEP 32

struct chunk {
    struct chunk *next; /**< in the pool only */
    size_t start;       /**< first byte not yet consumed */
    size_t end;         /**< one past the last byte */
    uint8_t bytes[CHUNK_BYTES];
};

struct chunk_pool {
    struct chunk *unused;
    size_t unused_count;
    size_t borrowed_count; /**< got and not put; may be off by those that changed the thread */
};

/** An empty chunk, or NULL without memory. The caller owns it. */
struct chunk *chunk_get(struct chunk_pool *pool);

/** Gives a chunk back and clears the caller's pointer; a NULL chunk is ignored. */
void chunk_put(struct chunk_pool *pool, struct chunk **chunk);

/** Frees all unused chunks. */
void chunk_pool_fini(struct chunk_pool *pool);

static inline size_t chunk_fill(const struct chunk *c)
{
    return c == NULL ? 0 : c->end - c->start;
}

static inline size_t chunk_room(const struct chunk *c)
{
    return CHUNK_BYTES - c->end;
}
