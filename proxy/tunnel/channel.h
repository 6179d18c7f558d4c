/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Frames on a stream: reading them without taking a byte of what follows, writing them whole.
 */
#pragma once

#include "proxy/net/stream.h"
#include "proxy/wire/frame.h"

/** A frame that is being read. All zero at first; embedded or allocated by its owner. */
struct channel_reader {
    size_t have;
    uint8_t bytes[FRAME_MAX];
};

enum channel_result {
    CHANNEL_FRAME,  /**< a whole frame */
    CHANNEL_AGAIN,  /**< wait for more */
    CHANNEL_END,    /**< the peer ended between or within frames */
    CHANNEL_BROKEN, /**< the stream failed: its `why` */
    CHANNEL_BAD     /**< not a frame: protocol_error */
};

enum channel_result channel_read(struct channel_reader *r, struct stream *s, struct frame *ret);

/** Hands a frame to a stream that is not blocked. False if it was not taken whole: then the stream is of no more use. */
bool channel_write(struct stream *s, const struct frame *f);

/** A frame that carries a reason. */
bool channel_write_reason(struct stream *s, enum frame_type type, enum reason why);

/** The reason that a result other than FRAME and AGAIN stands for. */
enum reason channel_reason(enum channel_result result, const struct stream *s);
