/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns where a body ends, and what of a chunked one goes on. Follows RFC 9112 6.3, 7.1. One pass over the bytes: what goes on is
 * moved to the front as soon as something before it was left out, so that many small chunks with extensions cost no more than one
 * large chunk. Pure; any thread.
 */
#include "proxy/http/body.h"

#include "proxy/http/field_kind.h"
#include "proxy/http/grammar.h"

#include <assert.h>
#include <string.h>

/** Leading zeros count, or a size could be of any length. */
#define SIZE_DIGITS_MAX 16

/** One call of http_body_run(): what was looked at, and what of it goes on. */
struct run {
    char *bytes;
    size_t length;
    size_t from; /**< looked at so far */
    size_t to;   /**< of that goes on, at the front */
};

typedef enum http_fault step_fn(struct http_body *b, struct run *r);

static size_t smaller(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

static void keep(struct run *r, size_t count)
{
    if (r->from != r->to)
        memmove(r->bytes + r->to, r->bytes + r->from, count);
    r->from += count;
    r->to += count;
}

static void leave_out(struct run *r, size_t count)
{
    r->from += count;
}

/** Bytes that belong to the chunked coding and not to the body itself. */
static void pass_coding(const struct http_body *b, struct run *r, size_t count)
{
    if (b->drops_chunks)
        leave_out(r, count);
    else
        keep(r, count);
}

static struct slice ahead(const struct run *r)
{
    return (struct slice){r->bytes + r->from, r->length - r->from};
}

/** Text and tabs that come next, within `max` bytes. */
static struct slice text_ahead(const struct run *r, size_t max)
{
    struct slice s = ahead(r);
    size_t at = 0;

    s.length = smaller(s.length, max);
    for (;;) {
        at += http_text_span((struct slice){s.at + at, s.length - at});
        if (at == s.length || s.at[at] != '\t')
            break;
        at++;
    }
    s.length = at;
    return s;
}

/** What is behind the text of a line: CRLF makes it whole. `too_long` if it can't be so within `max` bytes. */
static enum http_fault end_line(const struct run *r, struct slice text, size_t max, enum http_fault too_long, bool *ret_whole)
{
    struct slice rest = ahead(r);
    size_t length = 0;
    enum http_fault fault = HTTP_FAULT_NONE;

    rest.at += text.length;
    rest.length = smaller(rest.length, max) - text.length;
    if (rest.length > 0)
        fault = http_line_end(rest, &length);
    *ret_whole = length > 0;
    if (fault == HTTP_FAULT_NONE && !*ret_whole && text.length + rest.length == max)
        return too_long;
    return fault;
}

/**
 * The size at the beginning of a line, of which not all may be there. Only digits (no sign, no "0x"), and behind them nothing, or
 * an extension. A size that fits in no signed number of 64 bits is refused, before one that counts in 32 or 64 bits could wrap
 * around.
 */
static enum http_fault read_size(struct slice text, uint64_t *ret_size, size_t *ret_digits)
{
    uint64_t size = 0;
    size_t at = 0;

    for (; at < text.length && http_hex(text.at[at]) >= 0; at++) {
        size = size << 4 | (uint64_t)http_hex(text.at[at]);
        if (at == SIZE_DIGITS_MAX || size > INT64_MAX)
            return HTTP_FAULT_BAD_CHUNK_SIZE;
    }
    if (at < text.length && (at == 0 || strchr("; \t", text.at[at]) == NULL))
        return HTTP_FAULT_BAD_CHUNK_SIZE;
    *ret_size = size;
    *ret_digits = at;
    return HTTP_FAULT_NONE;
}

static void skip(struct slice *s, size_t count)
{
    s->at += count;
    s->length -= count;
}

static void skip_blanks(struct slice *s)
{
    while (s->length > 0 && (s->at[0] == ' ' || s->at[0] == '\t'))
        skip(s, 1);
}

static bool skip_byte(struct slice *s, char byte)
{
    if (s->length == 0 || s->at[0] != byte)
        return false;
    skip(s, 1);
    return true;
}

static bool skip_token(struct slice *s)
{
    size_t length = http_span(*s, HTTP_TOKEN);

    skip(s, length);
    return length > 0;
}

/** Behind its first quote. RFC 9110 5.6.4. */
static bool skip_quoted(struct slice *s)
{
    while (s->length > 0 && s->at[0] != '"')
        skip(s, s->at[0] == '\\' && s->length > 1 ? 2 : 1);
    return skip_byte(s, '"');
}

/** RFC 9112 7.1.1: chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ). */
static bool skip_extension(struct slice *s)
{
    struct slice value;

    skip_blanks(s);
    if (!skip_byte(s, ';'))
        return false;
    skip_blanks(s);
    if (!skip_token(s))
        return false;
    value = *s;
    skip_blanks(&value);
    if (!skip_byte(&value, '='))
        return true; /* such blanks belong to the next ";", or end the line, where none may stand */
    skip_blanks(&value);
    *s = value;
    return skip_byte(s, '"') ? skip_quoted(s) : skip_token(s);
}

static enum http_fault check_extensions(struct slice s)
{
    while (s.length > 0)
        if (!skip_extension(&s))
            return HTTP_FAULT_BAD_CHUNK_EXTENSION;
    return HTTP_FAULT_NONE;
}

/** RFC 9112 7.1: chunk-size [ chunk-ext ] CRLF. The line ends at its CRLF and nowhere else, also within quotes. */
static enum http_fault step_size(struct http_body *b, struct run *r)
{
    struct slice text = text_ahead(r, HTTP_CHUNK_LINE_MAX);
    uint64_t size;
    size_t digits;
    bool is_whole = false;
    enum http_fault fault = read_size(text, &size, &digits);

    if (fault == HTTP_FAULT_NONE)
        fault = end_line(r, text, HTTP_CHUNK_LINE_MAX, HTTP_FAULT_BAD_CHUNK_EXTENSION, &is_whole);
    if (fault != HTTP_FAULT_NONE || !is_whole)
        return fault;
    if (digits == 0)
        return HTTP_FAULT_BAD_CHUNK_SIZE;
    skip(&text, digits);
    fault = check_extensions(text);
    if (fault != HTTP_FAULT_NONE)
        return fault;
    pass_coding(b, r, digits);
    leave_out(r, text.length);
    pass_coding(b, r, 2);
    b->left = size > 0 ? size : HTTP_TRAILER_BYTES_MAX;
    b->state = size > 0 ? HTTP_BODY_DATA : HTTP_BODY_TRAILER;
    return HTTP_FAULT_NONE;
}

static enum http_fault step_data(struct http_body *b, struct run *r)
{
    size_t count = smaller(r->length - r->from, b->left);

    keep(r, count);
    b->bytes += count;
    if (b->kind == HTTP_BODY_TO_CLOSE)
        return HTTP_FAULT_NONE;
    b->left -= count;
    if (b->left == 0)
        b->state = b->kind == HTTP_BODY_CHUNKED ? HTTP_BODY_CRLF : HTTP_BODY_OVER;
    return HTTP_FAULT_NONE;
}

/** Two bytes, these two. A parser that skips any two, or takes LF for both, sees other chunks than we do. */
static enum http_fault step_crlf(struct http_body *b, struct run *r)
{
    struct slice s = ahead(r);

    if ((s.length > 0 && s.at[0] != '\r') || (s.length > 1 && s.at[1] != '\n'))
        return HTTP_FAULT_BAD_CHUNK_END;
    if (s.length < 2)
        return HTTP_FAULT_NONE;
    pass_coding(b, r, 2);
    b->state = HTTP_BODY_SIZE;
    return HTTP_FAULT_NONE;
}

/**
 * RFC 9110 6.5.1: no trailer for what a recipient must know before the body, or that says how long it is, where it goes, who
 * asks. Nor for what forwarding writes, changes or drops: it has come and gone with the head.
 */
static bool may_be_trailer(struct slice name)
{
    static const char *const never[] = {
        "Accept-*",
        "Age",
        "Authorization",
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Range",
        "Content-Type",
        "Cookie",
        "Expires",
        "If-*",
        "Max-Forwards",
        "Pragma",
        "Range",
        "Referer",
        "Retry-After",
        "Vary",
        "WWW-Authenticate",
        "X-HTTP-Method*",
    };

    return http_field_kind(name) == HTTP_FIELD_END_TO_END && !http_field_is_disguised(name) &&
           !http_name_is_any(name, never, sizeof(never) / sizeof(never[0]));
}

/** One line; `left` counts what the section may still have. RFC 9112 7.1.2. */
static enum http_fault step_trailer(struct http_body *b, struct run *r)
{
    struct slice text = text_ahead(r, b->left);
    struct http_field field;
    bool is_whole;
    enum http_fault fault = end_line(r, text, b->left, HTTP_FAULT_BAD_TRAILER, &is_whole);

    if (fault != HTTP_FAULT_NONE || !is_whole)
        return fault;
    b->left -= text.length + 2;
    if (text.length == 0) {
        pass_coding(b, r, 2);
        b->state = HTTP_BODY_OVER;
        return HTTP_FAULT_NONE;
    }
    if (http_parse_field(text, &field) != HTTP_FAULT_NONE)
        return HTTP_FAULT_BAD_TRAILER;
    if (may_be_trailer(field.name))
        pass_coding(b, r, text.length + 2);
    else
        leave_out(r, text.length + 2);
    return HTTP_FAULT_NONE;
}

void http_body_init(struct http_body *b, const struct http_framing *framing, bool drops_chunks)
{
    *b = (struct http_body){.kind = framing->kind, .drops_chunks = drops_chunks};
    switch (framing->kind) {
    case HTTP_BODY_NONE:
        b->state = HTTP_BODY_OVER;
        break;
    case HTTP_BODY_LENGTH:
        b->left = framing->length;
        b->state = b->left > 0 ? HTTP_BODY_DATA : HTTP_BODY_OVER;
        break;
    case HTTP_BODY_CHUNKED:
        b->state = HTTP_BODY_SIZE;
        break;
    case HTTP_BODY_TO_CLOSE:
        b->left = UINT64_MAX;
        b->state = HTTP_BODY_DATA;
        break;
    }
}

enum http_fault http_body_run(struct http_body *b, char *bytes, size_t *length, size_t *ret_ready)
{
    static step_fn *const steps[] = {
        [HTTP_BODY_DATA] = step_data,
        [HTTP_BODY_SIZE] = step_size,
        [HTTP_BODY_CRLF] = step_crlf,
        [HTTP_BODY_TRAILER] = step_trailer,
    };
    struct run r = {.bytes = bytes, .length = *length};
    enum http_fault fault = HTTP_FAULT_NONE;
    size_t before = SIZE_MAX;

    while (fault == HTTP_FAULT_NONE && b->state != HTTP_BODY_OVER && r.from != before) {
        before = r.from;
        fault = steps[b->state](b, &r);
    }
    if (r.from != r.to)
        memmove(bytes + r.to, bytes + r.from, r.length - r.from);
    *length -= r.from - r.to;
    *ret_ready = fault == HTTP_FAULT_NONE ? r.to : 0;
    return fault;
}

bool http_body_end(struct http_body *b)
{
    if (b->kind == HTTP_BODY_TO_CLOSE)
        b->state = HTTP_BODY_OVER;
    return b->state == HTTP_BODY_OVER;
}
