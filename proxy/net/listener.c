/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a listening socket and its pause. On its loop's thread. */
#include "proxy/net/listener.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Accepts of one listener in one turn, so that a flood of connections does not starve the sessions. It begins with one, since the
 * call that finds nobody else is wasted in quiet times, and doubles from turn to turn while somebody is there each time.
 */
#define ACCEPT_BUDGET 64

#define PAUSE_MS 100

/* A pause is logged at most this often. */
#define PAUSE_LOG_MS 10000

struct listener {
    LIST_ENTRY(listener) entry;
    struct loop *loop;
    int fd;
    struct address address;
    enum account_purpose purpose;
    listener_fn *accepted;
    void *arg;
    struct watch watch;
    struct deadline pause;
    struct grave grave;
    unsigned budget;    /* of this turn */
    uint64_t last_turn; /* when somebody was accepted */
    bool is_borrowed;
    bool is_paused;
    bool is_closed;
    uint64_t pause_logged_ms;
    uint64_t pauses;
};

static void resume(void *arg)
{
    struct listener *l = arg;

    if (!l->is_paused || l->is_closed)
        return;
    l->is_paused = false;
    l->loop->paused_listeners--;
    deadline_clear(&l->pause);
    watch_set(&l->watch, l->fd, STREAM_READ);
}

static void log_pause(struct listener *l, int error)
{
    uint64_t now = clock_ms();
    struct log_line line;

    l->pauses++;
    if (l->pause_logged_ms != 0 && now - l->pause_logged_ms < PAUSE_LOG_MS)
        return;
    l->pause_logged_ms = now;
    if (log_begin(&line, LOG_LEVEL_WARN, "accept_paused")) {
        log_address(&line, "address", &l->address);
        log_text(&line, "error", strerror(error));
        log_number(&line, "times", l->pauses);
        log_end(&line);
    }
}

static void pause_accepting(struct listener *l, int error)
{
    log_pause(l, error);
    l->is_paused = true;
    l->loop->paused_listeners++;
    watch_set(&l->watch, l->fd, 0);
    deadline_set(&l->pause, PAUSE_MS);
}

/* Errors of a connection that died in the queue (accept(2), "Error handling"): the next one may be good. */
static bool is_of_the_connection(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENOPROTOOPT || error == EPERM ||
           error == ENETDOWN || error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH || error == EOPNOTSUPP ||
           error == ENONET;
}

static unsigned accept_budget(struct listener *l)
{
    bool was_busy = l->last_turn + 1 == l->loop->turns;

    l->last_turn = l->loop->turns;
    if (!was_busy)
        l->budget = 1;
    else if (l->budget < ACCEPT_BUDGET)
        l->budget *= 2;
    return l->budget;
}

/* False if nobody waits, or nobody can be taken now. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer_storage, local_storage;
    socklen_t peer_len = sizeof(peer_storage), local_len = sizeof(local_storage);
    struct address peer = {0}, local = l->address;
    int fd = accept4(l->fd, (struct sockaddr *)&peer_storage, &peer_len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        if (is_of_the_connection(errno))
            return true;
        pause_accepting(l, errno);
        return false;
    }
    address_from_sockaddr(&peer, (struct sockaddr *)&peer_storage, peer_len);
    account_accepted(l->purpose, &peer);
    if (address_is_any(&l->address) && getsockname(fd, (struct sockaddr *)&local_storage, &local_len) == 0)
        address_from_sockaddr(&local, (struct sockaddr *)&local_storage, local_len);
    l->accepted(l->arg, fd, &peer, &local);
    return true;
}

static void accept_some(void *arg, unsigned ready)
{
    struct listener *l = arg;
    unsigned budget = accept_budget(l);

    (void)ready;
    for (unsigned i = 0; i < budget && !l->is_closed && accept_one(l); i++)
        ;
}

static void listener_free(struct grave *g)
{
    free((char *)g - offsetof(struct listener, grave));
}

struct listener *listener_new(struct loop *loop, int fd, enum account_purpose purpose, listener_fn *accepted, void *arg)
{
    struct listener *l = listener_borrow(loop, fd, purpose, accepted, arg);

    if (l == NULL)
        close(fd);
    else
        l->is_borrowed = false;
    return l;
}

struct listener *listener_borrow(struct loop *loop, int fd, enum account_purpose purpose, listener_fn *accepted, void *arg)
{
    struct listener *l = calloc(1, sizeof(*l));
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    if (l == NULL)
        return NULL;
    l->loop = loop;
    l->fd = fd;
    l->is_borrowed = true;
    l->purpose = purpose;
    l->budget = 1;
    l->accepted = accepted;
    l->grave.bury = listener_free;
    l->arg = arg;
    if (getsockname(fd, (struct sockaddr *)&storage, &len) == 0)
        address_from_sockaddr(&l->address, (struct sockaddr *)&storage, len);
    watch_init(&l->watch, loop, accept_some, l);
    deadline_init(&l->pause, loop, resume, l);
    LIST_INSERT_HEAD(&loop->listeners, l, entry);
    watch_set(&l->watch, fd, STREAM_READ);
    return l;
}

void listener_close(struct listener *l)
{
    if (l == NULL || l->is_closed)
        return;
    watch_set(&l->watch, l->fd, 0);
    deadline_clear(&l->pause);
    if (l->is_paused)
        l->loop->paused_listeners--;
    if (!l->is_borrowed)
        close(l->fd);
    l->fd = -1;
    l->is_closed = true;
    LIST_REMOVE(l, entry);
    loop_bury(l->loop, &l->grave);
}

/* Who is in the queue has been told by the kernel that he is connected, and would be reset. */
#define FINISH_ACCEPTS 1024

void listener_finish(struct listener *l)
{
    if (l == NULL || l->is_closed)
        return;
    for (unsigned i = 0; i < FINISH_ACCEPTS && !l->is_closed && !l->is_paused && accept_one(l); i++)
        ;
    listener_close(l);
}

const struct address *listener_address(const struct listener *l)
{
    return &l->address;
}

void listener_resume_all(struct loop *loop)
{
    struct listener *l;

    if (loop->paused_listeners == 0)
        return;
    LIST_FOREACH(l, &loop->listeners, entry)
    resume(l);
}
