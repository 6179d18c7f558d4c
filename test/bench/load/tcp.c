/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few socket calls that server and clients share. One thread.
 */
#include "test/bench/load/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define BACKLOG 4096

int tcp_parse(struct sockaddr_in *a, const char *text)
{
    struct sockaddr_in got = {.sin_family = AF_INET};
    char ip[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    char *end;

    if (colon == NULL || (size_t)(colon - text) >= sizeof ip)
        return -1;
    memcpy(ip, text, (size_t)(colon - text));
    ip[colon - text] = '\0';
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (inet_pton(AF_INET, ip, &got.sin_addr) != 1 || end == colon + 1 || *end != '\0' || port == 0 || port > UINT16_MAX)
        return -1;
    got.sin_port = htons((uint16_t)port);
    *a = got;
    return 0;
}

static int new_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int fail_with_closed(int fd)
{
    int fault = errno;

    close(fd);
    errno = fault;
    return -1;
}

int tcp_listen(const struct sockaddr_in *at)
{
    int fd = new_socket();
    int on = 1;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 || bind(fd, (const struct sockaddr *)at, sizeof *at) != 0 ||
        listen(fd, BACKLOG) != 0)
        return fail_with_closed(fd);
    return fd;
}

int tcp_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static int bind_address(int fd, const struct sockaddr_in *from)
{
    int on = 1;

    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0)
        return -1;
    return bind(fd, (const struct sockaddr *)from, sizeof *from);
}

int tcp_dial(const struct sockaddr_in *to, const struct sockaddr_in *from, bool no_delay)
{
    int fd = new_socket();
    int on = 1;

    if (fd < 0)
        return -1;
    if (no_delay && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return fail_with_closed(fd);
    if (from != NULL && bind_address(fd, from) != 0)
        return fail_with_closed(fd);
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS)
        return fail_with_closed(fd);
    return fd;
}

void tcp_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}
