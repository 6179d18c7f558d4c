/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the sockets that were handed over, until handed_close(): what is taken is a copy. Main thread. */
#include "proxy/app/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD   3
#define NAME_BYTES 64

static struct handed {
    struct {
        int fd;
        struct address at;
        char name[NAME_BYTES]; /* of LISTEN_FDNAMES; empty: none */
        bool is_known;         /* an address of the configuration */
        bool is_taken;
    } list[HANDED_MAX];
    unsigned count;
} handed;

/* A whole number without sign up to `max`, or -1. */
static long read_number(const char *text, long max)
{
    char *end = NULL;
    long value;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    value = strtol(text, &end, 10);
    return errno != 0 || *end != '\0' || value > max ? -1 : value;
}

/* Names stand in the order of the sockets, with colons between them. */
static void copy_name(const char *names, unsigned index, char name[NAME_BYTES])
{
    name[0] = '\0';
    for (; names != NULL && index > 0; index--) {
        names = strchr(names, ':');
        if (names != NULL)
            names++;
    }
    if (names != NULL)
        snprintf(name, NAME_BYTES, "%.*s", (int)strcspn(names, ":"), names);
}

static int get_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

/* What is wrong with it, or NULL; then `ret_at` is where it listens. */
static const char *look_at(int fd, struct address *ret_at)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof(storage);

    if (getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
        return "is no socket";
    if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6)
        return "is not a socket of IPv4 or IPv6; only ListenStream= with an address and a port is of use";
    if (get_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM || get_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
        return "is not listening for TCP; use ListenStream=, and Accept=no";
    address_from_sockaddr(ret_at, (const struct sockaddr *)&storage, len);
    if (storage.ss_family == AF_INET6 && address_is_any(ret_at) && get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0)
        return "takes IPv4 too, which the configuration's [::] does not; use BindIPv6Only=ipv6-only, and 0.0.0.0 for IPv4";
    return NULL;
}

static int set_flags(int fd)
{
    int on = 1;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* what is accepted inherits it */
    return 0;
}

static int add(int fd, const char *name)
{
    struct address at = {0};
    const char *wrong = set_flags(fd) == 0 ? look_at(fd, &at) : "is not open";

    if (wrong != NULL) {
        fprintf(stderr, "georelay: descriptor %d%s%s, which was handed over by LISTEN_FDS, %s.\n", fd, *name != '\0' ? ", " : "",
                name, wrong);
        return -1;
    }
    handed.list[handed.count].fd = fd;
    handed.list[handed.count].at = at;
    handed.list[handed.count].is_known = handed.list[handed.count].is_taken = false;
    snprintf(handed.list[handed.count].name, NAME_BYTES, "%s", name);
    handed.count++;
    return 0;
}

static int add_all(long count, const char *names)
{
    char name[NAME_BYTES];
    int result = 0;

    for (unsigned i = 0; i < (unsigned)count; i++) {
        copy_name(names, i, name);
        if (add(FIRST_FD + (int)i, name) != 0)
            result = -1;
    }
    return result;
}

/* Whoever started our parent meant that one. */
static bool is_for_us(const char *pid)
{
    return pid != NULL && strtol(pid, NULL, 10) == (long)getpid();
}

int handed_open(void)
{
    const char *fds = getenv("LISTEN_FDS");
    int result = 0;

    handed.count = 0;
    if (fds != NULL && is_for_us(getenv("LISTEN_PID"))) {
        long count = read_number(fds, HANDED_MAX);

        if (count < 0)
            fprintf(stderr, "georelay: LISTEN_FDS is \"%s\"; it must be a number up to %d. Hand over fewer sockets, or none.\n",
                    fds, HANDED_MAX);
        result = count < 0 ? -1 : add_all(count, getenv("LISTEN_FDNAMES"));
    }
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    return result;
}

static bool is_at(unsigned index, const struct address *at)
{
    return address_port(at) != 0 && address_port(&handed.list[index].at) == address_port(at) &&
           address_same_ip(&handed.list[index].at, at);
}

int handed_take(const struct address *at, unsigned worker)
{
    unsigned fitting = 0, turn = 0;
    int fd = -1;

    for (unsigned i = 0; i < handed.count; i++)
        fitting += is_at(i, at);
    for (unsigned i = 0; i < handed.count; i++) {
        if (!is_at(i, at))
            continue;
        handed.list[i].is_known = true;
        if (turn++ != worker % fitting)
            continue;
        handed.list[i].is_taken = true;
        fd = fcntl(handed.list[i].fd, F_DUPFD_CLOEXEC, 0);
    }
    return fd;
}

/* Connections would wait at it for ever, since whoever started us keeps it open. */
static void tell_untaken(const struct cfg *cfg, unsigned index)
{
    const char *name = handed.list[index].name;
    char text[ADDRESS_TEXT];

    fprintf(stderr, "%s: a socket that listens on %s was handed over (descriptor %d%s%s), and %s.\n", cfg->file,
            address_format(&handed.list[index].at, text), handed.list[index].fd, *name != '\0' ? ", " : "", name,
            handed.list[index].is_known
                ? "there are more of them than workers. Hand over one, or one for each worker"
                : "no \"listen\" of the configuration is that address. Make ListenStream= of the socket unit and \"listen\" the "
                  "same, or remove it");
}

int handed_close(const struct cfg *cfg)
{
    int result = 0;

    for (unsigned i = 0; i < handed.count; i++) {
        close(handed.list[i].fd);
        if (handed.list[i].is_taken)
            continue;
        tell_untaken(cfg, i);
        result = -1;
    }
    handed.count = 0;
    return result;
}
