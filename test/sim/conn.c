/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP connection: non-blocking reads and writes, half-close, reset (RFC 9293). Runs on the loop's only thread.
 * Reads go through one scratch buffer of the process; a connection owns memory only while bytes wait in it.
 */
#include "test/sim/conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CONN_MAGIC    0x636f6e6eu
#define SCRATCH_BYTES 262144
#define LINGER_US     2000000

static uint8_t scratch[SCRATCH_BYTES];

static size_t bytes_count(const struct conn_bytes *b)
{
    return b->end - b->begin;
}

static void bytes_free(struct conn_bytes *b)
{
    free(b->bytes);
    *b = (struct conn_bytes){0};
}

static uint8_t *bytes_reserve(struct conn_bytes *b, size_t len)
{
    if (b->room - b->end < len && b->begin > 0) {
        memmove(b->bytes, b->bytes + b->begin, bytes_count(b));
        b->end -= b->begin;
        b->begin = 0;
    }
    if (b->room - b->end < len) {
        size_t room = b->room * 2 > b->end + len ? b->room * 2 : b->end + len;
        uint8_t *grown = realloc(b->bytes, room);
        if (grown == NULL)
            abort(); /* a load generator without memory has nothing to save */
        b->bytes = grown;
        b->room = room;
    }
    b->end += len;
    return b->bytes + b->end - len;
}

static void bytes_drop(struct conn_bytes *b, size_t len)
{
    b->begin += len;
    assert(b->begin <= b->end);
    if (b->begin == b->end)
        bytes_free(b);
}

static void update_events(struct conn *c)
{
    unsigned wanted = 0;
    if (c->is_connecting || bytes_count(&c->output) > 0 || c->was_blocked)
        wanted |= EPOLLOUT;
    if (!c->is_connecting && !c->is_paused && !c->saw_end)
        wanted |= EPOLLIN;
    loop_rewatch(c->loop, &c->watch, wanted);
}

static void conn_destroy(struct conn *c)
{
    assert(c->magic == CONN_MAGIC && c->watch.fd >= 0);
    timer_stop(c->loop, &c->redeliver);
    *(c->prev != NULL ? &c->prev->next : &c->loop->conns) = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    close(loop_unwatch(c->loop, &c->watch));
    bytes_free(&c->input);
    bytes_free(&c->output);
    loop_free_later(c->loop, c);
}

static bool is_closed(const struct conn *c)
{
    return c->watch.fd < 0;
}

static void conn_fail(struct conn *c, int error)
{
    bool has_owner = !c->closes_after;
    conn_destroy(c);
    if (has_owner)
        c->events->gone(c->owner, error);
}

/* Show the owner kept bytes, then fresh ones; keep what it leaves. */
static void deliver(struct conn *c, const uint8_t *fresh, size_t len)
{
    if (c->closes_after)
        return; /* nobody listens any more */
    timer_stop(c->loop, &c->redeliver);
    if (bytes_count(&c->input) > 0) {
        if (len > 0)
            memcpy(bytes_reserve(&c->input, len), fresh, len);
        size_t used = c->events->data(c->owner, c->input.bytes + c->input.begin, bytes_count(&c->input));
        if (!is_closed(c))
            bytes_drop(&c->input, used);
        return;
    }
    size_t used = len > 0 ? c->events->data(c->owner, fresh, len) : 0;
    if (!is_closed(c) && used < len)
        memcpy(bytes_reserve(&c->input, len - used), fresh + used, len - used);
}

static void redeliver_timer(void *arg)
{
    deliver(arg, NULL, 0);
}

static void conn_read(struct conn *c)
{
    if (timer_is_running(&c->redeliver) && !c->closes_after) {
        deliver(c, NULL, 0);
        if (is_closed(c) || c->is_paused)
            return;
    }
    ssize_t got = recv(c->watch.fd, scratch, sizeof(scratch), 0);
    if (got > 0) {
        deliver(c, scratch, (size_t)got);
    } else if (got == 0 && c->error == 0) {
        c->saw_end = true;
        update_events(c);
        if (!c->closes_after)
            c->events->end(c->owner);
        else if (bytes_count(&c->output) == 0)
            conn_destroy(c);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        conn_fail(c, c->error != 0 ? c->error : errno);
    }
}

static int socket_error(const struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

static void connect_event(struct conn *c)
{
    int error = socket_error(c);
    if (error != 0) {
        conn_fail(c, error);
        return;
    }
    c->is_connecting = false;
    update_events(c);
    c->events->open(c->owner);
}

static void write_event(struct conn *c)
{
    conn_flush(c);
    if (is_closed(c) || bytes_count(&c->output) > 0 || !c->was_blocked)
        return;
    c->was_blocked = false;
    update_events(c);
    if (!c->closes_after)
        c->events->drained(c->owner);
}

static void conn_event(void *arg, unsigned events)
{
    struct conn *c = arg;
    assert(c->magic == CONN_MAGIC);
    if (c->is_connecting) {
        connect_event(c);
        return;
    }
    bool is_reading = !c->is_paused && !c->saw_end;
    if (!is_reading && (events & (EPOLLERR | EPOLLHUP)) != 0) {
        int error = c->error != 0 ? c->error : socket_error(c);
        conn_fail(c, error != 0 ? error : ECONNRESET);
        return;
    }
    if (is_reading && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
        conn_read(c);
    if (!is_closed(c) && (events & EPOLLOUT) != 0)
        write_event(c);
}

static struct conn *conn_new(struct loop *l, int fd, const struct conn_events *events, void *owner, bool is_connecting)
{
    struct conn *c = calloc(1, sizeof(*c));
    int one = 1;
    if (c == NULL)
        abort();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *c = (struct conn){.magic = CONN_MAGIC, .loop = l, .events = events, .owner = owner, .is_connecting = is_connecting};
    if (loop_watch(l, &c->watch, fd, is_connecting ? EPOLLOUT : EPOLLIN, conn_event, c) == 0) {
        c->next = l->conns;
        if (c->next != NULL)
            c->next->prev = c;
        l->conns = c;
        return c;
    }
    int error = errno;
    close(fd);
    free(c);
    errno = error;
    return NULL;
}

struct conn *conn_accept(struct loop *l, int fd, const struct conn_events *events, void *owner)
{
    return conn_new(l, fd, events, owner, false);
}

struct conn *conn_dial(struct loop *l, const struct address *to, const struct address *from, const struct conn_events *events,
                       void *owner)
{
    int one = 1;
    int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    if (from->len != 0) {
        /* the port is chosen at connect, per destination: thousands of links do not use the range up */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
        if (bind(fd, (const struct sockaddr *)&from->storage, from->len) != 0)
            goto close_fd;
    }
    if (connect(fd, (const struct sockaddr *)&to->storage, to->len) != 0 && errno != EINPROGRESS)
        goto close_fd;
    return conn_new(l, fd, events, owner, true);
close_fd:;
    int error = errno;
    close(fd);
    errno = error;
    return NULL;
}

uint8_t *conn_reserve(struct conn *c, size_t len)
{
    return bytes_reserve(&c->output, len);
}

static void linger_timer(void *arg)
{
    conn_destroy(arg);
}

/* After FIN a connection without owner waits for the peer's FIN: to close with unread bytes would reset what was sent. */
static void send_fin(struct conn *c)
{
    c->wants_fin = false;
    shutdown(c->watch.fd, SHUT_WR);
    if (!c->closes_after)
        return;
    if (c->saw_end) {
        conn_destroy(c);
        return;
    }
    c->is_paused = false;
    timer_start(c->loop, &c->redeliver, LINGER_US, linger_timer, c);
}

void conn_flush(struct conn *c)
{
    while (c->error == 0 && !c->is_connecting && bytes_count(&c->output) > 0) {
        ssize_t sent = send(c->watch.fd, c->output.bytes + c->output.begin, bytes_count(&c->output), MSG_NOSIGNAL);
        if (sent > 0)
            bytes_drop(&c->output, (size_t)sent);
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            c->error = errno;
    }
    if (c->error != 0) /* nobody will read it; the loop's EPOLLHUP tells the owner */
        bytes_free(&c->output);
    if (bytes_count(&c->output) > 0)
        c->was_blocked = true;
    else if (c->wants_fin && !c->is_connecting) {
        send_fin(c);
        if (is_closed(c))
            return;
    }
    update_events(c);
}

size_t conn_pending(const struct conn *c)
{
    return bytes_count(&c->output);
}

void conn_pause(struct conn *c)
{
    c->is_paused = true;
    timer_stop(c->loop, &c->redeliver);
    update_events(c);
}

void conn_resume(struct conn *c)
{
    if (!c->is_paused)
        return;
    c->is_paused = false;
    if (bytes_count(&c->input) > 0)
        timer_start(c->loop, &c->redeliver, 0, redeliver_timer, c);
    update_events(c);
}

void conn_shut_write(struct conn *c)
{
    c->wants_fin = true;
    conn_flush(c);
}

void conn_finish(struct conn *c)
{
    if (c->is_connecting) {
        conn_destroy(c);
        return;
    }
    c->wants_fin = true;
    c->closes_after = true;
    conn_flush(c);
}

void conn_close(struct conn *c)
{
    conn_destroy(c);
}

void conn_reset(struct conn *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    conn_destroy(c);
}

void conn_close_all(struct loop *l)
{
    while (l->conns != NULL)
        conn_destroy(l->conns);
}

void conn_local(const struct conn *c, struct address *a)
{
    *a = (struct address){.len = sizeof(a->storage)};
    if (getsockname(c->watch.fd, (struct sockaddr *)&a->storage, &a->len) != 0)
        a->len = 0;
}

void conn_peer(const struct conn *c, struct address *a)
{
    *a = (struct address){.len = sizeof(a->storage)};
    if (getpeername(c->watch.fd, (struct sockaddr *)&a->storage, &a->len) != 0)
        a->len = 0;
}
