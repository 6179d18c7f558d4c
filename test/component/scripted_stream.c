/* SPDX-License-Identifier: Apache-2.0 */
/* Owns an eventfd and the bytes written. Used by one thread. Memory that can't be had stops the test. */
#include "test/component/scripted_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct scripted_stream *scripted_of(struct stream *s)
{
    return (struct scripted_stream *)s;
}

static void note(struct scripted_stream *s, char letter)
{
    if (s->calls_count == sizeof(s->calls) - 1) {
        memmove(s->calls, s->calls + 1, sizeof(s->calls) - 1);
        s->calls_count--;
    }
    s->calls[s->calls_count++] = letter;
    s->calls[s->calls_count] = '\0';
}

/* The result of this call; `letter` is kept, in upper case if the call does something. */
static long take(struct scripted_stream *s, enum scripted_call call, char letter)
{
    struct scripted_row *row = &s->rows[call];
    long result = row->next < row->count ? row->results[row->next++] : row->rest;
    bool is_done = call == ON_READ || call == ON_WRITE ? result > 0 : result == STREAM_STEP_DONE;

    assert(!s->is_closed && !s->is_failed);
    note(s, is_done ? (char)(letter - 'a' + 'A') : letter);
    return result;
}

static void fail(struct scripted_stream *s)
{
    s->is_failed = true;
    s->stream.why = s->fail_why;
}

static enum stream_step step(struct scripted_stream *s, enum scripted_call call, char letter)
{
    enum stream_step result = (enum stream_step)take(s, call, letter);

    if (result == STREAM_STEP_FAILED)
        fail(s);
    return result;
}

static enum stream_step scripted_greet(struct stream *stream)
{
    return step(scripted_of(stream), ON_GREET, 'g');
}

static ssize_t scripted_read(struct stream *stream, void *bytes, size_t size)
{
    struct scripted_stream *s = scripted_of(stream);
    size_t left = s->input_size - s->input_used;
    long result;

    assert(size > 0);
    result = take(s, ON_READ, 'r');
    if (result > 0 && left == 0)
        result = s->is_open ? STREAM_AGAIN : STREAM_END;
    if (result == STREAM_FAILED)
        fail(s);
    if (result <= 0) {
        s->calls[s->calls_count - 1] = result == STREAM_END ? 'E' : 'r';
        return result;
    }
    if (size > left)
        size = left;
    if (size > (size_t)result)
        size = (size_t)result;
    memcpy(bytes, s->input + s->input_used, size);
    s->input_used += size;
    return (ssize_t)size;
}

static void keep(struct scripted_stream *s, const void *bytes, size_t size)
{
    if (s->written_size + size > s->written_room) {
        s->written_room = (s->written_size + size) * 2;
        s->written = realloc(s->written, s->written_room);
        assert(s->written != NULL);
    }
    memcpy(s->written + s->written_size, bytes, size);
    s->written_size += size;
}

static ssize_t scripted_write(struct stream *stream, const void *bytes, size_t size)
{
    struct scripted_stream *s = scripted_of(stream);
    long result;

    assert(size > 0 && !s->is_shut);
    result = take(s, ON_WRITE, 'w');
    if (result == STREAM_FAILED)
        fail(s);
    if (result <= 0)
        return result;
    if (size > (size_t)result)
        size = (size_t)result;
    keep(s, bytes, size);
    return (ssize_t)size;
}

static enum stream_step scripted_flush(struct stream *stream)
{
    return step(scripted_of(stream), ON_FLUSH, 'f');
}

static enum stream_step scripted_shut_write(struct stream *stream)
{
    struct scripted_stream *s = scripted_of(stream);
    enum stream_step result;

    if (s->is_shut)
        return STREAM_STEP_DONE;
    result = step(s, ON_SHUT, 's');
    s->is_shut = result == STREAM_STEP_DONE;
    return result;
}

static void close_fd(struct scripted_stream *s)
{
    if (s->stream.fd >= 0)
        close(s->stream.fd);
    s->stream.fd = -1;
}

static void scripted_close(struct stream *stream, enum stream_close how)
{
    struct scripted_stream *s = scripted_of(stream);

    assert(!s->is_closed);
    note(s, how == STREAM_CLOSE_ORDERLY ? 'C' : 'X');
    s->is_closed = true;
    close_fd(s);
}

static unsigned scripted_wants(const struct stream *stream, unsigned interest)
{
    return interest | ((const struct scripted_stream *)stream)->wants;
}

static bool scripted_has_pending(const struct stream *stream)
{
    const struct scripted_stream *s = (const struct scripted_stream *)stream;

    return s->has_pending && s->input_used < s->input_size;
}

static const struct stream_ops scripted_ops = {
    .name = "scripted",
    .greet = scripted_greet,
    .read = scripted_read,
    .write = scripted_write,
    .flush = scripted_flush,
    .shut_write = scripted_shut_write,
    .close = scripted_close,
    .wants = scripted_wants,
    .has_pending = scripted_has_pending,
};

void scripted_init(struct scripted_stream *s, const void *input, size_t size)
{
    memset(s, 0, sizeof(*s));
    s->stream.ops = &scripted_ops;
    s->stream.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(s->stream.fd >= 0);
    s->input = input;
    s->input_size = size;
    s->fail_why = REASON_FRONT_RESET;
    s->rows[ON_READ].rest = s->rows[ON_WRITE].rest = 1L << 30;
}

void scripted_fini(struct scripted_stream *s)
{
    close_fd(s);
    free(s->written);
    s->written = NULL;
}

void scripted_on(struct scripted_stream *s, enum scripted_call call, size_t count, const long *results)
{
    struct scripted_row *row = &s->rows[call];

    assert(row->count + count <= SCRIPTED_STEPS);
    memcpy(row->results + row->count, results, count * sizeof(*results));
    row->count += count;
}

void scripted_set_readable(struct scripted_stream *s, bool is_readable)
{
    uint64_t count = 1;
    ssize_t n = is_readable ? write(s->stream.fd, &count, sizeof(count)) : read(s->stream.fd, &count, sizeof(count));

    (void)n; /* it was so already */
}

bool scripted_has(const struct scripted_stream *s, const void *bytes, size_t size)
{
    return s->written_size == size && (size == 0 || memcmp(s->written, bytes, size) == 0);
}
