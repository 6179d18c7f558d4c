/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the bytes of one direction of a conversation between reading and writing. On the session's thread. */
#include "proxy/web/flow.h"

#include <assert.h>
#include <string.h>

/* A piece of a body up to this size is copied behind the head that still waits, to leave with the same write and TLS record. */
#define JOIN_BYTES ((size_t)16 * 1024)

void flow_init(struct flow *f, struct loop *loop, struct stream *from, struct stream *to)
{
    *f = (struct flow){.loop = loop, .from = from, .to = to};
    f->body.state = HTTP_BODY_OVER;
}

static void put_in_if_empty(struct flow *f)
{
    if (f->in != NULL && chunk_fill(f->in) == 0)
        chunk_put(&f->loop->chunks, &f->in);
}

/* Room for another read, made by moving what is there to the front if need be. */
static size_t room_in(struct flow *f)
{
    struct chunk *c = f->in;

    if (c->start > 0 && c->end >= CHUNK_READ / 2) {
        memmove(c->bytes, c->bytes + c->start, chunk_fill(c));
        c->end -= c->start;
        c->start = 0;
    }
    return c->end < CHUNK_READ ? CHUNK_READ - c->end : 0;
}

ssize_t flow_fill(struct flow *f)
{
    size_t room;
    ssize_t n;

    if (f->has_ended)
        return STREAM_END;
    if (f->is_dry)
        return STREAM_AGAIN;
    if (f->in == NULL)
        f->in = chunk_get(&f->loop->chunks);
    if (f->in == NULL) {
        f->why = REASON_NO_MEMORY;
        return STREAM_FAILED;
    }
    room = room_in(f);
    if (room == 0)
        return STREAM_AGAIN;
    n = stream_read(f->from, f->in->bytes + f->in->end, room);
    f->is_dry = n < (ssize_t)room && !stream_has_pending(f->from);
    if (n > 0) {
        f->in->end += (size_t)n;
        loop_note_read(f->loop, (size_t)n);
        return n;
    }
    if (n == STREAM_END)
        f->has_ended = true;
    else if (n == STREAM_FAILED)
        f->why = f->from->why;
    put_in_if_empty(f);
    return n;
}

void flow_drop(struct flow *f, size_t bytes)
{
    assert(f->ready == 0 && bytes <= chunk_fill(f->in));
    f->in->start += bytes;
    put_in_if_empty(f);
}

char *flow_room(struct flow *f, size_t *ret_room)
{
    if (f->out == NULL)
        f->out = chunk_get(&f->loop->chunks);
    if (f->out == NULL)
        return NULL;
    *ret_room = chunk_room(f->out);
    return (char *)f->out->bytes + f->out->end;
}

void flow_wrote(struct flow *f, size_t bytes)
{
    assert(bytes <= chunk_room(f->out));
    f->out->end += bytes;
}

void flow_start_body(struct flow *f, const struct http_framing *framing, bool drops_chunks)
{
    assert(f->ready == 0);
    http_body_init(&f->body, framing, drops_chunks);
}

/* Lets the body look at what was read. */
static bool check(struct flow *f)
{
    size_t length = flow_length(f), ready = 0, before = length;

    if (length == 0 || f->body.state == HTTP_BODY_OVER)
        return true;
    f->fault = http_body_run(&f->body, flow_bytes(f), &length, &ready);
    f->in->end -= before - length;
    if (f->fault == HTTP_FAULT_NONE && f->most > 0 && f->body.bytes > f->most)
        f->fault = HTTP_FAULT_BODY_TOO_LARGE;
    if (f->fault != HTTP_FAULT_NONE)
        return false;
    f->ready += ready;
    return true;
}

/* Copies what is ready behind a head that waits. */
static void join(struct flow *f)
{
    if (f->out == NULL || f->ready == 0 || f->ready > JOIN_BYTES || f->ready > chunk_room(f->out))
        return;
    memcpy(f->out->bytes + f->out->end, f->in->bytes + f->in->start, f->ready);
    f->out->end += f->ready;
    f->in->start += f->ready;
    f->ready = 0;
    put_in_if_empty(f);
}

static void note_sent(struct flow *f, uint64_t count)
{
    f->bytes += count;
    if (f->sum != NULL)
        *f->sum += count;
}

enum flow_result flow_flush(struct flow *f)
{
    while (f->out != NULL && f->out_sent < f->out->end) {
        ssize_t n = stream_write(f->to, f->out->bytes + f->out_sent, f->out->end - f->out_sent);

        if (n == STREAM_AGAIN)
            return FLOW_BLOCKED;
        if (n == STREAM_FAILED) {
            f->why = f->to->why;
            return FLOW_TO_BROKEN;
        }
        f->out_sent += (size_t)n;
        note_sent(f, (uint64_t)n);
    }
    if (!f->is_retaining && f->out != NULL) {
        chunk_put(&f->loop->chunks, &f->out);
        f->out_sent = 0;
    }
    return FLOW_OVER;
}

static enum flow_result pass_on(struct flow *f)
{
    enum flow_result result;

    join(f);
    result = flow_flush(f);
    if (result != FLOW_OVER)
        return result;
    if (f->ready > 0)
        flow_commit(f); /* what goes straight on can't be had again */
    while (f->ready > 0) {
        ssize_t n = stream_write(f->to, f->in->bytes + f->in->start, f->ready);

        if (n == STREAM_AGAIN)
            return FLOW_BLOCKED;
        if (n == STREAM_FAILED) {
            f->why = f->to->why;
            return FLOW_TO_BROKEN;
        }
        f->in->start += (size_t)n;
        f->ready -= (size_t)n;
        note_sent(f, (uint64_t)n);
    }
    put_in_if_empty(f);
    return FLOW_OVER;
}

/* TLS streams may hold bytes that were taken: a message is over for its receiver only when they have left. */
static enum flow_result last_bytes(struct flow *f)
{
    switch (stream_flush(f->to)) {
    case STREAM_STEP_DONE:
        return FLOW_OVER;
    case STREAM_STEP_AGAIN:
        return FLOW_BLOCKED;
    default:
        f->why = f->to->why;
        return FLOW_TO_BROKEN;
    }
}

enum flow_result flow_run(struct flow *f, size_t budget)
{
    size_t taken = 0;

    for (;;) {
        enum flow_result result;
        ssize_t n;

        if (f->ready == 0 && !check(f))
            return FLOW_FAULT;
        result = pass_on(f);
        if (result != FLOW_OVER)
            return result;
        if (f->body.state == HTTP_BODY_OVER)
            return last_bytes(f);
        if (taken >= budget)
            return FLOW_MORE;
        n = flow_fill(f);
        if (n == STREAM_AGAIN)
            return FLOW_BLOCKED;
        if (n == STREAM_FAILED)
            return FLOW_FROM_BROKEN;
        if (n == STREAM_END) {
            if (!http_body_end(&f->body))
                return FLOW_CUT;
            continue;
        }
        taken += (size_t)n;
    }
}

bool flow_is_whole(const struct flow *f)
{
    return f->is_retaining && f->out != NULL && f->ready == 0 && f->body.state == HTTP_BODY_OVER;
}

void flow_rewind(struct flow *f)
{
    assert(f->is_retaining);
    f->out_sent = 0;
}

void flow_commit(struct flow *f)
{
    f->is_retaining = false;
    if (f->out != NULL && f->out_sent == f->out->end) {
        chunk_put(&f->loop->chunks, &f->out);
        f->out_sent = 0;
    }
}

void flow_reset(struct flow *f)
{
    chunk_put(&f->loop->chunks, &f->out);
    f->out_sent = 0;
    f->is_retaining = false;
    if (f->in != NULL)
        f->in->start += f->ready;
    f->ready = 0;
    put_in_if_empty(f);
    f->body = (struct http_body){.state = HTTP_BODY_OVER};
}

static bool has_waiting(const struct flow *f)
{
    return f->ready > 0 || (f->out != NULL && f->out_sent < f->out->end);
}

unsigned flow_from_interest(const struct flow *f)
{
    return f->body.state != HTTP_BODY_OVER && !f->has_ended && !has_waiting(f) ? STREAM_READ : 0;
}

unsigned flow_to_interest(const struct flow *f)
{
    return has_waiting(f) ? STREAM_WRITE : 0;
}

struct chunk *flow_take_rest(struct flow *f)
{
    struct chunk *rest = f->in;

    assert(f->ready == 0);
    f->in = NULL;
    return rest;
}

void flow_fini(struct flow *f)
{
    if (f->loop == NULL)
        return;
    chunk_put(&f->loop->chunks, &f->in);
    chunk_put(&f->loop->chunks, &f->out);
    f->ready = f->out_sent = 0;
}
