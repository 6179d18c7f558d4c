/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the loopback connections of the TLS tests. One thread drives both ends; waiting is on events. */
#include "test/unit/unit.h"

#include "test/unit/tls_pair.h"

#include "proxy/net/tcp_stream.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/** Longer than any test takes; a test that waits for nothing fails. */
enum { WAIT_MS = 10000 };

void pair_sockets(int fd[2], int buffer)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(listener >= 0 && bind(listener, (struct sockaddr *)&at, length) == 0 && listen(listener, 1) == 0);
    assert(getsockname(listener, (struct sockaddr *)&at, &length) == 0);
    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer > 0) {
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
        setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
        setsockopt(fd[0], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
        setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    }
    assert(connect(fd[0], (struct sockaddr *)&at, length) == 0);
    fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert(fd[1] >= 0);
    close(listener);
    for (int i = 0; i < 2; i++) {
        int on = 1;
        assert(fcntl(fd[i], F_SETFL, O_NONBLOCK) == 0);
        assert(setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    }
}

SSL *stranger_new(SSL_CTX *ctx, int fd, bool is_client)
{
    SSL *ssl = SSL_new(ctx);
    assert(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
    if (is_client)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    return ssl;
}

void stranger_free(SSL *ssl)
{
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    ERR_clear_error();
}

struct stream *pair_accept(struct tls_context *door, int fd, struct chunk_pool *pool)
{
    struct address none = {0};
    struct stream *s = tls_stream_accept(door, fd, &none, &none, pool);
    assert(s != NULL);
    return s;
}

struct stream *pair_connect(struct tls_context *agent, int fd, unsigned relay, struct chunk_pool *pool)
{
    struct address none = {0};
    struct stream *under = tcp_stream_connect(fd, &none, ACCOUNT_OTHER, pool);
    assert(under != NULL);
    struct stream *s = tls_stream_connect(agent, under, relay);
    assert(s != NULL);
    return s;
}

static short poll_events(unsigned wants)
{
    return (short)((wants & STREAM_READ ? POLLIN : 0) | (wants & STREAM_WRITE ? POLLOUT : 0));
}

void pair_wait(struct stream *s, unsigned interest)
{
    struct pollfd p = {.fd = s->fd, .events = poll_events(stream_wants(s, interest))};
    if (poll(&p, 1, WAIT_MS) <= 0)
        fail_msg("nothing came in time (wants %x)", stream_wants(s, interest));
}

/** Steps a stranger's handshake; what it wants to wait for, 0 if it is done or has failed. */
static short stranger_step(SSL *ssl)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return POLLIN;
    case SSL_ERROR_WANT_WRITE:
        return POLLOUT;
    default:
        return 0;
    }
}

enum stream_step pair_greet(struct stream *a, struct stream *b, SSL *stranger, enum stream_step *ret_b)
{
    enum stream_step step_a = STREAM_STEP_AGAIN;
    enum stream_step step_b = b == NULL ? STREAM_STEP_DONE : STREAM_STEP_AGAIN;
    short stranger_wants = stranger == NULL ? 0 : POLLIN;
    for (;;) {
        struct pollfd p[3];
        nfds_t count = 0;
        if (step_a == STREAM_STEP_AGAIN && (step_a = stream_greet(a)) == STREAM_STEP_AGAIN)
            p[count++] = (struct pollfd){.fd = a->fd, .events = poll_events(stream_wants(a, 0))};
        if (step_b == STREAM_STEP_AGAIN && (step_b = stream_greet(b)) == STREAM_STEP_AGAIN)
            p[count++] = (struct pollfd){.fd = b->fd, .events = poll_events(stream_wants(b, 0))};
        if (stranger_wants != 0 && (stranger_wants = stranger_step(stranger)) != 0)
            p[count++] = (struct pollfd){.fd = SSL_get_fd(stranger), .events = stranger_wants};
        if (count == 0 || (step_a != STREAM_STEP_AGAIN && b == NULL && step_a == STREAM_STEP_FAILED))
            break;
        if (poll(p, count, WAIT_MS) <= 0)
            fail_msg("the handshake stands still");
    }
    if (ret_b != NULL)
        *ret_b = step_b;
    return step_a;
}

ssize_t pair_read(struct stream *s, void *bytes, size_t size)
{
    size_t total = 0;
    while (total < size) {
        ssize_t n = stream_read(s, (uint8_t *)bytes + total, size - total);
        if (n == STREAM_AGAIN) {
            assert(!stream_has_pending(s));
            pair_wait(s, STREAM_READ);
            continue;
        }
        if (n <= 0)
            return total > 0 ? (ssize_t)total : n;
        total += (size_t)n;
    }
    return (ssize_t)total;
}

int stranger_read(SSL *ssl, void *bytes, int size)
{
    for (;;) {
        struct pollfd p = {.fd = SSL_get_fd(ssl), .events = POLLIN};
        ERR_clear_error();
        int n = SSL_read(ssl, bytes, size);
        if (n > 0)
            return n;
        int error = SSL_get_error(ssl, n);
        if (error != SSL_ERROR_WANT_READ)
            return -error;
        if (poll(&p, 1, WAIT_MS) <= 0)
            fail_msg("the stranger got nothing in time");
    }
}
