/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes goes back. While something could not go back, nothing more is read. After the peer's FIN and the last
 * byte, the connection is closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test/bench/load/server.h"

#define ECHO_PIECE ((size_t)64 << 10)

struct echo_peer {
    struct peer peer;  /* first */
    uint8_t *waiting;  /* NULL: nothing waits */
    size_t waiting_at; /* of waiting_size bytes */
    size_t waiting_size;
};

static void echo_end(struct server *s, struct echo_peer *e)
{
    watch_close(&s->poller, &e->peer.watch);
    free(e->waiting);
    free(e);
}

/** Returns how much went, or -1 when the connection is broken. */
static ssize_t give(struct echo_peer *e, const uint8_t *bytes, size_t size)
{
    ssize_t sent = send(e->peer.watch.fd, bytes, size, MSG_NOSIGNAL);

    if (sent < 0 && errno == EAGAIN)
        return 0;
    return sent;
}

static int keep(struct echo_peer *e, const uint8_t *bytes, size_t size)
{
    e->waiting = malloc(size);
    if (e->waiting == NULL)
        return -1;
    memcpy(e->waiting, bytes, size);
    e->waiting_at = 0;
    e->waiting_size = size;
    return 0;
}

static void give_waiting(struct server *s, struct echo_peer *e)
{
    ssize_t sent = give(e, e->waiting + e->waiting_at, e->waiting_size - e->waiting_at);

    if (sent < 0) {
        echo_end(s, e);
        return;
    }
    e->waiting_at += (size_t)sent;
    if (e->waiting_at < e->waiting_size)
        return;
    free(e->waiting);
    e->waiting = NULL;
    server_want(s, &e->peer, EPOLLIN);
}

static void echo_run(struct server *s, struct peer *p, uint32_t events)
{
    struct echo_peer *e = (struct echo_peer *)p;

    (void)events;
    if (e->waiting != NULL) {
        give_waiting(s, e);
        return;
    }
    ssize_t got = recv(p->watch.fd, server_scratch, ECHO_PIECE, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    ssize_t sent = got > 0 ? give(e, server_scratch, (size_t)got) : -1;
    if (sent < 0 || (sent < got && keep(e, server_scratch + sent, (size_t)(got - sent)) != 0))
        echo_end(s, e);
    else if (sent < got)
        server_want(s, p, EPOLLOUT);
}

struct peer *echo_peer_new(int fd)
{
    struct echo_peer *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    watch_init(&e->peer.watch, fd);
    e->peer.run = echo_run;
    return &e->peer;
}
