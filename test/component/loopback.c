/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing; every socket is the caller's. Any thread. */
#include "test/component/loopback.h"

#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define WAIT_MS 5000

static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    assert(poll(&p, 1, WAIT_MS) == 1);
}

static void set_buffer(int fd, int bytes)
{
    if (bytes == 0)
        return;
    assert(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0);
    assert(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0);
}

void loopback_pair(int fd[2], int buffer)
{
    struct address at;
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);
    int listener;

    assert(address_parse_port("127.0.0.1:0", &at) == 0);
    listener = socket_listen(&at, false);
    assert(listener >= 0 && getsockname(listener, (struct sockaddr *)&storage, &len) == 0);
    set_buffer(listener, buffer);
    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert(fd[0] >= 0);
    set_buffer(fd[0], buffer);
    assert(connect(fd[0], (struct sockaddr *)&storage, len) == 0 || errno == EINPROGRESS);
    wait_for(listener, POLLIN);
    fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert(fd[1] >= 0);
    wait_for(fd[0], POLLOUT);
    close(listener);
}

struct stream *loopback_stream(int fd, struct chunk_pool *pool)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);
    struct address peer = {0};
    struct stream *s;

    assert(getpeername(fd, (struct sockaddr *)&storage, &len) == 0);
    address_from_sockaddr(&peer, (struct sockaddr *)&storage, len);
    s = tcp_stream_accept(fd, &peer, &peer, pool);
    assert(s != NULL);
    tcp_stream_learn_local(s);
    return s;
}

void loopback_send(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

        if (n < 0) {
            assert(errno == EAGAIN);
            wait_for(fd, POLLOUT);
            continue;
        }
        at += n;
        size -= (size_t)n;
    }
}

ssize_t loopback_read(int fd, void *bytes, size_t size)
{
    ssize_t n = recv(fd, bytes, size, 0);

    if (n >= 0)
        return n;
    assert(errno == EAGAIN || errno == ECONNRESET);
    return errno == EAGAIN ? LOOPBACK_NOTHING : LOOPBACK_RESET;
}

void loopback_wait(int fd)
{
    wait_for(fd, POLLIN);
}

void loopback_reset(int fd)
{
    socket_reset(fd);
}

size_t open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}
