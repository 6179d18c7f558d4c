/* SPDX-License-Identifier: Apache-2.0 */
/* Owns one mapping whose last page has no rights. Used by one thread. */
#include "test/unit/guard.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *g, size_t max)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    g->usable = (max / page + 1) * page;
    g->map = mmap(NULL, g->usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(g->map != MAP_FAILED);
    assert(mprotect(g->map + g->usable, page, PROT_NONE) == 0);
}

void guard_fini(struct guard *g)
{
    munmap(g->map, g->usable + (size_t)sysconf(_SC_PAGESIZE));
    g->map = NULL;
}

uint8_t *guard_copy(struct guard *g, const void *bytes, size_t length)
{
    uint8_t *at = g->map + g->usable - length;

    assert(length <= g->usable);
    if (length > 0)
        memcpy(at, bytes, length);
    return at;
}
