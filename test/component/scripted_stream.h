/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A stream without a network: what each call returns is written down before, what was called and written is kept for the test.
 *
 * It also holds its user to the contract of proxy/net/stream.h: calls that are not allowed (after a failure, a second close, a
 * write after the end was sent, a size of 0) stop the program.
 *
 *     struct scripted_stream s;
 *     scripted_init(&s, "question", 8);
 *     scripted_on(&s, ON_READ, 3, (long[]){2, STREAM_AGAIN, 6});     then END, as nothing is left of the input
 */
#pragma once

#include "proxy/net/stream.h"

/** The calls that can be told what to return. */
enum scripted_call { ON_GREET, ON_READ, ON_WRITE, ON_FLUSH, ON_SHUT, SCRIPTED_CALLS };

#define SCRIPTED_STEPS 4096

/**
 * A script is a row of results, taken one by one; after the last one `rest` goes for ever.
 * Read, write: a positive number lets at most so many bytes through; STREAM_AGAIN, STREAM_END, STREAM_FAILED are what they
 * are. Reads end with STREAM_END (or, if is_open, AGAIN) when the input is used up. Greet, flush, shut_write: an enum
 * stream_step.
 */
struct scripted_row {
    size_t count;
    size_t next;
    long rest;
    long results[SCRIPTED_STEPS];
};

struct scripted_stream {
    struct stream stream; /**< first */
    struct scripted_row rows[SCRIPTED_CALLS];
    const uint8_t *input; /**< borrowed: what the peer sends */
    size_t input_size;
    size_t input_used;
    bool is_open;         /**< the peer sends no end after its input */
    enum reason fail_why; /**< the reason of a STREAM_FAILED */
    unsigned wants;       /**< events it wants besides those that its owner is interested in */
    bool has_pending;     /**< what has_pending says while there is input */

    uint8_t *written; /**< owned: what it was given */
    size_t written_size;
    size_t written_room;
    char calls[64]; /**< the last calls, a letter each: see below */
    size_t calls_count;
    bool is_shut;
    bool is_failed;
    bool is_closed; /**< the memory stays, for the test to look at */
};

/** Lets everything through and then ends. `input` is borrowed. Its fd is an eventfd that is never readable until told. */
void scripted_init(struct scripted_stream *s, const void *input, size_t size);

/** Closes the fd if that was not done, and frees. */
void scripted_fini(struct scripted_stream *s);

/** Appends results to a row. */
void scripted_on(struct scripted_stream *s, enum scripted_call call, size_t count, const long *results);

/** Makes the fd readable, or not, for whoever watches it. */
void scripted_set_readable(struct scripted_stream *s, bool is_readable);

/** True if the bytes that were written are these. */
bool scripted_has(const struct scripted_stream *s, const void *bytes, size_t size);
