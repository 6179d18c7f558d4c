/* SPDX-License-Identifier: Apache-2.0 */
/* Owns no state: makes sockets with the options that every part relies on. Any thread. */
#include "proxy/net/socket.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

/* Connections that wait for accept; the kernel caps it by net.core.somaxconn. */
#define LISTEN_BACKLOG 4096

/* How often another source port is drawn when the kernel picks one that the server may want to dial. */
#define AVOID_TRIES 16

static void set_option(int fd, int level, int name, int value)
{
    /* Fails only for a socket of another kind, as in tests over a socketpair: then the option has no meaning. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

int socket_listen(const struct address *at, bool is_shared)
{
    int family = at->sa.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (is_shared)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, &at->sa.any, address_len(at)) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

void socket_set_relay_options(int fd, long dead_peer_s)
{
    int idle = (int)(dead_peer_s / 2), interval = (int)(dead_peer_s / 6);

    assert(dead_peer_s > 0);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle > 0 ? idle : 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval > 0 ? interval : 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)dead_peer_s * 1000);
}

static int dial_once(const struct address *to, const struct address *from, enum reason *ret_why)
{
    int family = to->sa.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        *ret_why = socket_dial_reason(errno);
        return -1;
    }
    if (from != NULL) {
        struct address source = *from;

        address_set_port(&source, 0);
        set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (bind(fd, &source.sa.any, address_len(&source)) != 0) {
            *ret_why = REASON_DIAL_NO_SOURCE;
            goto close_fd;
        }
    }
    if (connect(fd, &to->sa.any, address_len(to)) == 0 || errno == EINPROGRESS)
        return fd;
    *ret_why = from != NULL && errno == EADDRNOTAVAIL ? REASON_DIAL_NO_SOURCE : socket_dial_reason(errno);

close_fd:
    close(fd);
    return -1;
}

static bool source_port_is_in(int fd, struct port_range avoid)
{
    struct address local = {0};
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    if (avoid.first == 0 || getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
        return false;
    address_from_sockaddr(&local, (struct sockaddr *)&storage, len);
    return port_range_contains(&avoid, address_port(&local));
}

int socket_dial(const struct address *to, const struct address *from, struct port_range avoid, enum reason *ret_why)
{
    int rejected[AVOID_TRIES]; /* kept open while drawing, else the kernel would give the same port again */
    int count = 0;
    int fd = dial_once(to, from, ret_why);

    while (fd >= 0 && source_port_is_in(fd, avoid)) {
        rejected[count++] = fd;
        fd = -1;
        if (count == AVOID_TRIES) {
            *ret_why = REASON_DIAL_NO_SOURCE;
            break;
        }
        fd = dial_once(to, from, ret_why);
    }
    while (count > 0)
        socket_reset(rejected[--count]);
    return fd;
}

enum reason socket_dial_reason(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
        return REASON_DIAL_REFUSED;
    case ETIMEDOUT:
        return REASON_DIAL_TIMEOUT;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
        return REASON_DIAL_UNREACHABLE;
    case EADDRNOTAVAIL:
        return REASON_DIAL_NO_SOURCE;
    case EMFILE:
    case ENFILE:
        return REASON_NO_FILES;
    case ENOMEM:
    case ENOBUFS:
        return REASON_NO_MEMORY;
    default:
        return REASON_DIAL_FAILED;
    }
}

enum reason socket_io_reason(int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        return REASON_FRONT_RESET;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return REASON_FRONT_VANISHED;
    case ENOMEM:
    case ENOBUFS:
        return REASON_NO_MEMORY;
    default:
        return REASON_FRONT_ERROR;
    }
}

void socket_reset(int fd)
{
    struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
    close(fd);
}
