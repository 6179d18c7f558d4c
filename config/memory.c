/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: allocation for the configuration that can't fail, and the joining of paths. Any thread. */
#include "config/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
    if (memory)
        return memory;
    fputs("georelay: no memory for the configuration\n", stderr);
    abort();
}

void *cfg_alloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size));
}

void *cfg_grow(void *list, size_t count, size_t size)
{
    /* Room doubles whenever the count is a power of two, so the list needs no member for its room. */
    if ((count & (count - 1)) == 0)
        list = checked(reallocarray(list, count ? 2 * count : 1, size));
    memset((uint8_t *)list + count * size, 0, size);
    return list;
}

char *cfg_copy(const char *text)
{
    return checked(strdup(text));
}

char *cfg_join(const char *folder, const char *name)
{
    char *path;

    if (name[0] == '/')
        return cfg_copy(name);
    if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) < 0)
        path = NULL;
    return checked(path);
}

char *cfg_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return cfg_copy(".");
    return checked(slash == path ? strdup("/") : strndup(path, (size_t)(slash - path)));
}
