/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll instance and the batch of events in hand. One thread.
 */
#include "test/bench/load/poller.h"

#include <errno.h>
#include <unistd.h>

int poller_init(struct poller *p)
{
    p->count = 0;
    p->next = 0;
    p->fd = epoll_create1(EPOLL_CLOEXEC);
    return p->fd < 0 ? -1 : 0;
}

void poller_fini(struct poller *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

void watch_init(struct watch *w, int fd)
{
    w->fd = fd;
    w->wanted = 0;
}

int poller_want(struct poller *p, struct watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};

    if (w->wanted == events)
        return 0;
    if (epoll_ctl(p->fd, w->wanted == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, w->fd, &e) != 0)
        return -1;
    w->wanted = events;
    return 0;
}

void watch_close(struct poller *p, struct watch *w)
{
    if (w->fd < 0)
        return;
    close(w->fd); /* epoll forgets it too: no other descriptor refers to the socket */
    w->fd = -1;
    w->wanted = 0;
    for (int i = p->next; i < p->count; i++) {
        if (p->batch[i].data.ptr == w)
            p->batch[i].data.ptr = NULL;
    }
}

int poller_wait(struct poller *p, int timeout_ms)
{
    p->next = 0;
    p->count = epoll_wait(p->fd, p->batch, POLLER_BATCH, timeout_ms);
    if (p->count >= 0)
        return 0;
    p->count = 0;
    return errno == EINTR ? 0 : -1;
}

struct watch *poller_next(struct poller *p, uint32_t *events)
{
    while (p->next < p->count) {
        const struct epoll_event *e = &p->batch[p->next++];

        if (e->data.ptr != NULL) {
            *events = e->events;
            return e->data.ptr;
        }
    }
    return NULL;
}
