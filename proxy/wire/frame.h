/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The tunnel's frames as bytes: docs/tunnel-protocol.md section 2. Pure: no I/O, no clock, no allocation.
 *
 * A frame is read in two steps, so that a reader never takes a byte of the stream that may follow it: FRAME_HEAD bytes, of
 * which frame_body_length() tells the length of the body, then exactly that many bytes, which frame_parse() takes apart.
 */
#pragma once

#include "proxy/base/address.h"

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD     4
#define FRAME_BODY_MAX 512
#define FRAME_MAX      (FRAME_HEAD + FRAME_BODY_MAX)

#define FRAME_INSTANCE 16  /**< bytes of an instance */
#define FRAME_TEXT_MAX 255 /**< characters of a text */

#define FRAME_NAME_MAX 63 /**< characters of a name of ours */

#define FRAME_DATA_MAX  500  /**< bytes of a piece */
#define FRAME_WHOLE_MAX 8192 /**< bytes of what is sent in pieces */

#define FRAME_VERSION_LOW 1 /**< the oldest version of the protocol that this program speaks */
#define FRAME_VERSION     3 /**< the newest */

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_WELCOME,
    FRAME_PING,
    FRAME_PONG,
    FRAME_NEED,
    FRAME_DRAIN,
    FRAME_BYE,
    FRAME_SPARE,
    FRAME_DELIVER,
    FRAME_DIALLING,
    FRAME_OPEN,
    FRAME_OPENED,
    FRAME_REFUSED,
    FRAME_ASK, /* from here on: version 2 */
    FRAME_HAND,
    FRAME_OPEN_AT,
    FRAME_RENEW, /* from here on: version 3 */
    FRAME_RENEWED,
    FRAME_NOT_RENEWED,
    FRAME_TYPE_END
};

/** One frame. Which members count depends on the type; the others are zero after parsing. */
struct frame {
    enum frame_type type;
    uint16_t version_low;             /**< HELLO */
    uint16_t version;                 /**< HELLO: the highest; WELCOME: the chosen one */
    uint32_t heartbeat_ms;            /**< WELCOME */
    uint16_t spares;                  /**< WELCOME: level; NEED: how many more */
    uint64_t number;                  /**< PING, PONG: any; DELIVER, OPEN, OPEN_AT, ASK, HAND: stream id */
    uint8_t instance[FRAME_INSTANCE]; /**< HELLO, SPARE, OPEN, OPEN_AT, HAND */
    struct address client;            /**< DELIVER, HAND: the client, with the port to dial; OPEN, OPEN_AT, ASK: with its port */
    char text[FRAME_TEXT_MAX + 1];    /**< HELLO, WELCOME: program version; BYE, REFUSED, NOT_RENEWED: reason; DELIVER, OPEN,
                                         OPEN_AT: link; ASK, HAND: entry of the agent's servers */
    char behind[FRAME_NAME_MAX + 1];  /**< ASK, HAND: the agent that the client is behind; "": direct */
    uint16_t port;                    /**< OPEN_AT, ASK: the server's port that is wanted; ASK: 0 is that of the entry */
    uint16_t whole;                   /**< RENEW, RENEWED: bytes of all pieces, */
    uint16_t offset;                  /**< where this piece begins, */
    uint16_t length;                  /**< and how many bytes it has */
    uint8_t data[FRAME_DATA_MAX];
};

/** The length of the body from a head, or -1: unknown type, second byte set, or more than FRAME_BODY_MAX. */
int frame_body_length(const uint8_t head[FRAME_HEAD]);

/** Takes a body of `length` bytes apart. 0, or -1 (a field is cut short, out of its bounds, or bytes are left over) and `ret`
 * undefined. */
int frame_parse(const uint8_t head[FRAME_HEAD], const uint8_t *body, size_t length, struct frame *ret);

/** Writes head and body; returns the count. The caller's fields must be within their bounds (asserted). */
size_t frame_format(const struct frame *f, uint8_t bytes[FRAME_MAX]);

/** "HELLO", … for logs. */
const char *frame_name(enum frame_type type);
