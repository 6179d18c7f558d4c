/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 server (RFC 9112), one request at a time on a connection:
 *
 *   GET /b/N    200 with N bytes of the pattern
 *   PUT /u      reads Content-Length bytes, 200 with their count; with "Check: 1" it compares them with the pattern
 *               and says 409 when one is wrong
 *
 * Anything else is 400 or 404. "Connection: close" and HTTP/1.0 end the connection after the answer.
 *
 * States of a peer: HEAD (reads a head) -> TAKE (reads a body) -> GIVE (writes the answer) -> HEAD, or closed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "test/bench/load/head.h"
#include "test/bench/load/pattern.h"
#include "test/bench/load/server.h"

#define ANSWER_LIMIT 192

enum http_state { HTTP_HEAD = 0, HTTP_TAKE, HTTP_GIVE };

struct http_peer {
    struct peer peer; /* first */
    enum http_state state;
    bool closes;
    bool checks;
    bool is_wrong;    /* a byte of the body was not the pattern's */
    uint64_t take_at; /* of the request's body */
    uint64_t take_size;
    uint64_t give_at; /* of the pattern in the answer's body */
    uint64_t give_size;
    size_t answer_at; /* of the answer's head, and of short bodies that are no pattern */
    size_t answer_size;
    char answer[ANSWER_LIMIT];
    size_t have; /* bytes in `bytes`, from the peer, not yet used */
    char bytes[HEAD_LIMIT];
};

static void http_end(struct server *s, struct http_peer *h)
{
    watch_close(&s->poller, &h->peer.watch);
    free(h);
}

/** The answer's head for a body of the pattern, of `size` bytes. */
static void answer_pattern(struct http_peer *h, uint64_t size)
{
    h->answer_size = (size_t)snprintf(h->answer, sizeof h->answer, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n%s\r\n",
                                      (unsigned long long)size, h->closes ? "Connection: close\r\n" : "");
    h->give_size = size;
    h->state = HTTP_GIVE;
}

static void answer_text(struct http_peer *h, const char *status, const char *text)
{
    h->answer_size = (size_t)snprintf(h->answer, sizeof h->answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                                      strlen(text), h->closes ? "Connection: close\r\n" : "", text);
    h->give_size = 0;
    h->state = HTTP_GIVE;
}

static void answer_fault(struct http_peer *h, const char *status, const char *text)
{
    h->closes = true;
    answer_text(h, status, text);
}

static void answer_put(struct http_peer *h)
{
    char count[24];

    snprintf(count, sizeof count, "%llu", (unsigned long long)h->take_size);
    answer_text(h, h->is_wrong ? "409 Conflict" : "200 OK", h->is_wrong ? "A byte of the body is wrong." : count);
}

static void begin_get(struct http_peer *h, const char *path, const char *end)
{
    const char *space = memchr(path, ' ', (size_t)(end - path));
    uint64_t size;

    if (space == NULL || head_number(path, (size_t)(space - path), &size) != 0)
        answer_fault(h, "400 Bad Request", "GET /b/N wants a number.");
    else
        answer_pattern(h, size);
}

static void begin_put(struct http_peer *h, size_t length)
{
    if (head_content_length(h->bytes, length, &h->take_size) != 0) {
        answer_fault(h, "411 Length Required", "PUT /u wants a Content-Length.");
        return;
    }
    h->checks = head_field_is(h->bytes, length, "Check", "1");
    h->is_wrong = false;
    h->take_at = 0;
    h->state = HTTP_TAKE;
}

static void begin_request(struct http_peer *h, size_t length)
{
    const char *end = memchr(h->bytes, '\r', length);
    bool is_old = end - h->bytes >= 8 && memcmp(end - 8, "HTTP/1.0", 8) == 0;

    h->closes = head_field_is(h->bytes, length, "Connection", "close") ||
                (is_old && !head_field_is(h->bytes, length, "Connection", "keep-alive"));
    h->answer_at = 0;
    h->give_at = 0;
    if (strncmp(h->bytes, "GET /b/", 7) == 0)
        begin_get(h, h->bytes + 7, end);
    else if (strncmp(h->bytes, "PUT /u ", 7) == 0)
        begin_put(h, length);
    else
        answer_fault(h, "404 Not Found", "There are GET /b/N and PUT /u.");
    h->have -= length;
    memmove(h->bytes, h->bytes + length, h->have);
}

/** Each step returns true when the next one may follow at once, false when the peer must wait or is freed. */
static bool step_head(struct server *s, struct http_peer *h)
{
    size_t length = h->have > 0 ? head_length(h->bytes, h->have) : 0;

    if (length == 0) {
        ssize_t got = recv(h->peer.watch.fd, h->bytes + h->have, sizeof h->bytes - h->have, 0);

        if (got < 0 && errno == EAGAIN) {
            server_want(s, &h->peer, EPOLLIN);
            return false;
        }
        if (got <= 0) {
            http_end(s, h);
            return false;
        }
        h->have += (size_t)got;
        length = head_length(h->bytes, h->have);
    }
    if (length > 0)
        begin_request(h, length);
    else if (h->have == sizeof h->bytes)
        answer_fault(h, "431 Request Header Fields Too Large", "The request's head is too long.");
    else
        server_want(s, &h->peer, EPOLLIN);
    return h->state != HTTP_HEAD;
}

static void take_bytes(struct http_peer *h, const void *bytes, size_t size)
{
    if (h->checks && pattern_compare(bytes, size, h->take_at) != size)
        h->is_wrong = true;
    h->take_at += size;
}

/** What came together with the head. */
static void take_first(struct http_peer *h)
{
    uint64_t left = h->take_size - h->take_at;
    size_t size = h->have < left ? h->have : (size_t)left;

    take_bytes(h, h->bytes, size);
    h->have -= size;
    memmove(h->bytes, h->bytes + size, h->have);
}

static bool step_take(struct server *s, struct http_peer *h)
{
    if (h->have > 0)
        take_first(h);
    uint64_t left = h->take_size - h->take_at;
    if (left == 0) {
        answer_put(h);
        return true;
    }
    ssize_t got =
        recv(h->peer.watch.fd, server_scratch, left < SERVER_PIECE ? (size_t)left : SERVER_PIECE, h->checks ? 0 : MSG_TRUNC);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        http_end(s, h);
        return false;
    }
    if (got > 0)
        take_bytes(h, server_scratch, (size_t)got);
    if (h->take_at == h->take_size) {
        answer_put(h);
        return true;
    }
    server_want(s, &h->peer, EPOLLIN);
    return false;
}

/** Sends what is left of head and body, in one call. */
static ssize_t give(struct http_peer *h)
{
    uint64_t left = h->give_size - h->give_at;
    struct iovec parts[2] = {
        {h->answer + h->answer_at, h->answer_size - h->answer_at},
        {(void *)(uintptr_t)pattern_at(h->give_at), left < SERVER_PIECE ? (size_t)left : SERVER_PIECE},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    if (left == 0)
        return send(h->peer.watch.fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    return sendmsg(h->peer.watch.fd, &message, MSG_NOSIGNAL);
}

static bool step_give(struct server *s, struct http_peer *h)
{
    ssize_t sent = give(h);

    if (sent < 0 && errno != EAGAIN) {
        http_end(s, h);
        return false;
    }
    size_t moved = sent < 0 ? 0 : (size_t)sent;
    size_t of_head = h->answer_size - h->answer_at;
    if (of_head > moved)
        of_head = moved;
    h->answer_at += of_head;
    h->give_at += moved - of_head;
    if (h->answer_at < h->answer_size || h->give_at < h->give_size) {
        server_want(s, &h->peer, EPOLLOUT);
        return false;
    }
    if (h->closes) {
        http_end(s, h);
        return false;
    }
    h->state = HTTP_HEAD;
    server_want(s, &h->peer, EPOLLIN);
    return h->have > 0; /* the next request came with this one */
}

static void http_run(struct server *s, struct peer *p, uint32_t events)
{
    static bool (*const steps[])(struct server *, struct http_peer *) = {
        [HTTP_HEAD] = step_head,
        [HTTP_TAKE] = step_take,
        [HTTP_GIVE] = step_give,
    };
    struct http_peer *h = (struct http_peer *)p;

    (void)events;
    while (steps[h->state](s, h))
        continue;
}

struct peer *http_peer_new(int fd)
{
    struct http_peer *h = calloc(1, sizeof *h);

    if (h == NULL)
        return NULL;
    watch_init(&h->peer.watch, fd);
    h->peer.run = http_run;
    return &h->peer;
}
