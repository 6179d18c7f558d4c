/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One advise: the server's end, the client's end, and the messages from one to the other.
 *
 * The server sends its first message at once after connect(). The client's end is a stranger until that message
 * tells which advise it belongs to. All calls are made on the one thread; sockets block only within connect().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "test/bench/load/alarm_route.h"
#include "test/bench/load/poller.h"

#define ALARM_MESSAGE_BYTES 64

enum alarm_end_kind { ALARM_END_LISTENER = 0, ALARM_END_SERVER, ALARM_END_CLIENT };

struct alarm_advise;

/** A socket that is watched. */
struct alarm_end {
    struct watch watch; /* first: the poller gives it back */
    enum alarm_end_kind kind;
    struct alarm_advise *advise; /* NULL: a listener or a stranger */
    bool has_ended;              /* the peer's FIN was read */
    uint8_t part[ALARM_MESSAGE_BYTES];
    size_t part_bytes; /* of a message that has not come whole */
};

struct alarm_advise {
    uint32_t index;
    struct alarm_end server;
    struct alarm_end *client; /* NULL until the first message has come; owned */
    uint32_t sent;            /* messages; the first one is number 0 */
    uint32_t arrived;
    uint64_t due_ns;            /* "latency": when it is dialled next */
    struct alarm_advise *later; /* of those that wait for that */
    uint64_t bytes_sent;        /* bulk, after the first message */
    uint64_t bytes_arrived;
};

struct alarm_message {
    uint64_t sent_ns; /* of number 0: when connect() was called */
    uint32_t advise;
    uint32_t number;
    uint8_t rest[ALARM_MESSAGE_BYTES - 16]; /* of the pattern */
};

/** Dials and sends message 0. 0, or -1 with errno and everything closed. */
int alarm_advise_open(struct alarm_advise *a, uint32_t index, const struct alarm_route *r, struct poller *p);

/** Sends the next message. 0, or -1 with errno (a message of 64 bytes is taken whole or the socket is in trouble). */
int alarm_advise_send(struct alarm_advise *a, uint64_t now_ns);

/** Closes both ends and frees the client's. May be called again. */
void alarm_advise_close(struct alarm_advise *a, struct poller *p);

/** A client's end that has been accepted. NULL without memory (the fd is closed). */
struct alarm_end *alarm_end_accept(int fd);
void alarm_end_free(struct alarm_end *e, struct poller *p);

enum alarm_read { ALARM_READ_MESSAGE = 0, ALARM_READ_AGAIN, ALARM_READ_END, ALARM_READ_FAILED };

/** Reads up to one message at the client's end; FAILED has errno. */
enum alarm_read alarm_end_read(struct alarm_end *e, struct alarm_message *ret);

/** True if the message is the one with this number of this advise. */
bool alarm_message_is(const struct alarm_message *m, const struct alarm_advise *a, uint32_t number);
