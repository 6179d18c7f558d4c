/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends of advises and the bytes of a message. Every send and receive says MSG_DONTWAIT, which saves making sockets
 * non-blocking; connect() over loopback does not wait for anybody.
 */
#include "test/bench/load/alarm_advise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/load/moment.h"
#include "test/bench/load/pattern.h"

_Static_assert(sizeof(struct alarm_message) == ALARM_MESSAGE_BYTES, "no gaps");

static const uint8_t *rest_of(uint32_t index, uint32_t number)
{
    return pattern_at((uint64_t)index * 31 + (uint64_t)number * ALARM_MESSAGE_BYTES);
}

int alarm_advise_send(struct alarm_advise *a, uint64_t now_ns)
{
    struct alarm_message m = {.sent_ns = now_ns, .advise = a->index, .number = a->sent};

    memcpy(m.rest, rest_of(m.advise, m.number), sizeof m.rest);
    ssize_t n = send(a->server.watch.fd, &m, sizeof m, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != (ssize_t)sizeof m) {
        if (n >= 0)
            errno = ENOBUFS;
        return -1;
    }
    a->sent++;
    return 0;
}

bool alarm_message_is(const struct alarm_message *m, const struct alarm_advise *a, uint32_t number)
{
    return m->advise == a->index && m->number == number && memcmp(m->rest, rest_of(m->advise, number), sizeof m->rest) == 0;
}

static int dial(struct alarm_advise *a, const struct alarm_route *r)
{
    uint64_t now_ns = moment_ns();

    if (connect(a->server.watch.fd, (const struct sockaddr *)&r->to, sizeof r->to) != 0)
        return -1;
    return alarm_advise_send(a, now_ns);
}

int alarm_advise_open(struct alarm_advise *a, uint32_t index, const struct alarm_route *r, struct poller *p)
{
    *a = (struct alarm_advise){.index = index, .server = {.kind = ALARM_END_SERVER, .advise = a}};
    watch_init(&a->server.watch, alarm_route_socket(r));
    if (a->server.watch.fd < 0)
        return -1;
    if (dial(a, r) == 0 && poller_want(p, &a->server.watch, EPOLLIN) == 0)
        return 0;
    int error = errno;
    alarm_advise_close(a, p);
    errno = error;
    return -1;
}

void alarm_advise_close(struct alarm_advise *a, struct poller *p)
{
    watch_close(p, &a->server.watch);
    alarm_end_free(a->client, p);
    a->client = NULL;
}

struct alarm_end *alarm_end_accept(int fd)
{
    struct alarm_end *e = calloc(1, sizeof *e);

    if (e == NULL) {
        close(fd);
        return NULL;
    }
    e->kind = ALARM_END_CLIENT;
    watch_init(&e->watch, fd);
    return e;
}

void alarm_end_free(struct alarm_end *e, struct poller *p)
{
    if (e == NULL)
        return;
    watch_close(p, &e->watch);
    free(e);
}

enum alarm_read alarm_end_read(struct alarm_end *e, struct alarm_message *ret)
{
    ssize_t n = recv(e->watch.fd, e->part + e->part_bytes, sizeof e->part - e->part_bytes, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? ALARM_READ_AGAIN : ALARM_READ_FAILED;
    if (n == 0) {
        e->has_ended = true;
        return ALARM_READ_END;
    }
    e->part_bytes += (size_t)n;
    if (e->part_bytes < sizeof e->part)
        return ALARM_READ_AGAIN;
    memcpy(ret, e->part, sizeof *ret);
    e->part_bytes = 0;
    return ALARM_READ_MESSAGE;
}
