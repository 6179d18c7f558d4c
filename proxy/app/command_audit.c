/* SPDX-License-Identifier: Apache-2.0 */
/* Owns "georelay audit verify": which files are read in which order, and the exit code. */
#include "proxy/app/audits.h"
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "proxy/app/startup.h"

#include "config/load.h"
#include "proxy/audit/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                                                    \
    "usage: georelay audit verify [-c FILE] [--key FILE] [FILE...]\n\n"                                                          \
    "Looks for lines of the audit log that were changed, removed, added or moved. Without FILE it reads that of the\n"           \
    "configuration. Rotated files may be given in any order; \"-\" is standard input. Exit code: 0 nothing was found,\n"         \
    "1 something was, 2 the command or a file is wrong."

struct wanted {
    const char *config; /* NULL: not given */
    const char *key;
    struct cfg *cfg; /* NULL: files and key were given */
    struct audit_key secret;
    struct chain_place seal;
    bool has_seal;
};

static int trouble(const char *what, const char *path, const char *why)
{
    fprintf(stderr, "georelay: the %s %s can't be read: %s\n", what, path, why);
    return -1;
}

static int read_key(struct wanted *w)
{
    const char *path = w->key != NULL ? w->key : w->cfg != NULL ? w->cfg->audit.key : NULL;

    if (path == NULL || audit_key_read(path, &w->secret) == 0)
        return 0;
    return trouble("key", path, errno == EINVAL ? "it must have 16 to 256 bytes" : strerror(errno));
}

/* The seal's state is a finding, unless it can't be read at all. */
static int read_seal(struct wanted *w, struct verify *v)
{
    char path[PATH_MAX];

    if (w->cfg == NULL)
        return 0;
    snprintf(path, sizeof(path), "%s/%s", w->cfg->state, SEAL_NAME);
    switch (seal_read(path, &w->secret, &w->seal)) {
    case SEAL_GOOD:
        w->has_seal = true;
        v->seal = &w->seal;
        return 0;
    case SEAL_MISSING:
        printf("%s: the seal is missing, so nobody can tell whether the end was cut off\n", path);
        break;
    case SEAL_WRONG:
        printf("%s: the seal was changed, or made with another key\n", path);
        break;
    default:
        return trouble("seal", path, strerror(errno));
    }
    v->findings++;
    return 0;
}

static int load(struct wanted *w, int files)
{
    if (files > 0 && w->config == NULL)
        return 0; /* the files alone; there need be no configuration */
    w->cfg = startup_read(w->config != NULL ? w->config : DEFAULT_CONFIG, NULL);
    if (w->cfg == NULL)
        return -1;
    if (files > 0 || w->cfg->audit.file != NULL)
        return 0;
    fprintf(stderr, "%s: there is no audit.file; name the files to be read\n", w->cfg->file);
    return -1;
}

static int by_first(const void *a, const void *b)
{
    uint64_t first = verify_first(*(char *const *)a), second = verify_first(*(char *const *)b);

    return first < second ? -1 : first > second;
}

static int read_files(struct verify *v, char **files, int count)
{
    qsort(files, (size_t)count, sizeof(*files), by_first);
    for (int i = 0; i < count; i++)
        if (verify_file(v, files[i]) != 0)
            return trouble("file", files[i], strerror(errno));
    verify_end(v, files[count - 1]);
    return 0;
}

static void sum_up(const struct verify *v, const struct wanted *w)
{
    printf("%" PRIu64 " line%s good, %" PRIu64 " finding%s, %" PRIu64 " note%s", v->lines, v->lines == 1 ? "" : "s", v->findings,
           v->findings == 1 ? "" : "s", v->notes, v->notes == 1 ? "" : "s");
    printf("; %s, %s\n", w->secret.length > 0 ? "with the key" : "without a key",
           w->has_seal ? "the end compared with the seal" : "the end not compared with a seal");
}

static int verify(struct wanted *w, char **files, int count)
{
    struct verify v;
    char *own;

    if (load(w, count) != 0 || read_key(w) != 0)
        return EXIT_USAGE;
    verify_init(&v, &w->secret, NULL, stdout);
    own = w->cfg != NULL ? w->cfg->audit.file : NULL;
    if (read_seal(w, &v) != 0 || read_files(&v, count > 0 ? files : &own, count > 0 ? count : 1) != 0)
        return EXIT_USAGE;
    sum_up(&v, w);
    return v.findings > 0 ? EXIT_TROUBLE : EXIT_DONE;
}

int command_audit(int argc, char **argv)
{
    struct wanted w = {0};
    const struct option_row rows[] = {{"-c", "--config", "FILE",
                                       "the configuration (default " DEFAULT_CONFIG "): its audit file, key and state folder",
                                       &w.config},
                                      {NULL, "--key", "FILE", "the key, in place of audit.key", &w.key},
                                      {0}};
    int count, code;

    switch (options_read(argc, argv, rows, USAGE, &count)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    if (count < 1 || strcmp(argv[1], "verify") != 0) {
        fprintf(stderr, "%s\n", USAGE);
        return EXIT_USAGE;
    }
    code = verify(&w, argv + 2, count - 1);
    explicit_bzero(&w.secret, sizeof(w.secret));
    cfg_free(w.cfg);
    return code;
}
