/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the blocks that each thread keeps. All are malloc()'s, so that those of any thread, kept or not, may be freed or grown by
 * every other. Sanitizers shall see each use of freed memory: with them (gcc's, as in the tests)
 * OpenSSL goes to malloc() itself.
 */
#include "tls/memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

/* Blocks of each kind that a thread keeps. */
enum { KEEP = 4 };

/* A kind of block: what is asked for with `least` to `size` bytes gets `size`. */
struct kind {
    size_t least;
    size_t size;
};

static const struct kind kinds[] = {
    {.least = 16 * 1024 + 1, .size = 17 * 1024}, /* a record: 16 KiB with header, tag and padding */
    {.least = 21 * 1024, .size = 22 * 1024},     /* a handshake's messages: BUF_MEM_grow() makes four thirds of 16 KiB */
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct kept {
    void *block[KEEP];
    unsigned count;
};

static _Thread_local struct kept kept[KINDS];

static void *take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    for (unsigned i = 0; i < KINDS; i++) {
        if (size < kinds[i].least || size > kinds[i].size)
            continue;
        return kept[i].count > 0 ? kept[i].block[--kept[i].count] : malloc(kinds[i].size);
    }
    return malloc(size);
}

static void give(void *block, const char *file, int line)
{
    size_t size = malloc_usable_size(block); /* 0 for NULL */

    (void)file;
    (void)line;
    for (unsigned i = 0; i < KINDS; i++) {
        if (size < kinds[i].size || size >= kinds[i].size + 512 || kept[i].count >= KEEP)
            continue;
        kept[i].block[kept[i].count++] = block;
        return;
    }
    free(block);
}

static void *grow(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(block, size);
}

void tls_memory_init(void)
{
    if (!is_sanitized)
        (void)CRYPTO_set_mem_functions(take, grow, give);
}
