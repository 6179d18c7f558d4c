/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket on the loop's only thread: a bounded number of accepts per turn, a pause when descriptors run out. */
#include "test/sim/listener.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 256
#define BACKLOG          4096
#define PAUSE_US         100000

static void listen_again(void *arg)
{
    struct listener *l = arg;
    loop_rewatch(l->loop, &l->watch, EPOLLIN);
}

static void listener_event(void *arg, unsigned events)
{
    struct listener *l = arg;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && l->watch.fd >= 0; i++) {
        int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->fn(l->arg, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            loop_rewatch(l->loop, &l->watch, 0);
            timer_start(l->loop, &l->again, PAUSE_US, listen_again, l);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

int listener_open(struct listener *l, struct loop *loop, struct address *at, listener_fn fn, void *arg)
{
    int one = 1;
    *l = (struct listener){.loop = loop, .watch.fd = -1, .fn = fn, .arg = arg};
    int fd = socket(at->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&at->storage, at->len) != 0 || listen(fd, BACKLOG) != 0)
        goto close_fd;
    socklen_t len = sizeof(at->storage);
    if (getsockname(fd, (struct sockaddr *)&at->storage, &len) != 0 ||
        loop_watch(loop, &l->watch, fd, EPOLLIN, listener_event, l) != 0)
        goto close_fd;
    return 0;
close_fd:;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void listener_close(struct listener *l)
{
    if (l->loop == NULL || l->watch.fd < 0)
        return;
    timer_stop(l->loop, &l->again);
    close(loop_unwatch(l->loop, &l->watch));
}
