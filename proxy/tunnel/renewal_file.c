/* SPDX-License-Identifier: Apache-2.0 */
/* Owns an agent's files of a renewal. write_work() runs on the job's thread, all else on the main loop. */
#include "proxy/tunnel/renewal_file.h"

#include "proxy/net/job.h"
#include "proxy/wire/frame.h"
#include "tls/renew.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A certificate as long as the protocol allows, its key, and what makes one file of them. */
enum { TEXT_BYTES_MAX = FRAME_WHOLE_MAX * 2 };

struct renewal_write {
    struct job job;
    char *text; /* NULL: `from` is there already */
    char from[PATH_MAX];
    char to[PATH_MAX];
    char remove[PATH_MAX]; /* "": nothing */
    int error;
    renewal_file_fn *done; /* NULL: nobody waits any more */
    void *arg;
};

bool renewal_file_path(const struct cfg *cfg, enum renewal_file which, char path[PATH_MAX])
{
    static const char *const suffix[] = {[RENEWAL_REQUEST] = "request", [RENEWAL_TRIAL] = "trial", [RENEWAL_PAIR] = "pem"};

    return snprintf(path, PATH_MAX, "%s/%s.%s", cfg->state, cfg->name, suffix[which]) < PATH_MAX;
}

void renewal_file_remove(const struct cfg *cfg, enum renewal_file which)
{
    char path[PATH_MAX];

    if (renewal_file_path(cfg, which, path))
        unlink(path);
}

char *renewal_file_read(const struct cfg *cfg, enum renewal_file which)
{
    char path[PATH_MAX];
    char *text = calloc(1, TEXT_BYTES_MAX + 1);
    int fd =
        text != NULL && renewal_file_path(cfg, which, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_BYTES_MAX);

    if (fd >= 0)
        close(fd);
    if (n > 0)
        return text;
    free(text);
    return NULL;
}

/* -- on the job's thread -------------------------------------------------------------------------------------------------------
 */

/* 0 or errno. */
static int write_secret(const char *path, const char *text)
{
    size_t size = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = 0;

    if (fd < 0)
        return errno;
    if (fchmod(fd, 0600) != 0)
        error = errno;
    for (size_t at = 0; at < size && error == 0;) {
        ssize_t n = write(fd, text + at, size - at);
        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? ENOSPC : errno;
    }
    if (error == 0 && fsync(fd) != 0)
        error = errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    return error;
}

/* So that the rename is on the disk, too. */
static void sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    int fd;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

static void make_folder_of(const char *path)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof(copy), "%s", path);
    (void)mkdir(dirname(copy), 0700);
}

static void write_work(struct job *j)
{
    struct renewal_write *w = (struct renewal_write *)j;

    make_folder_of(w->to);
    if (w->text != NULL)
        w->error = write_secret(w->from, w->text);
    if (w->error == 0 && rename(w->from, w->to) != 0)
        w->error = errno;
    if (w->error != 0) {
        if (w->text != NULL)
            unlink(w->from);
        return;
    }
    sync_folder_of(w->to);
    if (w->remove[0] != '\0')
        unlink(w->remove);
}

/* -- on the loop ---------------------------------------------------------------------------------------------------------------
 */

static void write_free(struct mail *m)
{
    struct renewal_write *w = (struct renewal_write *)m;

    renew_pair_free(w->text);
    free(w);
}

static void write_done(struct mail *m, struct loop *loop)
{
    struct renewal_write *w = (struct renewal_write *)m;
    renewal_file_fn *done = w->done;
    void *arg = w->arg;
    int error = w->error;

    (void)loop;
    write_free(m);
    if (done != NULL)
        done(arg, error);
}

static struct renewal_write *write_new(renewal_file_fn *done, void *arg)
{
    struct renewal_write *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    w->job.mail.deliver = write_done;
    w->job.mail.drop = write_free;
    w->job.work = write_work;
    w->done = done;
    w->arg = arg;
    return w;
}

/* `w` itself, or NULL. */
static struct renewal_write *start(struct renewal_write *w, bool is_good, struct loop *loop)
{
    if (is_good && job_start(&w->job, loop) == 0)
        return w;
    write_free(&w->job.mail);
    return NULL;
}

struct renewal_write *renewal_file_write(struct loop *loop, const struct cfg *cfg, enum renewal_file which, const char *text,
                                         renewal_file_fn *done, void *arg)
{
    struct renewal_write *w = write_new(done, arg);
    bool is_good;

    if (w == NULL)
        return NULL;
    w->text = strdup(text);
    is_good = w->text != NULL && renewal_file_path(cfg, which, w->to) &&
              snprintf(w->from, sizeof(w->from), "%s/%s.new", cfg->state, cfg->name) < PATH_MAX;
    return start(w, is_good, loop);
}

struct renewal_write *renewal_file_adopt(struct loop *loop, const struct cfg *cfg, renewal_file_fn *done, void *arg)
{
    struct renewal_write *w = write_new(done, arg);

    if (w == NULL)
        return NULL;
    return start(w,
                 renewal_file_path(cfg, RENEWAL_TRIAL, w->from) && renewal_file_path(cfg, RENEWAL_PAIR, w->to) &&
                     renewal_file_path(cfg, RENEWAL_REQUEST, w->remove),
                 loop);
}

void renewal_file_forget(struct renewal_write *w)
{
    if (w != NULL)
        w->done = NULL;
}
