/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of the folders given, whole and cut at every length, so that what a search once found stays
 * tested by every build. Each input lies in memory of exactly its size. Says how many ran; fails if there were none.
 */
#include "test/fuzz/target.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A seed is meant to be small; the rest of a larger one is not read. */
#define SEED_MAX 65536

static void run_exact(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    if (copy == NULL)
        abort();
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int run_file(const char *path)
{
    static uint8_t bytes[SEED_MAX];
    FILE *file = fopen(path, "rbe");
    size_t size;

    if (file == NULL) {
        perror(path);
        return -1;
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    for (size_t length = 0; length <= size; length++)
        run_exact(bytes, length);
    return 0;
}

/** The number of files run, or -1. */
static int run_folder(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    if (folder == NULL) {
        perror(path);
        return -1;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL && count >= 0; entry = readdir(folder)) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        count = run_file(name) == 0 ? count + 1 : -1;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);

        if (count < 0)
            return 1;
        total += count;
    }
    printf("%d seeds\n", total);
    return total > 0 ? 0 : 1;
}
