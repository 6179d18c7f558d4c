/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the socket, its file and who is connected. Connected clients have a place each in a small table, so nothing is allocated
 * but their answers. Main thread.
 */
#include "proxy/app/control_socket.h"

#include "config/place.h"
#include "proxy/app/accounts.h"
#include "proxy/app/audits.h"
#include "proxy/app/orders.h"
#include "proxy/base/log.h"
#include "proxy/net/stream.h"
#include "proxy/net/watch.h"

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Until accepting is tried again after it failed. */
#define PAUSE_MS 100

struct client {
    int fd;          /* -1: this place is free */
    uint64_t serial; /* an answer for the one before in this place is not ours */
    struct watch watch;
    struct deadline deadline;
    char line[CONTROL_LINE_BYTES + 1];
    size_t used;
    char *answer; /* NULL: the line is not whole yet */
    size_t length;
    size_t sent;
    struct status_walk *walk; /* brings the next piece of the answer; NULL: the answer is whole */
};

static struct control_socket {
    const struct cfg *cfg;
    char *config_path;
    uint64_t started_ms;
    int fd;
    dev_t device; /* of the file, to know it again */
    ino_t inode;
    struct loop *loop; /* NULL: not answering */
    struct status_view *view;
    struct watch watch;
    struct deadline pause;
    struct client clients[CONTROL_CLIENTS];
    unsigned count;
    uint64_t serial;
} control = {.fd = -1};

/* -- requests ------------------------------------------------------------------------------------------------------------------
 */

static bool answer_accounts(FILE *out)
{
    const struct generation *now = control.view->reload->now;

    return accounts_write(out, &(struct accounts_process){.cfg = control.cfg,
                                                          .config_path = control.config_path,
                                                          .started_ms = control.started_ms,
                                                          .generation = now->number,
                                                          .hash = now->hash});
}

static bool begin_status(struct client *c, const char *word);
static bool begin_kill(struct client *c, const char *word);
static bool begin_island(struct client *c, const char *word);

/* Each writes its whole answer, or begins one that comes later; perhaps with a word after its name. False without memory. */
static const struct {
    const char *name;
    bool takes_word;
    bool (*answer)(FILE *out);
    bool (*begin)(struct client *c, const char *word);
} requests[] = {
    {"accounts", false, answer_accounts, NULL},
    {"status", false, NULL, begin_status},
    {"kill", true, NULL, begin_kill},
    {"island", true, NULL, begin_island},
};

#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

static bool answer_unknown(FILE *out)
{
    fprintf(out, "georelay error=unknown_request known=");
    for (size_t i = 0; i < REQUESTS; i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", requests[i].name);
    fputc('\n', out);
    return true;
}

/* -- clients -------------------------------------------------------------------------------------------------------------------
 */

static void end_client(struct client *c)
{
    watch_set(&c->watch, c->fd, 0);
    deadline_clear(&c->deadline);
    close(c->fd);
    c->fd = -1;
    free(c->answer);
    c->answer = NULL;
    status_walk_free(c->walk);
    c->walk = NULL;
    control.count--;
    watch_set(&control.watch, control.fd, STREAM_READ);
}

static void client_is_late(void *arg)
{
    end_client(arg);
}

static void next_piece(struct client *c)
{
    if (c->walk == NULL) {
        end_client(c);
        return;
    }
    free(c->answer);
    c->answer = NULL;
    watch_set(&c->watch, c->fd, 0);
    status_walk_next(c->walk);
}

static void send_answer(struct client *c)
{
    while (c->sent < c->length) {
        ssize_t n = send(c->fd, c->answer + c->sent, c->length - c->sent, MSG_NOSIGNAL);

        if (n > 0) {
            c->sent += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch_set(&c->watch, c->fd, STREAM_WRITE);
            return;
        } else if (n == 0 || errno != EINTR) {
            end_client(c);
            return;
        }
    }
    next_piece(c);
}

static void answer_at_once(struct client *c, bool (*answer)(FILE *out))
{
    FILE *out = open_memstream(&c->answer, &c->length);
    bool is_whole = out != NULL && answer(out);

    if (out != NULL && fclose(out) == 0 && is_whole)
        send_answer(c);
    else
        end_client(c); /* without memory: the asker sees an answer without an end */
}

static void piece_came(void *arg, char *text, size_t length, bool is_last)
{
    struct client *c = arg;

    if (text == NULL) {
        end_client(c); /* the same */
        return;
    }
    if (is_last) {
        status_walk_free(c->walk);
        c->walk = NULL;
    }
    c->answer = text;
    c->length = length;
    c->sent = 0;
    deadline_set(&c->deadline, CONTROL_MS);
    send_answer(c);
}

static bool begin_status(struct client *c, const char *word)
{
    (void)word;
    c->walk = status_walk_new(control.view, piece_came, c);
    if (c->walk == NULL)
        return false;
    watch_set(&c->watch, c->fd, 0);
    status_walk_next(c->walk);
    return true;
}

/* Who is connected, when an order was given: it may be somebody else when it is answered. */
struct asker {
    struct client *client;
    uint64_t serial;
};

static void order_answered(void *arg, char *answer)
{
    struct asker asker = *(struct asker *)arg;
    struct client *c = asker.client;

    free(arg);
    if (c->fd < 0 || c->serial != asker.serial) {
        free(answer);
        return;
    }
    if (answer == NULL) {
        end_client(c);
        return;
    }
    c->answer = answer;
    c->length = strlen(answer);
    c->sent = 0;
    send_answer(c);
}

typedef void give_order_fn(const struct status_view *view, const char *word, unsigned uid, order_fn *done, void *arg);

static bool begin_order(struct client *c, const char *word, give_order_fn *give)
{
    struct asker *asker = malloc(sizeof(*asker));
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (asker == NULL || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        free(asker);
        return false;
    }
    *asker = (struct asker){.client = c, .serial = c->serial};
    watch_set(&c->watch, c->fd, 0);
    give(control.view, word, peer.uid, order_answered, asker);
    return true;
}

static bool begin_kill(struct client *c, const char *word)
{
    return begin_order(c, word, order_kill);
}

static bool begin_island(struct client *c, const char *word)
{
    return begin_order(c, word, order_island);
}

/* The word after the name; "" if there is none and none is wanted. NULL: the line is another request. */
static const char *word_of(const char *line, size_t request)
{
    size_t length = strlen(requests[request].name);

    if (strncmp(line, requests[request].name, length) != 0)
        return NULL;
    if (!requests[request].takes_word)
        return line[length] == '\0' ? "" : NULL;
    return line[length] == ' ' && line[length + 1] != '\0' ? line + length + 1 : NULL;
}

static void answer_line(struct client *c)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        const char *word = word_of(c->line, i);

        if (word == NULL)
            continue;
        audits_request(c->fd, c->line, true);
        if (requests[i].answer != NULL)
            answer_at_once(c, requests[i].answer);
        else if (!requests[i].begin(c, word))
            end_client(c);
        return;
    }
    audits_request(c->fd, c->line, false);
    answer_at_once(c, answer_unknown);
}

/* 1: there is a line; 0: not yet; -1: there will be none. */
static int read_line(struct client *c)
{
    ssize_t n = recv(c->fd, c->line + c->used, CONTROL_LINE_BYTES - c->used, 0);
    char *end;

    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    c->used += (size_t)n;
    c->line[c->used] = '\0';
    if (n == 0)
        return c->used > 0 ? 1 : -1; /* its last line needs no end */
    end = memchr(c->line, '\n', c->used);
    if (end != NULL) {
        *end = '\0';
        return 1;
    }
    if (c->used < CONTROL_LINE_BYTES)
        return 0;
    c->line[0] = '\0'; /* no request is as long as that */
    return 1;
}

static void client_ready(void *arg, unsigned ready)
{
    struct client *c = arg;

    (void)ready;
    if (c->answer != NULL) {
        send_answer(c);
        return;
    }
    switch (read_line(c)) {
    case 1:
        answer_line(c);
        return;
    case 0:
        return;
    default:
        end_client(c);
    }
}

static struct client *free_place(void)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (control.clients[i].fd < 0)
            return &control.clients[i];
    return NULL;
}

static void listen_on(void *arg)
{
    (void)arg;
    if (control.count < CONTROL_CLIENTS)
        watch_set(&control.watch, control.fd, STREAM_READ);
}

/* One a turn. While every place is taken the others wait in the kernel's queue: at most CONTROL_MS until one is free. */
static void accept_client(void *arg, unsigned ready)
{
    struct client *c = free_place();
    int fd;

    (void)arg;
    (void)ready;
    if (c == NULL) {
        watch_set(&control.watch, control.fd, 0);
        return;
    }
    fd = accept4(control.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED)
            return;
        watch_set(&control.watch, control.fd, 0); /* out of descriptors: no spinning */
        deadline_set(&control.pause, PAUSE_MS);
        return;
    }
    c->fd = fd;
    c->serial = ++control.serial;
    c->used = c->length = c->sent = 0;
    control.count++;
    watch_init(&c->watch, control.loop, client_ready, c);
    deadline_init(&c->deadline, control.loop, client_is_late, c);
    deadline_set(&c->deadline, CONTROL_MS);
    watch_set(&c->watch, fd, STREAM_READ);
}

/* -- the file ------------------------------------------------------------------------------------------------------------------
 */

static int tell(const char *problem, const char *remedy)
{
    const struct cfg *cfg = control.cfg;

    fprintf(stderr, "%s:%u: cannot make the control socket %s: %s. %s.\n", cfg_place_file(cfg, cfg->admin.socket_line),
            cfg_place_line(cfg->admin.socket_line), cfg->admin.socket, problem, remedy);
    return -1;
}

static int fill_address(struct sockaddr_un *at)
{
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(control.cfg->admin.socket) >= sizeof(at->sun_path))
        return tell("its path is too long", "Name one of at most 107 bytes");
    strcpy(at->sun_path, control.cfg->admin.socket);
    return 0;
}

/* Makes room for our file: what a process left behind that has ended is removed, and nothing else. */
static int remove_stale(const struct sockaddr_un *at)
{
    struct stat file;
    int fd, result, error;

    if (lstat(at->sun_path, &file) != 0)
        return errno == ENOENT ? 0 : tell(strerror(errno), "Mend the rights of its folder");
    if (!S_ISSOCK(file.st_mode))
        return tell("there is a file of another kind", "Remove it, or name another path");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return tell(strerror(errno), "See the system's log");
    result = connect(fd, (const struct sockaddr *)at, sizeof(*at));
    error = errno;
    close(fd);
    if (result == 0 || error == EAGAIN)
        return tell("another process answers there", "Stop that georelay, or give each its own \"socket\"");
    if (error != ECONNREFUSED)
        return tell(strerror(error), "Remove the file if no georelay runs, or mend its rights");
    return unlink(at->sun_path) == 0 ? 0 : tell(strerror(errno), "Remove the file, or mend the rights of its folder");
}

/* The user whom file and folder are for; NULL: ourselves. Its existence is checked where the rights are dropped. */
static const struct passwd *heir(void)
{
    return control.cfg->user != NULL && geteuid() == 0 ? getpwnam(control.cfg->user) : NULL;
}

static int make_folder(void)
{
    const struct passwd *user = heir();
    char *path = strdup(control.cfg->admin.socket);
    const char *folder = path != NULL ? dirname(path) : ".";
    int result = 0;

    if (mkdir(folder, 0750) == 0) {
        if (user != NULL && chown(folder, user->pw_uid, user->pw_gid) != 0)
            result = tell(strerror(errno), "Make its folder, and give it to the user of georelay");
    } else if (errno != EEXIST) {
        result = tell(strerror(errno), "Make its folder, or name another path");
    }
    free(path);
    return result;
}

/* With its final rights from the first moment on: nobody else can connect in between. */
static int bind_file(const struct sockaddr_un *at)
{
    const struct passwd *user = heir();
    mode_t before = umask(0117);
    int result = bind(control.fd, (const struct sockaddr *)at, sizeof(*at));
    int error = errno;
    struct stat file;

    umask(before);
    errno = error;
    if (result != 0)
        return tell(strerror(errno), "Mend the rights of its folder, or name another path");
    if (lstat(at->sun_path, &file) == 0) {
        control.device = file.st_dev;
        control.inode = file.st_ino;
    }
    if (user != NULL && lchown(at->sun_path, user->pw_uid, user->pw_gid) != 0)
        return tell(strerror(errno), "See the system's log");
    if (listen(control.fd, CONTROL_CLIENTS) != 0)
        return tell(strerror(errno), "See the system's log");
    return 0;
}

int control_socket_open(const struct cfg *cfg)
{
    struct sockaddr_un at;

    if (cfg->admin.socket == NULL)
        return 0;
    control.cfg = cfg;
    control.started_ms = accounts_now();
    control.config_path = realpath(cfg->file, NULL);
    if (control.config_path == NULL)
        return tell(strerror(errno), "The path of the configuration is needed for its answers");
    if (fill_address(&at) != 0 || make_folder() != 0 || remove_stale(&at) != 0)
        return -1;
    control.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control.fd < 0)
        return tell(strerror(errno), "See the system's log");
    return bind_file(&at);
}

static void log_listen(void)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "listen"))
        return;
    log_text(&l, "purpose", "control");
    log_text(&l, "name", "control");
    log_text(&l, "address", control.cfg->admin.socket);
    log_end(&l);
}

void control_socket_start(struct loop *loop, struct status_view *view)
{
    if (control.fd < 0)
        return;
    control.loop = loop;
    control.view = view;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        control.clients[i].fd = -1;
    watch_init(&control.watch, loop, accept_client, NULL);
    deadline_init(&control.pause, loop, listen_on, NULL);
    watch_set(&control.watch, control.fd, STREAM_READ);
    log_listen();
}

void control_socket_stop(void)
{
    if (control.loop == NULL)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (control.clients[i].fd >= 0)
            end_client(&control.clients[i]);
    watch_set(&control.watch, control.fd, 0);
    deadline_clear(&control.pause);
    control.loop = NULL;
}

void control_socket_close(void)
{
    struct stat file;

    control_socket_stop();
    if (control.inode != 0 && lstat(control.cfg->admin.socket, &file) == 0 && file.st_dev == control.device &&
        file.st_ino == control.inode)
        (void)unlink(control.cfg->admin.socket); /* a folder of root's keeps it; the next start replaces it */
    if (control.fd >= 0)
        close(control.fd);
    free(control.config_path);
    control = (struct control_socket){.fd = -1};
}
