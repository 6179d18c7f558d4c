/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the input as HTTP/1.x, as a connection would. The first byte says what it is: Q a request, R a response, H a response to
 * HEAD, C a chunked body, D one for an HTTP/1.0 client. However the bytes are cut, the result is the same; what is accepted has
 * no byte that may not be there, and written down again it is accepted as the same.
 */
#include "proxy/http/body.h"
#include "proxy/http/target.h"
#include "test/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

/** Longer inputs are not cut at each position. */
#define CUTS_MAX 128

/** Small, so that inputs reach them. */
static const struct http_limits limits = {.head_bytes = 512, .fields = 12, .target_bytes = 64};

enum kind { REQUEST, RESPONSE };

struct scanned {
    enum http_scan_result result;
    enum http_fault fault;
    size_t done;
};

struct streamed {
    enum http_fault fault;
    struct http_body body;
    size_t passed;
    size_t left;
    char *out; /**< what went on, then what is left; to be freed */
};

static void require(int condition)
{
    if (!condition)
        abort();
}

/** Memory of exactly that size, so that a sanitizer sees each byte beyond. */
static char *copy_of(const char *bytes, size_t length)
{
    char *copy = malloc(length == 0 ? 1 : length);

    require(copy != NULL);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

/* ---- heads ---- */

static struct scanned scan(enum kind kind, const char *bytes, size_t length, size_t first, size_t step)
{
    struct http_scan s = {.done = 0};
    struct scanned got = {HTTP_SCAN_MORE, HTTP_FAULT_NONE, 0};

    for (size_t count = first;; count += step) {
        size_t given = count < length ? count : length;
        char *copy = copy_of(bytes, given);

        got.result = kind == REQUEST ? http_scan_request(&s, copy, given, &limits, &got.fault)
                                     : http_scan_response(&s, copy, given, &limits, &got.fault);
        free(copy);
        require(s.done <= given);
        if (got.result != HTTP_SCAN_MORE || given == length)
            break;
    }
    got.done = got.result == HTTP_SCAN_WHOLE ? s.done : 0;
    require((got.result == HTTP_SCAN_FAULT) == (got.fault != HTTP_FAULT_NONE));
    return got;
}

static size_t cut_step(size_t length)
{
    return length / CUTS_MAX + 1;
}

static struct scanned scan_all_ways(enum kind kind, const char *bytes, size_t length)
{
    struct scanned whole = scan(kind, bytes, length, length, 1);

    for (size_t at = 0; at < length; at += cut_step(length)) {
        struct scanned cut = scan(kind, bytes, length, at, at == 0 ? 1 : length);

        require(cut.result == whole.result && cut.fault == whole.fault && cut.done == whole.done);
    }
    return whole;
}

static enum http_fault parse(enum kind kind, const char *bytes, size_t length, struct http_head *ret)
{
    return kind == REQUEST ? http_parse_request(bytes, length, &limits, ret) : http_parse_response(bytes, length, &limits, ret);
}

/** What no accepted head has, looked for in the plainest way. */
static void require_clean(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        require(byte >= 32 || byte == '\t' || byte == '\r' || byte == '\n');
        require(byte != 127);
        require(byte != '\r' || (i + 1 < length && bytes[i + 1] == '\n'));
        require(byte != '\n' || (i > 0 && bytes[i - 1] == '\r'));
        require(byte != '\n' || i + 1 == length || (bytes[i + 1] != ' ' && bytes[i + 1] != '\t'));
    }
}

static void put(char **at, struct slice s)
{
    if (s.length > 0)
        memcpy(*at, s.at, s.length);
    *at += s.length;
}

/** Writes a head down from its parts; returns the length. A line is at most three bytes longer than it was read. */
static size_t write_head(enum kind kind, const struct http_head *head, char *bytes)
{
    char *at = bytes;
    char status[] = {(char)('0' + head->status / 100), (char)('0' + head->status / 10 % 10), (char)('0' + head->status % 10)};

    if (kind == REQUEST) {
        put(&at, head->method);
        put(&at, slice_of(" "));
        put(&at, head->target);
        put(&at, slice_of(head->minor == 1 ? " HTTP/1.1" : " HTTP/1.0"));
    } else {
        put(&at, slice_of(head->minor == 1 ? "HTTP/1.1 " : "HTTP/1.0 "));
        put(&at, (struct slice){status, sizeof(status)});
        put(&at, slice_of(" "));
        put(&at, head->phrase);
    }
    put(&at, slice_of("\r\n"));
    for (size_t i = 0; i < head->fields_count; i++) {
        put(&at, head->fields[i].name);
        put(&at, slice_of(":"));
        put(&at, head->fields[i].value);
        put(&at, slice_of("\r\n"));
    }
    put(&at, slice_of("\r\n"));
    return (size_t)(at - bytes);
}

static void require_same_heads(const struct http_head *a, const struct http_head *b)
{
    require(a->minor == b->minor && a->status == b->status && a->fields_count == b->fields_count);
    require(slice_equals(a->method, b->method) && slice_equals(a->target, b->target) && slice_equals(a->phrase, b->phrase));
    for (size_t i = 0; i < a->fields_count; i++) {
        require(slice_equals(a->fields[i].name, b->fields[i].name));
        require(slice_equals(a->fields[i].value, b->fields[i].value));
        require(http_is_token(a->fields[i].name) && http_is_value(a->fields[i].value));
    }
}

static void require_stable(enum kind kind, const struct http_head *head, size_t length)
{
    static struct http_head again;
    size_t room = length + 1; /* a status line may have come without its second blank */
    char *bytes = malloc(room);
    size_t written;

    require(bytes != NULL);
    written = write_head(kind, head, bytes);
    require(written <= room && written <= limits.head_bytes + 1);
    if (written > limits.head_bytes) {
        free(bytes);
        return;
    }
    require(scan(kind, bytes, written, written, 1).done == written);
    require(parse(kind, bytes, written, &again) == HTTP_FAULT_NONE);
    require_same_heads(head, &again);
    free(bytes);
}

static void check_target(const struct http_head *head)
{
    struct http_target t;
    struct slice name;
    unsigned port;

    if (http_target(head, &t) != HTTP_FAULT_NONE)
        return;
    require(t.origin.length > 0 && (t.origin.at[0] == '/' || slice_is(t.origin, "*")));
    require(t.path.length + t.query.length <= t.origin.length && t.path.at == t.origin.at);
    require(memchr(t.origin.at, '#', t.origin.length) == NULL && memchr(t.origin.at, ' ', t.origin.length) == NULL);
    require(t.host.length == 0 || http_split_host(t.host, &name, &port));
    (void)http_path_is_devious(t.path);
}

/* ---- bodies ---- */

static struct streamed stream(const struct http_framing *framing, bool drops, const char *bytes, size_t length, size_t first,
                              size_t step)
{
    struct streamed got = {.fault = HTTP_FAULT_NONE, .out = malloc(length + 1)};

    require(got.out != NULL);
    http_body_init(&got.body, framing, drops);
    for (size_t given = 0, count = first; got.fault == HTTP_FAULT_NONE; count = step) {
        size_t piece = count < length - given ? count : length - given;
        size_t here = got.left + piece;
        size_t ready;
        char *copy;

        memcpy(got.out + got.passed + got.left, bytes + given, piece);
        copy = copy_of(got.out + got.passed, here);
        got.fault = http_body_run(&got.body, copy, &here, &ready);
        require(ready <= here && here <= got.left + piece);
        memcpy(got.out + got.passed, copy, here);
        free(copy);
        got.passed += ready;
        got.left = here - ready;
        given += piece;
        if (given == length)
            break;
    }
    return got;
}

static void require_same_streams(const struct streamed *a, const struct streamed *b)
{
    require(a->fault == b->fault);
    if (a->fault != HTTP_FAULT_NONE)
        return;
    require(a->body.state == b->body.state && a->body.bytes == b->body.bytes && a->body.left == b->body.left);
    require(a->passed == b->passed && a->left == b->left && memcmp(a->out, b->out, a->passed + a->left) == 0);
}

static struct streamed stream_all_ways(const struct http_framing *framing, bool drops, const char *bytes, size_t length)
{
    struct streamed whole = stream(framing, drops, bytes, length, length, 1);

    for (size_t at = 0; at < length; at += cut_step(length)) {
        struct streamed cut = stream(framing, drops, bytes, length, at, at == 0 ? 1 : length);

        require_same_streams(&whole, &cut);
        free(cut.out);
    }
    return whole;
}

/** Reads what went on of a whole body as a reader that knows no extensions: each chunk's line is its size and CRLF. */
static void require_plain_chunks(const char *at, const char *end, uint64_t expected)
{
    uint64_t bytes = 0;
    char *behind;
    unsigned long size;

    do {
        size = strtoul(at, &behind, 16);
        require(behind > at && behind[0] == '\r' && behind[1] == '\n' && size <= (size_t)(end - behind));
        at = behind + 2 + size;
        bytes += size;
        if (size > 0) {
            require(at[0] == '\r' && at[1] == '\n');
            at += 2;
        }
    } while (size > 0);
    require(bytes == expected);
    require(at < end && end[-2] == '\r' && end[-1] == '\n');
}

static void check_body(const struct http_framing *framing, bool drops, const char *bytes, size_t length)
{
    struct streamed got = stream_all_ways(framing, drops, bytes, length);
    bool is_over = got.fault == HTTP_FAULT_NONE && got.body.state == HTTP_BODY_OVER;

    if (is_over && framing->kind == HTTP_BODY_LENGTH)
        require(got.body.bytes == framing->length && got.passed == framing->length);
    if (is_over && framing->kind == HTTP_BODY_CHUNKED && drops)
        require(got.body.bytes == got.passed);
    if (is_over && framing->kind == HTTP_BODY_CHUNKED && !drops) {
        struct streamed again = stream(framing, false, got.out, got.passed, got.passed, 1);

        require(again.passed == got.passed && memcmp(again.out, got.out, got.passed) == 0);
        require_plain_chunks(got.out, got.out + got.passed, got.body.bytes);
        free(again.out);
    }
    free(got.out);
}

/* ---- messages ---- */

static void check_message(enum kind kind, bool is_head, const char *bytes, size_t length)
{
    static struct http_head head;
    struct scanned whole = scan_all_ways(kind, bytes, length);
    struct http_framing framing;
    enum http_fault fault;
    char *copy;

    if (whole.result != HTTP_SCAN_WHOLE)
        return;
    require_clean(bytes, whole.done);
    copy = copy_of(bytes, whole.done);
    if (parse(kind, copy, whole.done, &head) == HTTP_FAULT_NONE) {
        require_stable(kind, &head, whole.done);
        if (kind == REQUEST)
            check_target(&head);
        fault = kind == REQUEST ? http_request_framing(&head, &framing) : http_response_framing(&head, is_head, true, &framing);
        if (fault == HTTP_FAULT_NONE)
            check_body(&framing, false, bytes + whole.done, length - whole.done);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_framing chunked = {.kind = HTTP_BODY_CHUNKED};
    const char *bytes = (const char *)data + 1;

    if (size < 1)
        return 0;
    switch (data[0]) {
    case 'Q':
        check_message(REQUEST, false, bytes, size - 1);
        break;
    case 'R':
    case 'H':
        check_message(RESPONSE, data[0] == 'H', bytes, size - 1);
        break;
    case 'C':
    case 'D':
        check_body(&chunked, data[0] == 'D', bytes, size - 1);
        break;
    default:
        break;
    }
    return 0;
}
