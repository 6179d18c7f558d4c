/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the stream of a control channel and its heartbeat. Main loop. */
#include "proxy/tunnel/control.h"

#include "proxy/base/clock.h"
#include "proxy/net/watch.h"

#include <stdlib.h>

/* An end that was not heard of for so many heartbeats is dead. */
#define HEARTBEATS_LOST 3

/* Frames read in one turn. */
#define FRAME_BUDGET 32

struct control {
    struct loop *loop;
    struct stream *stream;
    const struct control_ops *ops;
    void *arg;
    struct watch watch;
    struct deadline heartbeat;
    struct again again;
    struct grave grave;
    struct channel_reader reader;
    uint64_t heartbeat_ms;
    uint64_t heard_ms;
    bool is_closed;
    bool is_stuck; /* a frame could not be written */
};

static void control_free(struct grave *g)
{
    free((char *)g - offsetof(struct control, grave));
}

static void control_end(struct control *c)
{
    c->is_closed = true;
    deadline_clear(&c->heartbeat);
    loop_forget_again(c->loop, &c->again);
    watch_set(&c->watch, c->stream->fd, 0);
    stream_close(c->stream, STREAM_CLOSE_ORDERLY);
    c->stream = NULL;
    c->grave.bury = control_free;
    loop_bury(c->loop, &c->grave);
}

static void control_lost(struct control *c, enum reason why)
{
    if (c->is_closed)
        return;
    control_end(c);
    c->ops->ended(c->arg, why);
}

static void control_update(struct control *c)
{
    if (c->is_closed)
        return;
    watch_set(&c->watch, c->stream->fd, stream_wants(c->stream, STREAM_READ));
    if (stream_has_pending(c->stream))
        loop_call_again(c->loop, &c->again);
}

static void take_frame(struct control *c, const struct frame *f)
{
    struct frame pong = {.type = FRAME_PONG, .number = f->number};

    c->heard_ms = clock_ms();
    switch (f->type) {
    case FRAME_PING:
        (void)control_send(c, &pong);
        break;
    case FRAME_PONG:
        break;
    case FRAME_BYE:
    case FRAME_REFUSED:
        control_lost(c, reason_by_name(f->text, (unsigned)__builtin_strlen(f->text)));
        break;
    default:
        c->ops->frame(c->arg, f);
    }
}

static void read_frames(struct control *c)
{
    for (int i = 0; i < FRAME_BUDGET && !c->is_closed; i++) {
        struct frame f;
        enum channel_result result = channel_read(&c->reader, c->stream, &f);

        if (result == CHANNEL_AGAIN)
            break;
        if (result != CHANNEL_FRAME) {
            control_lost(c, channel_reason(result, c->stream));
            return;
        }
        take_frame(c, &f);
    }
    control_update(c);
}

static void control_ready(void *arg, unsigned ready)
{
    struct control *c = arg;

    if ((ready & STREAM_WRITE) && stream_flush(c->stream) == STREAM_STEP_FAILED) {
        control_lost(c, REASON_CHANNEL_LOST);
        return;
    }
    read_frames(c);
}

static void control_again(struct again *a)
{
    read_frames((struct control *)((char *)a - offsetof(struct control, again)));
}

static void beat(void *arg)
{
    struct control *c = arg;
    uint64_t now = clock_ms();
    struct frame ping = {.type = FRAME_PING, .number = now};

    if (c->is_stuck || now - c->heard_ms >= c->heartbeat_ms * HEARTBEATS_LOST) {
        control_lost(c, REASON_HEARTBEAT_LOST);
        return;
    }
    (void)control_send(c, &ping);
    deadline_set(&c->heartbeat, c->heartbeat_ms);
    control_update(c);
}

struct control *control_new(struct loop *loop, struct stream *stream, const struct control_ops *ops, void *arg)
{
    struct control *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        stream_close(stream, STREAM_CLOSE_RESET);
        return NULL;
    }
    c->loop = loop;
    c->stream = stream;
    stream->pool = &loop->chunks;
    c->ops = ops;
    c->arg = arg;
    c->again.call = control_again;
    watch_init(&c->watch, loop, control_ready, c);
    deadline_init(&c->heartbeat, loop, beat, c);
    return c;
}

void control_start(struct control *c, uint64_t heartbeat_ms)
{
    c->heartbeat_ms = heartbeat_ms;
    c->heard_ms = clock_ms();
    deadline_set(&c->heartbeat, heartbeat_ms);
    control_update(c);
    /* A frame may have been read from the socket together with the one that came first. */
    loop_call_again(c->loop, &c->again);
}

bool control_send(struct control *c, const struct frame *f)
{
    if (c->is_closed || c->is_stuck)
        return false;
    if (!channel_write(c->stream, f)) {
        /* Its buffers are full: nobody reads there. The next heartbeat ends it. */
        c->is_stuck = true;
        return false;
    }
    control_update(c);
    return true;
}

void control_close(struct control *c, enum reason why)
{
    if (c == NULL || c->is_closed)
        return;
    if (why != REASON_NONE && !c->is_stuck)
        (void)channel_write_reason(c->stream, FRAME_BYE, why);
    (void)stream_shut_write(c->stream);
    control_end(c);
}

const struct stream *control_stream(const struct control *c)
{
    return c->stream;
}

const struct address *control_peer(const struct control *c)
{
    return &c->stream->peer;
}

const struct address *control_local(const struct control *c)
{
    return &c->stream->local;
}
