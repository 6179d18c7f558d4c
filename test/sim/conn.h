/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP connection with its buffers. The owner gets five callbacks; it never sees EAGAIN, partial writes or epoll.
 *
 * Input is handed over as it comes: the owner says how much it used, the rest is kept and shown again with more.
 * Output is written at once as far as the socket takes it; the rest waits here, and the owner asks conn_pending()
 * before it makes more. An idle connection holds no buffer.
 *
 * Callbacks come from the loop only, never from inside a conn_*() call. conn_close(), conn_finish() and conn_reset()
 * end the owner's part: no callback follows. The memory goes at the end of the loop's turn.
 */
#ifndef GEOSIM_CONN_H
#define GEOSIM_CONN_H

#include "test/sim/address.h"
#include "test/sim/loop.h"

struct conn_events {
    /** The connection that conn_dial() began is open. */
    void (*open)(void *owner);
    /** Bytes came; returns how many were used. After closing, or while paused, the result only needs to be <= len. */
    size_t (*data)(void *owner, const uint8_t *bytes, size_t len);
    /** All output has left for the kernel after it had to wait. */
    void (*drained)(void *owner);
    /** The peer sent FIN. The owner must call conn_close() or conn_finish(), now. */
    void (*end)(void *owner);
    /** Dialling failed or the connection broke; it is closed already. `error` is an errno. */
    void (*gone)(void *owner, int error);
};

struct conn_bytes {
    uint8_t *bytes;
    size_t begin, end, room; /* what counts is bytes[begin..end) */
};

struct conn {
    unsigned magic;
    struct loop *loop;
    struct watch watch;
    struct conn *next, *prev; /* all of the loop */
    const struct conn_events *events;
    void *owner;
    struct conn_bytes input, output;
    struct timer redeliver; /* kept input is due again; after conn_finish(): the peer's FIN is overdue */
    int error;              /* a failed send, told at the next event */
    bool is_connecting, is_paused, saw_end;
    bool wants_fin;    /* FIN follows the output */
    bool closes_after; /* and close follows FIN: the owner is gone */
    bool was_blocked;  /* drained is owed */
};

/** Take an accepted, non-blocking fd. Returns NULL (fd closed) when the loop cannot watch it. */
struct conn *conn_accept(struct loop *l, int fd, const struct conn_events *events, void *owner);

/** Begin to connect to `to`, from `from` when given (port 0: the kernel's choice). Returns NULL with errno when it fails at once.
 */
struct conn *conn_dial(struct loop *l, const struct address *to, const struct address *from, const struct conn_events *events,
                       void *owner);

/** Room for `len` bytes of output, to be filled by the caller before any other call. Followed by conn_flush() sooner or later. */
uint8_t *conn_reserve(struct conn *c, size_t len);

/** Write what the socket takes. */
void conn_flush(struct conn *c);

/** Bytes that wait to be written. */
size_t conn_pending(const struct conn *c);

/** Stop reading; what came and was not used stays. */
void conn_pause(struct conn *c);

/** Read again; kept bytes are shown to the owner again in the next turn. */
void conn_resume(struct conn *c);

/** Send FIN after the output; reading goes on. */
void conn_shut_write(struct conn *c);

/** Send the output, then FIN, and close when the peer's FIN came too or 2 s have passed; the owner hears no more. */
void conn_finish(struct conn *c);

/** Close now: FIN when nothing was left unread. */
void conn_close(struct conn *c);

/** Close now by RST. */
void conn_reset(struct conn *c);

/** Close every connection of the loop, at the program's end; no callback follows. */
void conn_close_all(struct loop *l);

/** Addresses of both ends; *a is "not given" when the kernel does not know any more. */
void conn_local(const struct conn *c, struct address *a);
void conn_peer(const struct conn *c, struct address *a);

#endif
