/* SPDX-License-Identifier: Apache-2.0 */
/* Owns one socket. The stream of plain links, of advises and of upstream servers. On the thread that owns the stream. */
#include "proxy/net/tcp_stream.h"

#include "proxy/net/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct tcp_stream {
    struct stream stream;
    bool is_connecting;
    enum account_purpose purpose; /* of one that we open */
    bool is_shut;                 /* our FIN is out */
    bool is_reset;                /* a send was told that the peer broke the connection */
};

static struct tcp_stream *tcp_of(struct stream *s)
{
    return (struct tcp_stream *)s;
}

/* Dialling a port of our own machine where nobody listens, the kernel may pick that very port as the source: TCP then connects to
 * itself. */
static bool is_own_echo(const struct stream *s)
{
    return address_is_set(&s->local) && address_same_ip(&s->local, &s->peer) && address_port(&s->local) == address_port(&s->peer);
}

/* There is no peer yet, or there never will be. */
static enum stream_step unconnected(struct stream *s, int error)
{
    socklen_t len = sizeof(error);

    if (error == ENOTCONN && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
        return STREAM_STEP_AGAIN;
    s->why = socket_dial_reason(error);
    return STREAM_STEP_FAILED;
}

static enum stream_step tcp_greet(struct stream *s)
{
    struct tcp_stream *tcp = tcp_of(s);
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    if (!tcp->is_connecting)
        return STREAM_STEP_DONE;
    if (getpeername(s->fd, (struct sockaddr *)&storage, &len) != 0)
        return unconnected(s, errno);
    tcp_stream_learn_local(s);
    if (is_own_echo(s)) {
        s->why = REASON_DIAL_REFUSED;
        return STREAM_STEP_FAILED;
    }
    tcp->is_connecting = false;
    account_made(tcp->purpose, &s->peer);
    return STREAM_STEP_DONE;
}

static ssize_t failed_or_again(struct stream *s)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return STREAM_AGAIN;
    s->why = socket_io_reason(errno);
    return STREAM_FAILED;
}

/*
 * The kernel tells a reset once. If a send was told, a read gets what came before and then 0, as at an orderly end, which it is
 * not: nobody may take what came for the whole.
 */
static ssize_t tcp_read(struct stream *s, void *bytes, size_t size)
{
    ssize_t n;

    do
        n = recv(s->fd, bytes, size, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0 && tcp_of(s)->is_reset)
        return STREAM_FAILED;
    return n >= 0 ? n : failed_or_again(s);
}

static ssize_t tcp_write(struct stream *s, const void *bytes, size_t size)
{
    ssize_t n;

    do
        n = send(s->fd, bytes, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno != EPIPE && errno != EAGAIN && errno != EWOULDBLOCK)
        tcp_of(s)->is_reset = true; /* EPIPE: its orderly end had come before the reset */
    return failed_or_again(s);
}

static enum stream_step tcp_flush(struct stream *s)
{
    (void)s;
    return STREAM_STEP_DONE;
}

static enum stream_step tcp_shut_write(struct stream *s)
{
    struct tcp_stream *tcp = tcp_of(s);

    if (tcp->is_shut)
        return STREAM_STEP_DONE;
    if (shutdown(s->fd, SHUT_WR) != 0) {
        s->why = errno == ENOTCONN ? REASON_FRONT_RESET : socket_io_reason(errno);
        return STREAM_STEP_FAILED;
    }
    tcp->is_shut = true;
    return STREAM_STEP_DONE;
}

static void tcp_close(struct stream *s, enum stream_close how)
{
    if (s->fd >= 0) {
        if (how == STREAM_CLOSE_RESET)
            socket_reset(s->fd);
        else
            close(s->fd);
        s->fd = -1;
    }
    free(tcp_of(s));
}

static unsigned tcp_wants(const struct stream *s, unsigned interest)
{
    const struct tcp_stream *tcp = (const struct tcp_stream *)s;

    return tcp->is_connecting ? STREAM_WRITE : interest;
}

static bool tcp_has_pending(const struct stream *s)
{
    (void)s;
    return false;
}

static const struct stream_ops tcp_ops = {
    .name = "tcp",
    .greet = tcp_greet,
    .read = tcp_read,
    .write = tcp_write,
    .flush = tcp_flush,
    .shut_write = tcp_shut_write,
    .close = tcp_close,
    .wants = tcp_wants,
    .has_pending = tcp_has_pending,
};

static struct stream *tcp_stream_new(int fd, const struct address *peer, struct chunk_pool *pool)
{
    struct tcp_stream *tcp = calloc(1, sizeof(*tcp));

    if (tcp == NULL) {
        close(fd);
        return NULL;
    }
    tcp->stream.ops = &tcp_ops;
    tcp->stream.fd = fd;
    tcp->stream.peer = *peer;
    tcp->stream.pool = pool;
    return &tcp->stream;
}

struct stream *tcp_stream_accept(int fd, const struct address *peer, const struct address *local, struct chunk_pool *pool)
{
    struct stream *s = tcp_stream_new(fd, peer, pool);

    if (s != NULL)
        s->local = *local;
    return s;
}

struct stream *tcp_stream_connect(int fd, const struct address *peer, enum account_purpose purpose, struct chunk_pool *pool)
{
    struct stream *s = tcp_stream_new(fd, peer, pool);

    account_opened(purpose, peer); /* also without memory: the kernel has begun to connect */
    if (s != NULL) {
        tcp_of(s)->is_connecting = true;
        tcp_of(s)->purpose = purpose;
    }
    return s;
}

int tcp_stream_release(struct stream *s)
{
    int fd = s->fd;

    free(tcp_of(s));
    return fd;
}

int tcp_stream_splice_fd(const struct stream *s)
{
    return s->ops == &tcp_ops ? s->fd : -1;
}

void tcp_stream_learn_local(struct stream *s)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    if (getsockname(s->fd, (struct sockaddr *)&storage, &len) == 0)
        address_from_sockaddr(&s->local, (struct sockaddr *)&storage, len);
}
