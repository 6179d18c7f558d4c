/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking sockets with a time limit: this is over before anything is measured.
 */
#include "test/bench/load/alarm_route.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BACKLOG 4096
#define LIMIT_S 5

static int fault(const char *what)
{
    fprintf(stderr, "bench_alarm: %s: %s\n", what, strerror(errno));
    return -1;
}

static void set(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* Nothing on it blocks for longer. */
static int limited_socket(void)
{
    struct timeval limit = {.tv_sec = LIMIT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static int listen_at(const struct sockaddr_in *at)
{
    int fd = limited_socket();

    if (fd < 0)
        return -1;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, (const struct sockaddr *)at, sizeof *at) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A socket that will connect from the IP address of `from`, at a port that the kernel chooses when it knows where to. */
static int socket_from(const struct sockaddr_in *from)
{
    struct sockaddr_in source = *from;
    int fd = limited_socket();

    source.sin_port = 0;
    if (fd < 0 || from->sin_family == 0)
        return fd;
    set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The link's source at the server is the leased address, and the advise goes to the client's port there. */
static int open_link(struct alarm_route *r, const struct alarm_options *o)
{
    struct sockaddr_in lease;
    socklen_t length = sizeof lease;
    int listener = listen_at(&o->link_server);

    if (listener < 0)
        return fault("--link-server");
    r->link_client = socket_from(&o->client);
    if (r->link_client < 0 || connect(r->link_client, (const struct sockaddr *)&o->link, sizeof o->link) != 0) {
        close(listener);
        return fault("--link");
    }
    r->link_server = accept4(listener, (struct sockaddr *)&lease, &length, SOCK_CLOEXEC);
    close(listener);
    if (r->link_server < 0)
        return fault("the link did not come to --link-server");
    r->to = lease;
    r->to.sin_port = o->client.sin_port;
    r->source = o->link_server;
    return 0;
}

int alarm_route_open(struct alarm_route *r, const struct alarm_options *o)
{
    *r = (struct alarm_route){.link_client = -1, .link_server = -1, .to = o->dial};
    r->listener = listen_at(&o->client);
    if (r->listener < 0)
        return fault("--client");
    if (o->link.sin_family == 0 || open_link(r, o) == 0)
        return 0;
    alarm_route_close(r);
    return -1;
}

void alarm_route_close(struct alarm_route *r)
{
    int *const fds[] = {&r->listener, &r->link_client, &r->link_server};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

int alarm_route_socket(const struct alarm_route *r)
{
    int fd = socket_from(&r->source);

    if (fd >= 0)
        set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}
