/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a folder below TMPDIR. Used by one thread. */
#include "test/unit/scratch.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void scratch_init(struct scratch *s)
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(s->folder, sizeof(s->folder), "%s/georelay.XXXXXX", base == NULL ? P_tmpdir : base);

    assert(length > 0 && (size_t)length < sizeof(s->folder));
    assert(mkdtemp(s->folder) != NULL);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void)st;
    (void)kind;
    (void)place;
    return remove(path);
}

void scratch_fini(struct scratch *s)
{
    assert(nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

const char *scratch_path(const struct scratch *s, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", s->folder, name);
    return path;
}

char *scratch_read(const struct scratch *s, const char *name)
{
    FILE *file = fopen(scratch_path(s, name), "re");
    size_t room = 1;
    size_t used = 0;
    char *text = malloc(room);

    assert(file != NULL && text != NULL);
    for (size_t n = 1; n > 0; used += n) {
        if (room - used < 65536) {
            room += 1048576;
            text = realloc(text, room);
            assert(text != NULL);
        }
        n = fread(text + used, 1, room - used - 1, file);
    }
    text[used] = '\0';
    fclose(file);
    return text;
}
