/* SPDX-License-Identifier: Apache-2.0 */
/* Owns one connection to the control socket for the length of a call. Any thread. */
#include "proxy/app/control_ask.h"

#include "proxy/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *connect_remedy(int error)
{
    switch (error) {
    case ENOENT:
        return "start georelay, or look whether the one that runs has this \"admin.socket\" in its configuration";
    case ECONNREFUSED:
        return "start georelay: the file was left behind by one that has ended";
    case EACCES:
    case EPERM:
        return "run this as root or as the user of georelay";
    default:
        return "see the system's log";
    }
}

static int fail(struct control_asked *asked, int error, const char *remedy)
{
    snprintf(asked->problem, sizeof(asked->problem), "%s", strerror(error));
    asked->remedy = remedy;
    return -1;
}

/* A full queue of connections blocks, for as long as a receive would. */
static int connect_to(struct control_asked *asked, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = CONTROL_ASK_MS / 1000};
    struct ucred peer;
    socklen_t len = sizeof(peer);
    int fd, error;

    if (strlen(path) >= sizeof(at.sun_path))
        return fail(asked, ENAMETOOLONG, "name a socket with a shorter path");
    strcpy(at.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(asked, errno, "see the system's log");
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
        error = errno;
        close(fd);
        return fail(asked, error, connect_remedy(error));
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        asked->pid = peer.pid;
    return fd;
}

static int say(int fd, const char *request)
{
    char line[256];
    int length = snprintf(line, sizeof(line), "%s\n", request);

    return send(fd, line, (size_t)length, MSG_NOSIGNAL) == length ? 0 : -1;
}

/* All there is until the end; NULL with errno. */
static char *read_all(int fd)
{
    uint64_t until_ms = clock_ms() + CONTROL_ASK_MS;
    size_t used = 0, size = 65536;
    char *text = malloc(size);
    int error;

    while (text != NULL) {
        ssize_t n = recv(fd, text + used, size - used - 1, 0);

        if (n == 0 && used > 0) {
            text[used] = '\0';
            return text;
        }
        if (n <= 0 || clock_ms() > until_ms) {
            errno = n == 0 ? EPROTO : n > 0 || errno == EAGAIN ? ETIMEDOUT : errno;
            break;
        }
        used += (size_t)n;
        if (used + 1 == size) {
            char *more = size < CONTROL_ASK_BYTES ? realloc(text, size * 2) : NULL;

            if (more == NULL) {
                errno = ENOMEM;
                break;
            }
            text = more;
            size *= 2;
        }
    }
    error = errno;
    free(text);
    errno = error;
    return NULL;
}

struct control_asked control_ask(const char *path, const char *request)
{
    struct control_asked asked = {0};
    int fd = connect_to(&asked, path);

    if (fd < 0)
        return asked;
    if (say(fd, request) == 0)
        asked.text = read_all(fd);
    if (asked.text == NULL)
        fail(&asked, errno, "try again; if that does not help, see georelay's log");
    close(fd);
    return asked;
}
