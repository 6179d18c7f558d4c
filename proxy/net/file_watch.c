/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns an inotify(7) instance and, for each file, the *steps* of the way to it: a folder and the name in it that leads on. An
 * event at one of these names makes us walk all ways anew. What has changed is decided by a look at the file itself (the *print*
 * of its inode, size and times), so that events about others, and events that were lost, do no harm. One loop.
 */
#include "proxy/net/file_watch.h"

#include "proxy/base/clock.h"
#include "proxy/net/stream.h"
#include "proxy/net/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* As the kernel (path_resolution(7)): more symbolic links on one way are a circle. */
#define LINKS_MAX 40

/* Names in a folder that come and go. */
#define NAME_EVENTS (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR)

/* Besides, in the folder of the file itself. */
#define FILE_EVENTS (NAME_EVENTS | IN_MODIFY | IN_CLOSE_WRITE)

struct print {
    int error; /* 0, or why it can't be looked at */
    struct stat st;
};

struct file {
    char *path; /* absolute */
    struct print seen;
};

struct step {
    int wd;
    char name[NAME_MAX + 1];
    bool is_file; /* the last one of its way */
};

struct file_watch {
    struct loop *loop;
    file_watch_fn *changed;
    void *arg;
    int fd;
    struct watch watch;
    struct deadline settle;
    struct deadline look;
    uint64_t since_ms; /* of the first event that is not told yet; 0: none */
    bool is_written;   /* bytes were written, whatever the times of the file say */
    bool is_blind;     /* a folder could not be watched */
    struct file *files;
    size_t files_count;
    struct step *steps;
    size_t steps_count, steps_room;
};

/* -- the way to a file ---------------------------------------------------------------------------------------------------------
 */

/* What is still to be walked, and where we are: no symbolic link is left in `at`. */
struct way {
    char at[PATH_MAX];
    char rest[PATH_MAX];
    unsigned links;
};

static int add_step(struct file_watch *w, const char *folder, const char *name, bool is_file)
{
    struct step *step;

    if (w->steps_count == w->steps_room) {
        size_t room = w->steps_room > 0 ? w->steps_room * 2 : 16;
        struct step *steps = realloc(w->steps, room * sizeof(*steps));

        if (steps == NULL)
            return -1;
        w->steps = steps;
        w->steps_room = room;
    }
    step = &w->steps[w->steps_count];
    step->wd = inotify_add_watch(w->fd, folder, IN_MASK_ADD | (is_file ? FILE_EVENTS : NAME_EVENTS));
    if (step->wd < 0) {
        w->is_blind = true;
        return 0;
    }
    snprintf(step->name, sizeof(step->name), "%s", name);
    step->is_file = is_file;
    w->steps_count++;
    return 0;
}

/* The next name of the way, cut off from what is left; false at its end. */
static bool next_name(struct way *way, char name[NAME_MAX + 1])
{
    size_t start = strspn(way->rest, "/");
    size_t length = strcspn(way->rest + start, "/");

    if (length == 0 || length > NAME_MAX)
        return false;
    memcpy(name, way->rest + start, length);
    name[length] = '\0';
    start += length;
    start += strspn(way->rest + start, "/");
    memmove(way->rest, way->rest + start, strlen(way->rest + start) + 1);
    return true;
}

static void step_up(struct way *way)
{
    char *slash = strrchr(way->at, '/');

    *slash = '\0';
    if (way->at[0] == '\0')
        strcpy(way->at, "/");
}

/* The path of `name` where we are. False if it is too long. */
static bool join(const struct way *way, const char *name, char path[PATH_MAX])
{
    int length = snprintf(path, PATH_MAX, "%s/%s", strcmp(way->at, "/") == 0 ? "" : way->at, name);

    return length > 0 && length < PATH_MAX;
}

/* Goes where a symbolic link points. False if that can't be. */
static bool follow(struct way *way, const char *path)
{
    char target[PATH_MAX];
    char rest[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    int whole;

    if (length <= 0 || ++way->links > LINKS_MAX)
        return false;
    target[length] = '\0';
    whole = snprintf(rest, sizeof(rest), "%s/%s", target, way->rest);
    if (whole < 0 || (size_t)whole >= sizeof(rest))
        return false;
    if (target[0] == '/')
        strcpy(way->at, "/");
    strcpy(way->rest, rest);
    return true;
}

/* Watches every folder on the way. A folder is watched before what is in it is looked at: nothing can slip between. */
static int walk(struct file_watch *w, const char *path)
{
    struct way way = {.at = "/"};
    char name[NAME_MAX + 1];
    char here[PATH_MAX];
    struct stat st;

    strcpy(way.rest, path);
    while (next_name(&way, name)) {
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            step_up(&way);
            continue;
        }
        if (add_step(w, way.at, name, way.rest[0] == '\0') != 0)
            return -1;
        if (!join(&way, name, here) || lstat(here, &st) != 0)
            return 0; /* it may come */
        if (!S_ISLNK(st.st_mode))
            strcpy(way.at, here);
        else if (!follow(&way, here))
            return 0;
    }
    return 0;
}

static bool is_watched(const struct file_watch *w, int wd)
{
    for (size_t i = 0; i < w->steps_count; i++)
        if (w->steps[i].wd == wd)
            return true;
    return false;
}

/* Walks all ways anew, and lets go of folders that are on none of them any longer. */
static int walk_all(struct file_watch *w)
{
    struct step *before = w->steps;
    size_t before_count = w->steps_count;
    int result = 0;

    w->steps = NULL;
    w->steps_count = w->steps_room = 0;
    w->is_blind = false;
    for (size_t i = 0; i < w->files_count && result == 0; i++)
        result = walk(w, w->files[i].path);
    for (size_t i = 0; i < before_count; i++)
        if (!is_watched(w, before[i].wd))
            (void)inotify_rm_watch(w->fd, before[i].wd);
    free(before);
    if (result != 0)
        w->is_blind = true;
    return result;
}

/* -- what has changed ----------------------------------------------------------------------------------------------------------
 */

static struct print take_print(const char *path)
{
    struct print p = {0};

    if (stat(path, &p.st) != 0)
        p.error = errno;
    return p;
}

static bool is_same(const struct print *a, const struct print *b)
{
    if (a->error != 0 || b->error != 0)
        return a->error == b->error;
    return a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino && a->st.st_size == b->st.st_size &&
           a->st.st_mtim.tv_sec == b->st.st_mtim.tv_sec && a->st.st_mtim.tv_nsec == b->st.st_mtim.tv_nsec &&
           a->st.st_ctim.tv_sec == b->st.st_ctim.tv_sec && a->st.st_ctim.tv_nsec == b->st.st_ctim.tv_nsec;
}

/* True if one of the files is not what it was at the last look. */
static bool look_at_all(struct file_watch *w)
{
    bool is_changed = false;

    for (size_t i = 0; i < w->files_count; i++) {
        struct print p = take_print(w->files[i].path);

        is_changed |= !is_same(&p, &w->files[i].seen);
        w->files[i].seen = p;
    }
    return is_changed;
}

/* While a folder can't be watched, its files are looked at often. */
static void set_look(struct file_watch *w)
{
    deadline_set(&w->look, w->is_blind ? FILE_WATCH_BLIND_MS : FILE_WATCH_LOOK_MS);
}

static void has_settled(void *arg)
{
    struct file_watch *w = arg;
    bool is_changed;

    (void)walk_all(w);
    set_look(w);
    is_changed = look_at_all(w) || w->is_written;
    w->is_written = false;
    w->since_ms = 0;
    if (is_changed)
        w->changed(w->arg); /* may free */
}

/* Something happened: tell of it when it is over. */
static void stir(struct file_watch *w)
{
    uint64_t now = clock_ms();
    uint64_t ms = FILE_WATCH_SETTLE_MS;

    if (w->since_ms == 0)
        w->since_ms = now;
    if (now + ms > w->since_ms + FILE_WATCH_LATEST_MS)
        ms = w->since_ms + FILE_WATCH_LATEST_MS > now ? w->since_ms + FILE_WATCH_LATEST_MS - now : 0;
    deadline_set(&w->settle, ms);
}

static void look(void *arg)
{
    struct file_watch *w = arg;
    bool is_changed = false;

    for (size_t i = 0; i < w->files_count && !is_changed; i++) {
        struct print p = take_print(w->files[i].path);

        is_changed = !is_same(&p, &w->files[i].seen);
    }
    if (is_changed && w->since_ms == 0)
        stir(w);
    set_look(w);
}

/* -- events --------------------------------------------------------------------------------------------------------------------
 */

static void take_event(struct file_watch *w, const struct inotify_event *e)
{
    if ((e->mask & IN_Q_OVERFLOW) != 0) {
        stir(w);
        return;
    }
    for (size_t i = 0; i < w->steps_count; i++) {
        const struct step *step = &w->steps[i];

        if (step->wd != e->wd || (e->len > 0 && strcmp(step->name, e->name) != 0))
            continue;
        if (step->is_file && e->len > 0 && (e->mask & IN_MODIFY) != 0)
            w->is_written = true;
        stir(w);
    }
}

static void events_ready(void *arg, unsigned ready)
{
    struct file_watch *w = arg;
    _Alignas(struct inotify_event) char bytes[16384];
    ssize_t n = read(w->fd, bytes, sizeof(bytes));

    (void)ready;
    for (ssize_t at = 0; n > 0 && at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(const void *)(bytes + at);

        take_event(w, e);
        at += (ssize_t)(sizeof(*e) + e->len);
    }
    /* A folder or link that is on the way now is watched at once: what comes into it must not wait for the next look. */
    if (deadline_is_set(&w->settle))
        (void)walk_all(w);
}

/* -- the watch -----------------------------------------------------------------------------------------------------------------
 */

struct file_watch *file_watch_new(struct loop *loop, file_watch_fn *changed, void *arg)
{
    struct file_watch *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0) {
        free(w);
        return NULL;
    }
    w->loop = loop;
    w->changed = changed;
    w->arg = arg;
    watch_init(&w->watch, loop, events_ready, w);
    watch_set(&w->watch, w->fd, STREAM_READ);
    deadline_init(&w->settle, loop, has_settled, w);
    deadline_init(&w->look, loop, look, w);
    set_look(w);
    return w;
}

/* NULL without memory, or if it is too long. */
static char *absolute(const char *path)
{
    char here[PATH_MAX] = "";
    char *whole = NULL;

    if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
        return NULL;
    if (strlen(here) + 1 + strlen(path) >= PATH_MAX)
        errno = ENAMETOOLONG;
    else if (asprintf(&whole, "%s%s%s", here, path[0] == '/' ? "" : "/", path) < 0)
        whole = NULL;
    return whole;
}

int file_watch_add(struct file_watch *w, const char *path)
{
    struct file *files = realloc(w->files, (w->files_count + 1) * sizeof(*files));
    char *whole;

    if (files == NULL)
        return -1;
    w->files = files;
    whole = absolute(path);
    if (whole == NULL)
        return -1;
    if (walk(w, whole) != 0) {
        free(whole);
        return -1;
    }
    w->files[w->files_count++] = (struct file){.path = whole, .seen = take_print(whole)};
    set_look(w);
    return 0;
}

void file_watch_free(struct file_watch *w)
{
    if (w == NULL)
        return;
    deadline_clear(&w->settle);
    deadline_clear(&w->look);
    watch_set(&w->watch, w->fd, 0);
    close(w->fd);
    for (size_t i = 0; i < w->files_count; i++)
        free(w->files[i].path);
    free(w->files);
    free(w->steps);
    free(w);
}
