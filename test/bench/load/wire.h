/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One client connection: bytes over TCP, or over TLS over TCP, with as few system calls as can be.
 *
 * The TLS handshake happens inside the first writes. What OpenSSL wants to send is gathered and leaves in one call,
 * so that the last handshake message and the first request share a packet. After a short read no second read is
 * tried before the next event.
 *
 * Results of reading and writing: a count above 0, or one of enum wire_result. After WIRE_AGAIN give wire_wants()
 * to the poller.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "test/bench/load/poller.h"

enum wire_result { WIRE_END = 0, WIRE_AGAIN = -1, WIRE_FAILED = -2 };

struct wire {
    struct watch watch;  /* first: the poller gives it back */
    bool is_drained;     /* the last read was short: wait for an event */
    bool wants_write;    /* what the last WIRE_AGAIN waits for; else reading */
    int fault;           /* errno of the socket, after WIRE_FAILED; 0: TLS failed */
    SSL *ssl;            /* NULL: plain, or not dialled */
    BIO *bio;            /* made once, for all connections of this wire */
    SSL_SESSION *ticket; /* the newest; NULL: none yet, or not wanted */
    uint8_t *out;        /* ciphertext that the socket has not taken */
    size_t out_at;
    size_t out_size;
    size_t out_room;
};

/**
 * Takes a dialled socket. `ctx` NULL: plain. `name` is for SNI, and checked in the certificate when `checks_name`.
 * Returns 0, or -1 without memory (the socket is the wire's all the same).
 */
int wire_open(struct wire *w, int fd, SSL_CTX *ctx, const char *name, bool checks_name);

/** Tell the wire of an event before it is used again. */
void wire_wake(struct wire *w, uint32_t events);

/** Writes at most `size` bytes. WIRE_END never comes. After WIRE_AGAIN offer the same bytes again. */
ssize_t wire_write(struct wire *w, const void *bytes, size_t size);

/** Reads at most `size` bytes. WIRE_END: the peer's close_notify or FIN. */
ssize_t wire_read(struct wire *w, void *bytes, size_t size);

/** Drops at most `size` bytes as they are on the network, TLS or not. WIRE_END: the peer's FIN. */
ssize_t wire_discard(struct wire *w, size_t size);

/** Says that no more will come: close_notify if TLS, then FIN. Reading goes on. */
void wire_finish(struct wire *w);

/** Closes the socket; the wire can be opened again, and its ticket stays. May be called again. */
void wire_close(struct wire *w, struct poller *p);

/** Frees what wire_close() keeps. An all-zero wire with a closed socket is fine. */
void wire_fini(struct wire *w);

/** EPOLLIN or EPOLLOUT, whatever the last WIRE_AGAIN waits for. */
static inline uint32_t wire_wants(const struct wire *w)
{
    return w->wants_write ? EPOLLOUT : EPOLLIN;
}

/** A phrase for what went wrong, after WIRE_FAILED: "connection refused". Valid until the next call. */
const char *wire_fault(const struct wire *w);
