/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the bytes of one direction between reading and writing. On the session's thread. Half-close: docs/design.md, "The stream's
 * end".
 *
 * Copying and splicing share one turn: pass on what waits, then take more. A read that filled half a chunk is called bulk, and
 * the next one goes through a pipe if both ends are plain; a socket found empty ends that.
 */
#include "proxy/net/pump.h"

#include "proxy/net/pump_splice.h"

#include <assert.h>
#include <string.h>

/* A read of at least this size is taken for bulk. */
#define BULK_BYTES (CHUNK_READ / 2)

static const char *const state_names[] = {
#define X(constant, name) name,
    PUMP_STATES(X)
#undef X
};

const char *pump_state_name(enum pump_state state)
{
    return state_names[state];
}

static void pump_set_state(struct pump *p, enum pump_state state)
{
    assert(state > p->state); /* the states are passed in their order, some may be left out */
    p->state = state;
}

void pump_init(struct pump *p, struct loop *loop, struct stream *from, struct stream *to)
{
    *p = (struct pump){.loop = loop, .from = from, .to = to};
}

void pump_connect(struct pump *p, struct stream *to)
{
    assert(p->kept == 0 || p->is_retaining);
    if (p->state == PUMP_FAILED) { /* the receiver before broke; nothing is lost as long as all is kept */
        assert(p->is_retaining && !p->is_from_broken);
        p->state = p->has_ended ? PUMP_DRAINING : PUMP_OPEN;
    }
    p->to = to;
    p->kept = 0;
    p->bytes = 0;
}

void pump_retain(struct pump *p)
{
    assert(p->bytes == 0 && p->pipe == NULL);
    p->is_retaining = true;
}

void pump_commit(struct pump *p)
{
    p->is_retaining = false;
    if (p->chunk == NULL)
        return;
    p->chunk->start += p->kept;
    p->kept = 0;
    if (chunk_fill(p->chunk) == 0)
        chunk_put(&p->loop->chunks, &p->chunk);
}

/* -- the gate ------------------------------------------------------------------------------------------------------------------
 */

void pump_set_gate(struct pump *p, struct pump_gate *gate)
{
    assert(p->gate == NULL && p->chunk == NULL && p->pipe == NULL && p->bytes == 0 && !p->is_retaining);
    p->gate = gate;
}

/* How many bytes at the chunk's end may not be passed on. */
static size_t held(const struct pump *p)
{
    return p->gate != NULL ? p->gate->held : 0;
}

uint8_t *pump_held(struct pump *p)
{
    return p->chunk->bytes + p->chunk->end - held(p);
}

static void drop_gate(struct pump *p)
{
    struct pump_gate *gate = p->gate;

    p->gate = NULL;
    if (gate != NULL)
        gate->drop(gate);
}

void pump_lift_gate(struct pump *p)
{
    drop_gate(p);
}

/* The gate looks at what was read last, or at the end. False: it breaks the direction. */
static bool ask_gate(struct pump *p, const uint8_t *bytes, size_t count)
{
    enum pump_gate_step step = p->gate->look(p->gate, bytes, count);

    assert(p->gate->held <= chunk_fill(p->chunk));
    if (step == PUMP_GATE_BREAK) {
        p->why = p->gate->why;
        return false;
    }
    if (step == PUMP_GATE_LIFT || (step == PUMP_GATE_LOOK && count == 0))
        drop_gate(p);
    else
        p->gate->is_waiting = step == PUMP_GATE_WAIT;
    return true;
}

/* What is held when more is read goes to the chunk's start, so that there is always room. */
static void make_room(struct pump *p)
{
    size_t fill = chunk_fill(p->chunk);

    if (p->gate == NULL || fill == 0 || p->chunk->start == 0)
        return;
    memmove(p->chunk->bytes, p->chunk->bytes + p->chunk->start, fill);
    p->chunk->start = 0;
    p->chunk->end = fill;
}

/* -- moving --------------------------------------------------------------------------------------------------------------------
 */

static enum pump_result broken(struct pump *p, bool is_from_broken, enum reason why)
{
    p->is_from_broken = is_from_broken;
    p->why = why;
    pump_set_state(p, PUMP_FAILED);
    return PUMP_BROKEN;
}

/* How many bytes of the chunk wait to be passed on. */
static size_t waiting(const struct pump *p)
{
    return chunk_fill(p->chunk) - p->kept - held(p);
}

/* How many bytes may still be read into the chunk. */
static size_t room(const struct pump *p)
{
    if (p->chunk == NULL)
        return CHUNK_READ;
    return p->chunk->end < CHUNK_READ ? CHUNK_READ - p->chunk->end : 0;
}

static enum stream_step flush_chunk(struct pump *p)
{
    while (waiting(p) > 0) {
        ssize_t n = stream_write(p->to, p->chunk->bytes + p->chunk->start + p->kept, waiting(p));

        if (n == STREAM_AGAIN)
            return STREAM_STEP_AGAIN;
        if (n == STREAM_FAILED) {
            p->why = p->to->why;
            return STREAM_STEP_FAILED;
        }
        p->bytes += (uint64_t)n;
        if (p->is_retaining)
            p->kept += (size_t)n;
        else
            p->chunk->start += (size_t)n;
    }
    if (!p->is_retaining && held(p) == 0)
        chunk_put(&p->loop->chunks, &p->chunk);
    return STREAM_STEP_DONE;
}

static enum stream_step flush(struct pump *p)
{
    return p->pipe != NULL ? pump_splice_flush(p) : flush_chunk(p);
}

/* Reads once. `ret_is_dry`: there was less than asked for, so another read would find nothing. */
static ssize_t fill_chunk(struct pump *p, bool *ret_is_dry)
{
    size_t size;
    ssize_t n;

    *ret_is_dry = true;
    make_room(p);
    size = room(p);
    if (size == 0)
        return STREAM_AGAIN; /* retaining, and the chunk is full */
    if (p->chunk == NULL) {
        p->chunk = chunk_get(&p->loop->chunks);
        if (p->chunk == NULL) {
            p->why = REASON_NO_MEMORY;
            return STREAM_FAILED;
        }
    }
    n = stream_read(p->from, p->chunk->bytes + p->chunk->end, size);
    if (n > 0) {
        p->chunk->end += (size_t)n;
        *ret_is_dry = (size_t)n < size && !stream_has_pending(p->from);
        if (p->gate != NULL && !ask_gate(p, p->chunk->bytes + p->chunk->end - n, (size_t)n))
            return STREAM_FAILED;
        return n;
    }
    if (n == STREAM_FAILED)
        p->why = p->from->why;
    if (n == STREAM_END && p->gate != NULL && !ask_gate(p, NULL, 0))
        return STREAM_FAILED;
    if (chunk_fill(p->chunk) == 0)
        chunk_put(&p->loop->chunks, &p->chunk);
    return n;
}

static ssize_t fill(struct pump *p, bool *ret_is_dry)
{
    ssize_t n;

    if (p->pipe == NULL)
        return fill_chunk(p, ret_is_dry);
    *ret_is_dry = false;
    n = pump_splice_fill(p);
    if (n <= 0) /* end, failure or the bulk is over: the pipe is empty now */
        pump_splice_stop(p);
    return n;
}

static enum pump_result pass_end_on(struct pump *p)
{
    switch (stream_shut_write(p->to)) {
    case STREAM_STEP_DONE:
        pump_set_state(p, PUMP_SHUT);
        pump_fini(p);
        return PUMP_DONE;
    case STREAM_STEP_AGAIN:
        return PUMP_BLOCKED;
    default:
        return broken(p, false, p->to->why);
    }
}

/* True if the end must wait when everything else has been sent: for the commit, or for the gate. */
static bool end_must_wait(const struct pump *p)
{
    return p->is_retaining || p->gate != NULL;
}

enum pump_result pump_run(struct pump *p, size_t budget)
{
    bool is_dry = false, is_bulk = false;
    size_t taken = 0;

    assert(p->state != PUMP_FAILED && p->to != NULL);
    if (p->state == PUMP_SHUT)
        return PUMP_DONE;
    for (;;) {
        enum stream_step flushed = flush(p);
        ssize_t n;

        if (flushed == STREAM_STEP_FAILED)
            return broken(p, false, p->why);
        if (flushed == STREAM_STEP_AGAIN)
            return PUMP_BLOCKED;
        if (p->state == PUMP_DRAINING)
            return end_must_wait(p) ? PUMP_BLOCKED : pass_end_on(p);
        if (is_dry || (p->gate != NULL && p->gate->is_waiting))
            return PUMP_BLOCKED;
        if (is_bulk && p->pipe == NULL && !p->is_retaining && p->gate == NULL)
            pump_splice_start(p);
        if (taken >= budget)
            return PUMP_MORE;
        n = fill(p, &is_dry);
        if (n == STREAM_AGAIN)
            return PUMP_BLOCKED;
        if (n == STREAM_FAILED)
            return broken(p, true, p->why);
        if (n == STREAM_END) {
            p->has_ended = true;
            pump_set_state(p, PUMP_DRAINING);
            continue;
        }
        taken += (size_t)n;
        is_bulk = (size_t)n >= BULK_BYTES;
        loop_note_read(p->loop, (size_t)n);
    }
}

unsigned pump_from_interest(const struct pump *p)
{
    if (p->state != PUMP_OPEN || p->to == NULL)
        return 0;
    if (p->is_retaining)
        return waiting(p) == 0 && room(p) > 0 ? STREAM_READ : 0;
    if (p->gate != NULL)
        return waiting(p) == 0 && !p->gate->is_waiting ? STREAM_READ : 0;
    return p->chunk == NULL && (p->pipe == NULL || p->pipe->fill == 0) ? STREAM_READ : 0;
}

unsigned pump_to_interest(const struct pump *p)
{
    if ((p->state != PUMP_OPEN && p->state != PUMP_DRAINING) || p->to == NULL)
        return 0;
    if (p->state == PUMP_DRAINING)
        return end_must_wait(p) && waiting(p) == 0 ? 0 : STREAM_WRITE;
    return waiting(p) > 0 || (p->pipe != NULL && p->pipe->fill > 0) ? STREAM_WRITE : 0;
}

void pump_fini(struct pump *p)
{
    if (p->loop == NULL)
        return;
    drop_gate(p);
    chunk_put(&p->loop->chunks, &p->chunk);
    pipe_put(&p->loop->pipes, &p->pipe);
    p->kept = 0;
}
