/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of frames (docs/tunnel-protocol.md, section 2). On the thread that owns the stream. */
#include "proxy/tunnel/channel.h"

#include <assert.h>
#include <stdio.h>

/* Reads until `need` bytes are there. */
static enum channel_result read_up_to(struct channel_reader *r, struct stream *s, size_t need)
{
    while (r->have < need) {
        ssize_t n = stream_read(s, r->bytes + r->have, need - r->have);

        if (n == STREAM_AGAIN)
            return CHANNEL_AGAIN;
        if (n == STREAM_END)
            return CHANNEL_END;
        if (n == STREAM_FAILED)
            return CHANNEL_BROKEN;
        r->have += (size_t)n;
    }
    return CHANNEL_FRAME;
}

enum channel_result channel_read(struct channel_reader *r, struct stream *s, struct frame *ret)
{
    enum channel_result result = read_up_to(r, s, FRAME_HEAD);
    int length;

    if (result != CHANNEL_FRAME)
        return result;
    length = frame_body_length(r->bytes);
    if (length < 0)
        return CHANNEL_BAD;
    result = read_up_to(r, s, FRAME_HEAD + (size_t)length);
    if (result != CHANNEL_FRAME)
        return result;
    r->have = 0;
    return frame_parse(r->bytes, r->bytes + FRAME_HEAD, (size_t)length, ret) == 0 ? CHANNEL_FRAME : CHANNEL_BAD;
}

bool channel_write(struct stream *s, const struct frame *f)
{
    uint8_t bytes[FRAME_MAX];
    size_t count = frame_format(f, bytes);

    return stream_write(s, bytes, count) == (ssize_t)count;
}

bool channel_write_reason(struct stream *s, enum frame_type type, enum reason why)
{
    struct frame f = {.type = type};

    snprintf(f.text, sizeof(f.text), "%s", reason_name(why));
    return channel_write(s, &f);
}

enum reason channel_reason(enum channel_result result, const struct stream *s)
{
    assert(result != CHANNEL_FRAME && result != CHANNEL_AGAIN);
    if (result == CHANNEL_BAD)
        return REASON_PROTOCOL_ERROR;
    if (result == CHANNEL_END)
        return REASON_CHANNEL_LOST;
    /* A certificate that was refused is worth telling; of the rest it is enough that the channel is gone. */
    switch (s->why) {
    case REASON_FRONT_RESET:
    case REASON_FRONT_VANISHED:
    case REASON_FRONT_ERROR:
    case REASON_TLS_TRUNCATED:
        return REASON_CHANNEL_LOST;
    default:
        return s->why;
    }
}
