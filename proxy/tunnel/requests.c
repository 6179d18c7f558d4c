/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the requests of connected agents, and their files. The files are small and written without waiting for the disk: an agent
 * sends its request again with each control channel. Main loop.
 */
#include "proxy/tunnel/requests.h"

#include "proxy/base/log.h"
#include "proxy/net/file_watch.h"
#include "proxy/tunnel/pieces.h"
#include "proxy/tunnel/relay_accept.h"
#include "tls/renew.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

/* An agent's requests are looked at so often at most; of those that come sooner the last waits. */
#define PAUSE_MS 2000

struct asker {
    LIST_ENTRY(asker) entry;
    char name[SESSION_NAME_MAX + 1];
    struct requests *requests;
    struct control *control; /* NULL: not connected, or has asked for nothing */
    struct pieces pieces;
    char *waiting;         /* whole; not looked at yet */
    char *request;         /* whole and good */
    struct deadline pause; /* set: one was looked at a moment ago */
    enum reason refused;   /* what was logged; the same again is not */
};

struct requests {
    struct hub *hub;
    const char *folder; /* of the newest configuration; NULL: none are taken */
    struct file_watch *watch;
    LIST_HEAD(, asker) list; /* agents that have asked since they were configured */
};

static struct asker *asker_of(struct requests *r, const char *agent)
{
    struct asker *a;

    LIST_FOREACH(a, &r->list, entry)
    if (strcmp(a->name, agent) == 0)
        break;
    return a;
}

/* -- files ---------------------------------------------------------------------------------------------------------------------
 */

static bool path_of(const struct requests *r, const char *name, const char *suffix, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s.%s", r->folder, name, suffix) < PATH_MAX;
}

/* A file of at most FRAME_WHOLE_MAX bytes, without zeros; NULL if there is none. */
static char *read_text(const char *path)
{
    char *text = malloc(FRAME_WHOLE_MAX + 2);
    int fd = text == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : read(fd, text, FRAME_WHOLE_MAX + 1);

    if (fd >= 0)
        close(fd);
    if (n <= 0 || n > FRAME_WHOLE_MAX || memchr(text, '\0', (size_t)n) != NULL) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static bool is_there(const char *path, const char *text)
{
    char *old = read_text(path);
    bool is_same = old != NULL && strcmp(old, text) == 0;

    free(old);
    return is_same;
}

static int write_text(const char *path, const char *text)
{
    char fresh[PATH_MAX + 8];
    size_t size = strlen(text);
    int fd;
    bool is_good;

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    is_good = write(fd, text, size) == (ssize_t)size;
    if (close(fd) != 0 || !is_good || rename(fresh, path) != 0) {
        unlink(fresh);
        return -1;
    }
    return 0;
}

/* -- answers -------------------------------------------------------------------------------------------------------------------
 */

static void log_request(const struct asker *a, enum log_level level, const char *event, const char *why, const char *remedy)
{
    struct log_line l;

    if (!log_begin(&l, level, event))
        return;
    log_text(&l, "agent", a->name);
    if (why != NULL)
        log_text(&l, "why", why);
    if (remedy != NULL)
        log_text(&l, "remedy", remedy);
    log_end(&l);
}

/* Sends the certificate if it is there and is the one that the agent waits for. */
static bool answer(struct requests *r, struct asker *a)
{
    char path[PATH_MAX];
    char *certificate = path_of(r, a->name, "crt", path) ? read_text(path) : NULL;
    bool is_sent = certificate != NULL && renew_certificate_fits(certificate, a->request);

    if (is_sent && (is_sent = pieces_send(a->control, FRAME_RENEWED, certificate))) {
        log_request(a, LOG_LEVEL_INFO, "renewal_answered", NULL, NULL);
        free(a->request);
        a->request = NULL;
    }
    free(certificate);
    return is_sent;
}

static void folder_changed(void *arg)
{
    struct requests *r = arg;

    struct asker *a;

    LIST_FOREACH(a, &r->list, entry)
    if (a->control != NULL && a->request != NULL)
        (void)answer(r, a);
}

static void refuse(struct asker *a, enum reason why)
{
    struct frame f = {.type = FRAME_NOT_RENEWED};

    snprintf(f.text, sizeof(f.text), "%s", reason_name(why));
    if (why != a->refused)
        log_request(a, LOG_LEVEL_WARN, "renewal_refused", reason_name(why),
                    why == REASON_RENEWAL_OFF ? "set tunnel.requests, or enrol the agent anew before its certificate ends"
                                              : NULL);
    a->refused = why;
    (void)control_send(a->control, &f);
}

/* -- requests ------------------------------------------------------------------------------------------------------------------
 */

static void log_unwritten(const struct asker *a, int error)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_ERROR, "renewal_failed"))
        return;
    log_text(&l, "agent", a->name);
    log_text(&l, "error", strerror(error));
    log_text(&l, "remedy", "make the folder tunnel.requests writable for georelay's user");
    log_end(&l);
}

/* For the administrator, unless the answer is there already. */
static void put_request(struct requests *r, struct asker *a)
{
    char path[PATH_MAX];

    if (answer(r, a) || !path_of(r, a->name, "csr", path))
        return;
    if (!is_there(path, a->request) && write_text(path, a->request) != 0)
        log_unwritten(a, errno);
    else
        log_request(a, LOG_LEVEL_INFO, "renewal_requested", NULL, "georelay pki renew");
}

/* Checking a signature and writing a file is work that an agent may not ask for as often as it likes. */
static void take_waiting(void *arg)
{
    struct asker *a = arg;
    struct requests *r = a->requests;

    if (a->waiting == NULL)
        return;
    free(a->request);
    a->request = a->waiting;
    a->waiting = NULL;
    deadline_set(&a->pause, PAUSE_MS);
    if (r->folder != NULL && renew_request_is_of(a->request, a->name)) {
        a->refused = REASON_NONE;
        put_request(r, a);
        return;
    }
    free(a->request);
    a->request = NULL;
    refuse(a, r->folder == NULL ? REASON_RENEWAL_OFF : REASON_RENEWAL_BAD);
}

static struct asker *asker_new(struct requests *r, const char *agent)
{
    struct asker *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return NULL;
    a->requests = r;
    snprintf(a->name, sizeof(a->name), "%s", agent);
    deadline_init(&a->pause, r->hub->loop, take_waiting, a);
    LIST_INSERT_HEAD(&r->list, a, entry);
    return a;
}

bool requests_take(struct requests *r, const char *agent, struct control *control, const struct frame *f)
{
    struct asker *a = asker_of(r, agent);

    if (a == NULL && (a = asker_new(r, agent)) == NULL)
        return true; /* without memory; the agent asks again */
    a->control = control;
    switch (pieces_take(&a->pieces, f)) {
    case PIECES_MORE:
        return true;
    case PIECES_BAD:
        return false;
    default:
        break;
    }
    free(a->waiting);
    a->waiting = pieces_give(&a->pieces);
    if (!deadline_is_set(&a->pause))
        take_waiting(a);
    return true;
}

static void empty(struct asker *a)
{
    pieces_fini(&a->pieces);
    free(a->waiting);
    free(a->request);
    a->control = NULL;
    a->waiting = a->request = NULL; /* the pause goes on */
}

void requests_forget(struct requests *r, const char *agent)
{
    struct asker *a = asker_of(r, agent);

    if (a != NULL)
        empty(a);
}

static void asker_free(struct asker *a)
{
    empty(a);
    deadline_clear(&a->pause);
    LIST_REMOVE(a, entry);
    free(a);
}

/* -- the folder ----------------------------------------------------------------------------------------------------------------
 */

static int watch_answers(struct requests *r)
{
    const struct cfg_tunnel *tunnel = &r->hub->cfg->tunnel;
    char path[PATH_MAX];

    if (r->folder == NULL)
        return 0;
    r->watch = file_watch_new(r->hub->loop, folder_changed, r);
    for (size_t i = 0; r->watch != NULL && i < tunnel->agents_count; i++)
        if (!path_of(r, tunnel->agents[i].name, "crt", path) || file_watch_add(r->watch, path) != 0)
            return -1;
    return r->watch != NULL ? 0 : -1;
}

struct requests *requests_new(struct hub *hub)
{
    struct requests *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->hub = hub;
    r->folder = hub->cfg->tunnel.requests;
    LIST_INIT(&r->list);
    if (watch_answers(r) != 0) {
        requests_free(r);
        return NULL;
    }
    return r;
}

static void log_unwatched(int error)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_ERROR, "renewal_failed"))
        return;
    log_text(&l, "error", strerror(error));
    log_text(&l, "remedy",
             "certificates in the folder tunnel.requests are found when agents ask again; raise fs.inotify.max_user_instances");
    log_end(&l);
}

void requests_move(struct requests *r)
{
    const char *folder = r->hub->cfg->tunnel.requests;
    bool is_other = folder != NULL && (r->folder == NULL || strcmp(folder, r->folder) != 0);
    struct asker *a, *next;

    for (a = LIST_FIRST(&r->list); a != NULL; a = next) {
        next = LIST_NEXT(a, entry);
        if (relay_agent_by_name(r->hub->cfg, a->name) == NULL)
            asker_free(a);
    }
    file_watch_free(r->watch);
    r->watch = NULL;
    r->folder = folder;
    if (watch_answers(r) != 0)
        log_unwatched(errno);
    LIST_FOREACH(a, &r->list, entry)
    if (is_other && a->control != NULL && a->request != NULL)
        put_request(r, a);
    folder_changed(r); /* what the watch before had not told yet */
}

void requests_free(struct requests *r)
{
    struct asker *a;

    if (r == NULL)
        return;
    file_watch_free(r->watch);
    while ((a = LIST_FIRST(&r->list)) != NULL)
        asker_free(a);
    free(r);
}
