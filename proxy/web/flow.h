/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A flow: one direction of a web conversation, message after message.
 *
 * Bytes are read from `from` into the chunk `in`. A head at its beginning is scanned there, rewritten into the chunk `out` and
 * dropped from `in`; the body behind it is then checked as it comes (proxy/http/body.h) and passed on to `to`, after what is in
 * `out`. Small bodies join their head in `out`, so that they leave with one write. What was read beyond the message stays in `in`
 * for the next one. A full chunk stops reading: that is the back-pressure.
 *
 * Embedded in its conversation; the session's thread only. A flow never calls up and touches no event.
 */
#pragma once

#include "proxy/http/body.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

struct flow {
    struct loop *loop;
    struct stream *from;
    struct stream *to;
    struct chunk *in;      /**< read and not yet passed on; NULL if nothing */
    size_t ready;          /**< of these, bytes that are checked and may be passed on */
    struct chunk *out;     /**< to be passed on first; NULL if nothing */
    size_t out_sent;       /**< of these, passed on already: kept while `is_retaining` */
    bool is_retaining;     /**< what was passed on must be had again if the receiver breaks */
    bool has_ended;        /**< the end of `from` was seen */
    bool is_dry;           /**< the last read got less than it asked for: `from` has nothing until its socket says so */
    struct http_body body; /**< of the message at hand */
    uint64_t most;         /**< bytes of a body; more is the fault BODY_TOO_LARGE, and they are not passed on. 0: any */
    uint64_t bytes;        /**< passed on, heads and all */
    uint64_t *sum;         /**< grows with it, over all flows of the thread; NULL: nobody sums them. Borrowed */
    enum reason why;       /**< after FLOW_FROM_BROKEN and FLOW_TO_BROKEN: as the stream gave it */
    enum http_fault fault; /**< after FLOW_FAULT */
};

enum flow_result {
    FLOW_BLOCKED,     /**< wait for the events of flow_from_interest() and flow_to_interest() */
    FLOW_MORE,        /**< the budget is used up: call again in the next turn */
    FLOW_OVER,        /**< the body is over and everything was passed on */
    FLOW_CUT,         /**< `from` ended within the body; everything before was passed on */
    FLOW_FAULT,       /**< the body is not what it says: `fault` */
    FLOW_FROM_BROKEN, /**< `why` */
    FLOW_TO_BROKEN    /**< `why` */
};

/** Nothing read, nothing to send. `to` and `from` may be set later. */
void flow_init(struct flow *f, struct loop *loop, struct stream *from, struct stream *to);

/** Reads once into `in`: the count, STREAM_END, STREAM_AGAIN (also if `in` is full, or dry) or STREAM_FAILED (`why`). */
ssize_t flow_fill(struct flow *f);

/** The socket of `from` has an event for reading, or `from` is another stream now. */
static inline void flow_wet(struct flow *f)
{
    f->is_dry = false;
}

/** What was read and is not checked yet. */
static inline char *flow_bytes(const struct flow *f)
{
    return f->in == NULL ? NULL : (char *)f->in->bytes + f->in->start + f->ready;
}

static inline size_t flow_length(const struct flow *f)
{
    return f->in == NULL ? 0 : chunk_fill(f->in) - f->ready;
}

/** Drops so many bytes, a head, from the front of `in`. Only while nothing of a body is `ready`. */
void flow_drop(struct flow *f, size_t bytes);

/** Room for a head: memory of `*ret_room` bytes behind what is in `out`; NULL without memory. */
char *flow_room(struct flow *f, size_t *ret_room);

/** So many bytes of that room were written. */
void flow_wrote(struct flow *f, size_t bytes);

/** The message's body begins at flow_bytes(). */
void flow_start_body(struct flow *f, const struct http_framing *framing, bool drops_chunks);

/** Checks what was read, and passes on what may go, until one side blocks; reads at most about `budget` bytes. */
enum flow_result flow_run(struct flow *f, size_t budget);

/** Passes on what is in `out` only: FLOW_OVER, FLOW_BLOCKED or FLOW_TO_BROKEN. */
enum flow_result flow_flush(struct flow *f);

/** Everything that was read of the message is in `out` still: it can be passed on again with flow_rewind(). */
bool flow_is_whole(const struct flow *f);
void flow_rewind(struct flow *f);

/** No longer retaining. */
void flow_commit(struct flow *f);

/** Forgets what is in `out` and what was checked of a body; what was read beyond it stays. The next message may begin. */
void flow_reset(struct flow *f);

/** STREAM_READ if flow_run() could take bytes now, else 0. */
unsigned flow_from_interest(const struct flow *f);

/** STREAM_WRITE if something waits for `to`, else 0. */
unsigned flow_to_interest(const struct flow *f);

/** The chunk with what was read and belongs to nobody yet; the caller owns it. NULL if there is nothing. */
struct chunk *flow_take_rest(struct flow *f);

/** Gives the chunks back. Idempotent; streams are not touched. */
void flow_fini(struct flow *f);
