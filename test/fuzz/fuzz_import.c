/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports the input as a web.config, and what stands behind its first zero byte as the applicationHost.config. A configuration
 * that comes out must be one that georelay takes; only the certificates that it names may be missing.
 */
#include "config/check.h"
#include "config/iis.h"
#include "config/load.h"
#include "test/fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATH_BYTES 64

static void require(int condition)
{
    if (!condition)
        abort();
}

/** A file without a name that holds these bytes; its path goes to `path`. */
static int make_file(const void *bytes, size_t size, char path[PATH_BYTES])
{
    int fd = memfd_create("input", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    snprintf(path, PATH_BYTES, "/proc/self/fd/%d", fd);
    return fd;
}

/** The certificates are to be made by hand. */
static void require_good(const char *text, size_t length)
{
    struct cfg_problems problems = {0};
    char path[PATH_BYTES];
    int fd = make_file(text, length, path);
    struct cfg *cfg = cfg_load(path, &problems);

    require(cfg != NULL);
    cfg_check(cfg, &problems);
    for (size_t i = 0; i < problems.kept; i++)
        if (strstr(problems.list[i].sentence, "/etc/georelay/") == NULL) {
            fwrite(text, 1, length, stderr);
            cfg_problems_print(&problems, stderr);
            abort();
        }
    cfg_problems_fini(&problems);
    cfg_free(cfg);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    size_t first = zero != NULL ? (size_t)(zero - data) : size;
    char web[PATH_BYTES], server[PATH_BYTES], *text = NULL, *told = NULL;
    int fds[2] = {make_file(data, first, web), -1};
    size_t length = 0, told_length = 0;
    FILE *out = open_memstream(&text, &length), *err = open_memstream(&told, &told_length);
    enum iis_result result;

    if (zero != NULL)
        fds[1] = make_file(zero + 1, size - first - 1, server);
    require(out != NULL && err != NULL);
    result = iis_import(web, zero != NULL ? server : NULL, NULL, out, err);
    require(fclose(out) == 0 && fclose(err) == 0);
    require((result == IIS_DONE) == (length > 0));
    require(told_length > 0 && memchr(told, 0, told_length) == NULL);
    if (result == IIS_DONE)
        require_good(text, length);
    free(text);
    free(told);
    close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    return 0;
}
