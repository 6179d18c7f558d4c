/* SPDX-License-Identifier: Apache-2.0 */
/* Owns no state: makes sockets with the options that every part relies on. Any thread. */
#include "proxy/net/socket.h"

#include "proxy/net/ephemeral.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

/* Connections that wait for accept; the kernel caps it by net.core.somaxconn. */
#define LISTEN_BACKLOG 4096

/* How often another source port is drawn when the kernel has picked one that the server may want to dial. */
#define AVOID_TRIES 32

/* The kernel's bound of TCP_KEEPCNT. */
#define PROBES_MAX 127

/* The longest pause between two repetitions or probes: the kernel's own, and ours where it lets us choose (tcp(7), Linux 6.15).
 */
#define RTO_MAX_S 120
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif

static void set_option(int fd, int level, int name, int value)
{
    /* Fails only for a socket of another kind, as in tests over a socketpair: then the option has no meaning. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* To be anybody: any address of any machine may be bound, and connections to it accepted. Needs CAP_NET_RAW or CAP_NET_ADMIN. */
static int set_transparent(int fd, int family)
{
    int on = 1;

    if (family == AF_INET6)
        return setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
    return setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
}

static int listen_at(const struct address *at, bool is_shared, bool is_transparent)
{
    int family = at->sa.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return -1;
    if (is_transparent && set_transparent(fd, family) != 0)
        goto close_fd;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (is_shared)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* what is accepted inherits it */
    if (bind(fd, &at->sa.any, address_len(at)) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;

close_fd:
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int socket_listen(const struct address *at, bool is_shared)
{
    return listen_at(at, is_shared, false);
}

int socket_listen_transparent(int family, uint16_t port)
{
    struct address at = {0};

    at.sa.any.sa_family = (sa_family_t)family; /* the rest is zero: any address */
    address_set_port(&at, port);
    return listen_at(&at, false, true);
}

static int at_least_1(int seconds)
{
    return seconds > 1 ? seconds : 1;
}

/*
 * Probes of an idle connection: often enough for the firewall, and so that the one after which the peer is given up comes
 * `dead_peer_s` seconds after its last sign of life (while TCP_USER_TIMEOUT is set the kernel gives up by that and not by the
 * count).
 */
static void set_keep_alive(int fd, int dead_peer_s, int silence_s)
{
    int interval = at_least_1(dead_peer_s / 6 < silence_s ? dead_peer_s / 6 : silence_s);
    int idle = at_least_1(dead_peer_s / 2 < silence_s ? dead_peer_s / 2 : silence_s);
    int probes = (dead_peer_s - idle + interval - 1) / interval;

    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, at_least_1(dead_peer_s - probes * interval));
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, probes < PROBES_MAX ? probes : PROBES_MAX);
}

void socket_guard(int fd, long dead_peer_s, long firewall_idle_s)
{
    int silence_s = at_least_1((int)(firewall_idle_s / 3));

    assert(dead_peer_s > 0);
    set_keep_alive(fd, (int)dead_peer_s, silence_s);
    /* The probes of a peer that does not read; before Linux 6.15 they are up to two minutes apart. */
    set_option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, silence_s < RTO_MAX_S ? silence_s * 1000 : RTO_MAX_S * 1000);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)dead_peer_s * 1000);
}

void socket_hold(int fd, bool is_held)
{
    set_option(fd, IPPROTO_TCP, TCP_CORK, is_held);
}

static enum reason set_source(int fd, const struct address *from, uint16_t port, bool is_foreign)
{
    struct address source = *from;

    if (is_foreign && set_transparent(fd, source.sa.any.sa_family) != 0)
        return errno == EPERM ? REASON_NO_CAPABILITY : REASON_DIAL_FAILED;
    address_set_port(&source, port);
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1); /* of sockets of either family */
    return bind(fd, &source.sa.any, address_len(&source)) == 0 ? REASON_NONE : REASON_DIAL_NO_SOURCE;
}

/* `port` is ours, or 0: the kernel's choice. */
static int dial_once(const struct address *to, const struct address *from, uint16_t port, bool is_foreign, enum reason *ret_why)
{
    int family = to->sa.any.sa_family;
    struct address any = {.sa.any.sa_family = (sa_family_t)family};
    int fd;

    if (from != NULL && from->sa.any.sa_family != family) {
        *ret_why = REASON_FAMILY_MISMATCH;
        return -1;
    }
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        *ret_why = socket_dial_reason(errno);
        return -1;
    }
    if (from != NULL || port != 0) {
        *ret_why = set_source(fd, from != NULL ? from : &any, port, is_foreign);
        if (*ret_why != REASON_NONE)
            goto close_fd;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (connect(fd, &to->sa.any, address_len(to)) == 0 || errno == EINPROGRESS)
        return fd;
    *ret_why = from != NULL && errno == EADDRNOTAVAIL ? REASON_DIAL_NO_SOURCE : socket_dial_reason(errno);

close_fd:
    close(fd);
    return -1;
}

static bool source_port_is_in(int fd, const struct port_range *avoid)
{
    struct address local = {0};
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    if (avoid->first == 0 || getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
        return false;
    address_from_sockaddr(&local, (struct sockaddr *)&storage, len);
    return port_range_contains(avoid, address_port(&local));
}

/* From a port of our own choice; the kernel's next one is a neighbour of its last, and likely to be avoided too. */
static int dial_elsewhere(const struct address *to, const struct address *from, bool is_foreign, const struct port_range *all,
                          const struct port_range *avoid, enum reason *ret_why)
{
    int fd = -1;

    *ret_why = REASON_DIAL_NO_SOURCE;
    for (unsigned i = 0; i < AVOID_TRIES && fd < 0 && *ret_why == REASON_DIAL_NO_SOURCE; i++) {
        uint32_t random = 0;

        (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
        fd = dial_once(to, from, ephemeral_draw(all, avoid, random), is_foreign, ret_why);
    }
    return fd;
}

static int dial(const struct address *to, const struct address *from, bool is_foreign, struct port_range wanted,
                enum reason *ret_why)
{
    struct port_range all = ephemeral_ports();
    struct port_range avoid = ephemeral_avoid(&all, &wanted);
    int fd = dial_once(to, from, 0, is_foreign, ret_why);
    int rejected = fd;

    if (fd < 0 || !source_port_is_in(fd, &avoid))
        return fd;
    fd = dial_elsewhere(to, from, is_foreign, &all, &avoid, ret_why);
    socket_reset(rejected);
    return fd;
}

int socket_dial(const struct address *to, const struct address *from, struct port_range avoid, enum reason *ret_why)
{
    return dial(to, from, false, avoid, ret_why);
}

int socket_dial_as(const struct address *to, const struct address *from, struct port_range avoid, enum reason *ret_why)
{
    return dial(to, from, true, avoid, ret_why);
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
