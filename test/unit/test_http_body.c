/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/body.h: bodies in every cut; what goes on, where it ends, what is refused. The bad ones follow RFC 9112 7.1 and what
 * is known of chunks that two parsers see differently: sizes, extensions (TERM.EXT, EXT.TERM), ends of chunks (TERM.SPILL),
 * trailers.
 */
#include "test/unit/unit.h"

#include "proxy/http/body.h"
#include "test/unit/guard.h"
#include "test/unit/http_feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct good_row {
    const char *bytes;
    size_t length;
    const char *expected; /**< what goes on */
    const char *data;     /**< what goes on to HTTP/1.0 */
    const char *rest;     /**< of the next message */
    const char *comment;
};

struct bad_row {
    const char *bytes;
    size_t length;
    enum http_fault fault;
    const char *comment;
};

#define END "0\r\n\r\n"

static const struct good_row good[] = {
    {B(END), END, "", "", "no data"},
    {B("5\r\nhello\r\n" END), "5\r\nhello\r\n" END, "hello", "", "one chunk"},
    {B("5\r\nhello\r\n" END "GET"), "5\r\nhello\r\n" END, "hello", "GET", "the next message"},
    {B("1\r\na\r\n2\r\nbc\r\n" END "\r\n"), "1\r\na\r\n2\r\nbc\r\n" END, "abc", "\r\n", "two chunks and an empty line"},
    {B("a\r\n0123456789\r\n" END), "a\r\n0123456789\r\n" END, "0123456789", "", "a digit in lower case"},
    {B("A\r\n0123456789\r\n" END), "A\r\n0123456789\r\n" END, "0123456789", "", "a digit in upper case"},
    {B("00000005\r\nhello\r\n" END), "00000005\r\nhello\r\n" END, "hello", "", "leading zeros"},
    {B("0000000000000005\r\nhello\r\n" END), "0000000000000005\r\nhello\r\n" END, "hello", "", "16 digits"},
    {B("0000000000000000\r\n\r\n"), "0000000000000000\r\n\r\n", "", "", "16 zeros"},
    {B("2\r\n\r\n\r\n" END), "2\r\n\r\n\r\n" END, "\r\n", "", "a chunk that is a CRLF"},
    {B("7\r\n0\r\n\r\nGE\r\n" END), "7\r\n0\r\n\r\nGE\r\n" END, "0\r\n\r\nGE", "", "a chunk that looks like an end"},
    /* Extensions are left out. */
    {B("1;a\r\nx\r\n" END), "1\r\nx\r\n" END, "x", "", "an extension"},
    {B("1;a=b\r\nx\r\n0;c\r\n\r\n"), "1\r\nx\r\n" END, "x", "", "extensions with value, and at the last chunk"},
    {B("1;a=\"b;c\\\"d\\\\\"\r\nx\r\n" END), "1\r\nx\r\n" END, "x", "", "a quoted value"},
    {B("1;a=\"\"\r\nx\r\n" END), "1\r\nx\r\n" END, "x", "", "an empty quoted value"},
    {B("1;a=\"\t \xff\"\r\nx\r\n" END), "1\r\nx\r\n" END, "x", "", "tab and bytes above 127 in quotes"},
    {B("1 ;\ta = b ; c\t=\t\"d\"\r\nx\r\n" END "Y"), "1\r\nx\r\n" END, "x", "Y", "blanks where RFC 9112 7.1.1 lets them be"},
    {B("1;a;b=c;d\r\nx\r\n1;a\r\ny\r\n" END), "1\r\nx\r\n1\r\ny\r\n" END, "xy", "", "many extensions"},
    /* Trailers. */
    {B("0\r\nA: b\r\n\r\n"), "0\r\nA: b\r\n\r\n", "", "", "a trailer"},
    {B("1\r\nx\r\n0\r\nA: b\r\nC:\t\xff d\r\nA:\r\n\r\nNEXT"), "1\r\nx\r\n0\r\nA: b\r\nC:\t\xff d\r\nA:\r\n\r\n", "x", "NEXT",
     "trailers"},
    {B("0\r\nDigest: a\r\nServer-Timing: b\r\n\r\n"), "0\r\nDigest: a\r\nServer-Timing: b\r\n\r\n", "", "",
     "trailers people send"},
    {B("0\r\nContent-Length: 5\r\n\r\nhello"), END, "", "hello", "Content-Length as a trailer"},
    {B("0\r\nA: b\r\nHost: c\r\nD: e\r\n\r\n"), "0\r\nA: b\r\nD: e\r\n\r\n", "", "", "one between two is left out"},
    {B("0\r\nTransfer-Encoding: chunked\r\nHost: a\r\nAuthorization: b\r\nSet-Cookie: c\r\nCookie: d\r\n\r\n"), END, "", "",
     "framing, routing, authentication"},
    {B("0\r\nCONTENT-TYPE: a\r\ncache-control: b\r\nConnection: c\r\nIf-Match: d\r\nUpgrade: e\r\nTE: f\r\n\r\n"), END, "", "",
     "in any case"},
    {B("0\r\nX-Forwarded-For: a\r\nX-ARR-SSL: b\r\nForwarded: c\r\nX-Client-Cert-Subject: d\r\nX-Real-IP: e\r\n\r\n"), END, "",
     "", "who the client is"},
    {B("0\r\nContent_Length: 5\r\nX_Forwarded_For: a\r\nhost_: b\r\n\r\n"), "0\r\nhost_: b\r\n\r\n", "", "", "with underscores"},
    {B("0\r\nLocation: a\r\nStrict-Transport-Security: b\r\nProxy-Authenticate: c\r\nTrailer: d\r\n\r\n"), END, "", "",
     "what forwarding changes"},
};

static const struct bad_row bad[] = {
    /* Sizes. */
    {B("\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "none"},
    {B("0x5\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "0x"},
    {B("0X5"), HTTP_FAULT_BAD_CHUNK_SIZE, "0X, known early"},
    {B("x5\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "x"},
    {B("\\x5\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a backslash"},
    {B("+5\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a sign"},
    {B("-5\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a minus"},
    {B("-0\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "minus zero"},
    {B(" 5\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a blank before"},
    {B(" "), HTTP_FAULT_BAD_CHUNK_SIZE, "a blank, known at once"},
    {B(";"), HTTP_FAULT_BAD_CHUNK_SIZE, "a semicolon, known at once"},
    {B("\t5\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a tab before"},
    {B("5h\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a letter behind"},
    {B("5_0\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "an underscore"},
    {B("5,5\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a list"},
    {B("5.0\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a fraction"},
    {B("5=a\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a value without name"},
    {B("\"5\"\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "quotes"},
    {B(";a\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "an extension alone"},
    {B("g\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "the letter after f"},
    {B("\xef\xbc\x95\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "FULLWIDTH DIGIT FIVE"},
    {B("8000000000000000\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "2^63"},
    {B("ffffffffffffffff\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "-1 as 64 bits"},
    {B("fffffffffffffffe"), HTTP_FAULT_BAD_CHUNK_SIZE, "-2 as 64 bits, known early"},
    {B("10000000000000000\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "2^64, which wraps around to 0"},
    {B("10000000000000005\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "2^64 + 5"},
    {B("00000000000000000\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "17 zeros"},
    {B("00000000000000005\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "17 digits"},
    {B("1\r\na\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "none behind a chunk"},
    {B("1\r\na\r\n 0\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a blank before the second"},
    {B("GET / HTTP/1.1\r\n"), HTTP_FAULT_BAD_CHUNK_SIZE, "a request"},
    /* Ends of size lines. */
    {B("5\nhello\r\n"), HTTP_FAULT_BARE_LF, "LF"},
    {B("\n5\r\nhello\r\n"), HTTP_FAULT_BARE_LF, "LF before a size"},
    {B("0\n\n"), HTTP_FAULT_BARE_LF, "LF at the last chunk"},
    {B("5\rhello\r\n"), HTTP_FAULT_BARE_CR, "CR"},
    {B("5\r\rhello\r\n"), HTTP_FAULT_BARE_CR, "CR CR"},
    {B("5\r\r\nhello\r\n"), HTTP_FAULT_BARE_CR, "CR CR LF"},
    {B("5\rX\nhello\r\n"), HTTP_FAULT_BARE_CR, "CR, a byte, LF"},
    {B("5\0\r\nhello\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL"},
    {B("5\v\r\nhello\r\n"), HTTP_FAULT_CONTROL_BYTE, "vertical tab"},
    {B("\0"
       "5\r\nhello\r\n"),
     HTTP_FAULT_CONTROL_BYTE, "NUL before a size"},
    {B("5\x7f\r\n"), HTTP_FAULT_CONTROL_BYTE, "delete"},
    {B("5 \r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a blank behind a size"},
    {B("5\t\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a tab behind a size"},
    {B("5 5\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "two sizes"},
    {B("0 \r\n\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a blank behind the last size"},
    /* Extensions: one parser ends the line where another reads on. */
    {B("5;\nxx\r\nhello\r\n"), HTTP_FAULT_BARE_LF, "TERM.EXT: LF in an extension"},
    {B("5;a\nhello\r\n" END), HTTP_FAULT_BARE_LF, "EXT.TERM: LF behind an extension"},
    {B("2;\n02\r\n41\r\n0\r\n\r\n"), HTTP_FAULT_BARE_LF, "a size line within a size line"},
    {B("5;a=\"\n\"\r\nhello\r\n"), HTTP_FAULT_BARE_LF, "LF in quotes"},
    {B("5;\rxx\r\nhello\r\n"), HTTP_FAULT_BARE_CR, "CR in an extension"},
    {B("5;a\rhello\r\n"), HTTP_FAULT_BARE_CR, "CR behind an extension"},
    {B("5;a=\"\r\"\r\nhello\r\n"), HTTP_FAULT_BARE_CR, "CR in quotes"},
    {B("5;a=\"\\\rb\"\r\nhello\r\n"), HTTP_FAULT_BARE_CR, "CR behind a backslash"},
    {B("5;a=\"b\r\nhello\r\n\"\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "CRLF in quotes ends the line"},
    {B("5;a=\"b\\\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a backslash as the last byte"},
    {B("5;a=\"b\\\"\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "the last quote is escaped"},
    {B("5;a=\"b\"c\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "more behind quotes"},
    {B("5;\"a\"=b\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a name in quotes"},
    {B("5;\0\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL"},
    {B("5;a=\0\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL for a value"},
    {B("5;\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a semicolon alone"},
    {B("5; \r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a semicolon and a blank"},
    {B("5;;a\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "two semicolons"},
    {B("5;a;\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a semicolon at the end"},
    {B("5;a=\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "no value"},
    {B("5;=b\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "no name"},
    {B("5;a=b=c\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "two values"},
    {B("5;a b\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a blank in a name"},
    {B("5;a \r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a blank behind a name"},
    {B("5;a=b \r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a blank behind a value"},
    {B("5;a=\xff\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a byte above 127"},
    {B("5 a\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "no semicolon"},
    {B("5;a,b\r\n"), HTTP_FAULT_BAD_CHUNK_EXTENSION, "a comma"},
    /* Ends of chunks. */
    {B("5\r\nhelloX"), HTTP_FAULT_BAD_CHUNK_END, "a byte more, known at once"},
    {B("5\r\nhello\n0\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_END, "LF"},
    {B("5\r\nhello\rX0\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_END, "CR and another byte"},
    {B("5\r\nhello\r\r\n0\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_END, "CR CR LF"},
    {B("5\r\nhelloXX0\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_END, "TERM.SPILL: any two bytes"},
    {B("5\r\nhello0\r\n\r\n"), HTTP_FAULT_BAD_CHUNK_END, "no end"},
    {B("5\r\nhello\0\n"), HTTP_FAULT_BAD_CHUNK_END, "NUL"},
    {B("4\r\nhello\r\n"), HTTP_FAULT_BAD_CHUNK_END, "a size too small"},
    {B("6\r\nhello\r\n" END), HTTP_FAULT_BAD_CHUNK_END, "a size too large"},
    /* Trailers. */
    {B("0\r\nA : b\r\n\r\n"), HTTP_FAULT_BAD_TRAILER, "a blank before the colon"},
    {B("0\r\nA\r\n\r\n"), HTTP_FAULT_BAD_TRAILER, "no colon"},
    {B("0\r\n: a\r\n\r\n"), HTTP_FAULT_BAD_TRAILER, "no name"},
    {B("0\r\nA: b\r\n c\r\n\r\n"), HTTP_FAULT_BAD_TRAILER, "obs-fold"},
    {B("0\r\n \r\n\r\n"), HTTP_FAULT_BAD_TRAILER, "a blank for the empty line"},
    {B("0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_FAULT_BAD_TRAILER, "a request for a trailer"},
    {B("0\r\nA: b\n\r\n"), HTTP_FAULT_BARE_LF, "LF behind a trailer"},
    {B("0\r\nA: b\r\n\n"), HTTP_FAULT_BARE_LF, "LF as the empty line"},
    {B("0\r\n\n"), HTTP_FAULT_BARE_LF, "LF as the empty line, no trailer"},
    {B("0\r\nA: \rb\r\n\r\n"), HTTP_FAULT_BARE_CR, "CR in a trailer"},
    {B("0\r\n\r\r\n"), HTTP_FAULT_BARE_CR, "CR CR LF"},
    {B("0\r\n\rX"), HTTP_FAULT_BARE_CR, "CR for CRLF at the end"},
    {B("0\r\nA: \0\r\n\r\n"), HTTP_FAULT_CONTROL_BYTE, "NUL in a trailer"},
    {B("0\r\n\v\r\n"), HTTP_FAULT_CONTROL_BYTE, "vertical tab for a trailer"},
};

/** What came of a body. */
struct run {
    enum http_fault fault;
    bool is_over;
    uint64_t bytes;
    size_t left; /**< bytes of the next message, or of a line that is not whole */
    size_t passed;
    char out[65536]; /**< what went on, then what is left */
};

static struct guard guard;
static struct run whole;
static struct run pieces;

static int setup(void **state)
{
    (void)state;
    guard_init(&guard, 65536);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard_fini(&guard);
    return 0;
}

/** Gives `first` bytes, then `step` more each time, with what was not taken before them. */
static void feed(const struct http_framing *framing, bool drops_chunks, const char *bytes, size_t length, size_t first,
                 size_t step, struct run *ret)
{
    struct http_body b;

    memset(ret, 0, offsetof(struct run, out));
    http_body_init(&b, framing, drops_chunks);
    for (size_t given = 0, count = first; ret->fault == HTTP_FAULT_NONE; count = step) {
        size_t piece = count < length - given ? count : length - given;
        size_t here = ret->left + piece;
        size_t ready;
        char *copy;

        memcpy(ret->out + ret->passed + ret->left, bytes + given, piece);
        copy = (char *)guard_copy(&guard, ret->out + ret->passed, here);
        ret->fault = http_body_run(&b, copy, &here, &ready);
        assert_true(ret->fault == HTTP_FAULT_NONE || ready == 0);
        memcpy(ret->out + ret->passed, copy, here);
        ret->passed += ready;
        ret->left = here - ready;
        given += piece;
        if (given == length)
            break;
    }
    ret->is_over = b.state == HTTP_BODY_OVER;
    ret->bytes = b.bytes;
}

static bool is_same(const struct run *a, const struct run *b)
{
    if (a->fault != HTTP_FAULT_NONE || b->fault != HTTP_FAULT_NONE)
        return a->fault == b->fault;
    return a->is_over == b->is_over && a->bytes == b->bytes && a->left == b->left && a->passed == b->passed &&
           memcmp(a->out, b->out, a->passed + a->left) == 0;
}

/** In every cut, into `whole`. */
static void feed_all_ways(const struct http_framing *framing, bool drops_chunks, const char *bytes, size_t length,
                          const char *comment)
{
    feed(framing, drops_chunks, bytes, length, length, 1, &whole);
    feed(framing, drops_chunks, bytes, length, 0, 1, &pieces);
    EXPECT(is_same(&whole, &pieces), comment);
    for (size_t at = 1; at < length; at++) {
        feed(framing, drops_chunks, bytes, length, at, length, &pieces);
        EXPECT(is_same(&whole, &pieces), comment);
    }
}

static const struct http_framing chunked = {.kind = HTTP_BODY_CHUNKED};

static void expect_passed(const char *expected, const char *comment)
{
    EXPECT(whole.fault == HTTP_FAULT_NONE, comment);
    EXPECT(whole.passed == strlen(expected) && memcmp(whole.out, expected, whole.passed) == 0, comment);
}

static void good_chunks_go_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        const struct good_row *row = &good[i];

        for (int drops = 0; drops <= 1; drops++) {
            feed_all_ways(&chunked, drops == 1, row->bytes, row->length, row->comment);
            expect_passed(drops == 1 ? row->data : row->expected, row->comment);
            EXPECT(whole.is_over, row->comment);
            EXPECT(whole.bytes == strlen(row->data), row->comment);
            EXPECT(whole.left == strlen(row->rest), row->comment);
            EXPECT(memcmp(whole.out + whole.passed, row->rest, whole.left) == 0, row->comment);
        }
    }
}

static void bad_chunks_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        const struct bad_row *row = &bad[i];

        for (int drops = 0; drops <= 1; drops++) {
            feed_all_ways(&chunked, drops == 1, row->bytes, row->length, row->comment);
            if (whole.fault != row->fault)
                fail_msg("%s: %s instead of %s", row->comment, http_fault_name(whole.fault), http_fault_name(row->fault));
        }
    }
}

/** A good body is not over a byte before its end. */
static void cut_bodies_are_not_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        size_t length = good[i].length - strlen(good[i].rest);

        for (size_t count = 0; count < length; count++) {
            feed(&chunked, false, good[i].bytes, count, count, 1, &whole);
            EXPECT(whole.fault == HTTP_FAULT_NONE && !whole.is_over, good[i].comment);
        }
    }
}

/** No byte but a digit, an extension's beginning or CR may follow a size. */
static void every_byte_behind_a_size(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char bytes[] = "5X\r\n";
        enum http_fault expected = HTTP_FAULT_BAD_CHUNK_SIZE;

        bytes[1] = (char)byte;
        feed_all_ways(&chunked, false, bytes, sizeof(bytes) - 1, "a byte behind a size");
        if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'))
            expected = HTTP_FAULT_NONE;
        else if (byte == ';' || byte == ' ' || byte == '\t')
            expected = HTTP_FAULT_BAD_CHUNK_EXTENSION;
        else if (byte == '\r' || byte == '\n')
            expected = byte == '\r' ? HTTP_FAULT_BARE_CR : HTTP_FAULT_BARE_LF;
        else if (byte < 32 || byte == 127)
            expected = HTTP_FAULT_CONTROL_BYTE;
        assert_int_equal(whole.fault, expected);
    }
}

/** A size line of exactly HTTP_CHUNK_LINE_MAX bytes, and of a few more. */
static void size_lines_have_a_limit(void **state)
{
    (void)state;
    for (size_t more = 0; more <= 4; more++) {
        char bytes[HTTP_CHUNK_LINE_MAX + 16];
        size_t length = HTTP_CHUNK_LINE_MAX + more;

        memset(bytes, 'a', sizeof(bytes));
        memcpy(bytes, "0;", 2);
        memcpy(bytes + length - 2, "\r\n\r\n", 4);
        feed_all_ways(&chunked, false, bytes, length + 2, "a long line");
        assert_int_equal(whole.fault, more == 0 ? HTTP_FAULT_NONE : HTTP_FAULT_BAD_CHUNK_EXTENSION);
        feed_all_ways(&chunked, false, bytes, HTTP_CHUNK_LINE_MAX, "a long line that does not end");
        assert_int_equal(whole.fault, more == 0 ? HTTP_FAULT_NONE : HTTP_FAULT_BAD_CHUNK_EXTENSION);
    }
}

/** Trailers of exactly HTTP_TRAILER_BYTES_MAX bytes with the empty line, and of one more; as one line and as many. */
static void trailers_have_a_limit(void **state)
{
    static char bytes[HTTP_TRAILER_BYTES_MAX + 16];

    (void)state;
    for (size_t line = 16; line <= HTTP_TRAILER_BYTES_MAX; line *= 512) {
        for (size_t more = 0; more <= 1; more++) {
            size_t length = 3 + HTTP_TRAILER_BYTES_MAX + more;

            memset(bytes, 'a', sizeof(bytes));
            memcpy(bytes, "0\r\n", 3);
            for (size_t at = 3; at < length - 2; at += line) {
                bytes[at + 1] = ':';
                memcpy(bytes + at + line - 2, "\r\n", 2);
            }
            memcpy(bytes + length - 6, "aa\r\n\r\n", 6); /* the last line gives or takes what does not fit */
            feed(&chunked, false, bytes, length, length, 1, &whole);
            assert_int_equal(whole.fault, more == 0 ? HTTP_FAULT_NONE : HTTP_FAULT_BAD_TRAILER);
            feed(&chunked, false, bytes, length, 0, 1, &pieces);
            assert_true(is_same(&whole, &pieces));
        }
    }
}

static void lengths_are_counted(void **state)
{
    static const struct http_framing five = {.kind = HTTP_BODY_LENGTH, .length = 5};
    static const struct http_framing zero = {.kind = HTTP_BODY_LENGTH, .length = 0};
    static const struct http_framing none = {.kind = HTTP_BODY_NONE, .length = 7};

    (void)state;
    feed_all_ways(&five, false, B("hello"), "exactly");
    expect_passed("hello", "exactly");
    assert_true(whole.is_over);
    feed_all_ways(&five, true, B("helloGET"), "more");
    expect_passed("hello", "more");
    assert_int_equal(whole.bytes, 5);
    assert_int_equal(whole.left, 3);
    feed_all_ways(&five, false, B("hell"), "less");
    expect_passed("hell", "less");
    assert_false(whole.is_over);
    feed_all_ways(&zero, false, B("GET"), "nothing");
    expect_passed("", "nothing");
    assert_true(whole.is_over);
    feed_all_ways(&none, false, B("GET"), "no body");
    expect_passed("", "no body");
    assert_true(whole.is_over);
}

static void end_of_stream_ends_some(void **state)
{
    static const struct http_framing to_close = {.kind = HTTP_BODY_TO_CLOSE};
    static const struct http_framing five = {.kind = HTTP_BODY_LENGTH, .length = 5};
    static const struct http_framing none = {.kind = HTTP_BODY_NONE};
    struct http_body b;

    (void)state;
    feed_all_ways(&to_close, false, B("hello\r\n0\r\n\r\n"), "until close");
    expect_passed("hello\r\n0\r\n\r\n", "until close");
    assert_int_equal(whole.bytes, 12);
    assert_false(whole.is_over);
    http_body_init(&b, &to_close, false);
    assert_true(http_body_end(&b));
    assert_int_equal(b.state, HTTP_BODY_OVER);
    http_body_init(&b, &five, false);
    assert_false(http_body_end(&b));
    http_body_init(&b, &none, false);
    assert_true(http_body_end(&b));
    http_body_init(&b, &chunked, false);
    assert_false(http_body_end(&b));
}

/** The largest chunk is counted, not added up. */
static void largest_chunk_is_taken(void **state)
{
    (void)state;
    feed_all_ways(&chunked, false, B("7fffffffffffffff\r\nabc"), "2^63 - 1");
    expect_passed("7fffffffffffffff\r\nabc", "2^63 - 1");
    assert_int_equal(whole.bytes, 3);
    assert_false(whole.is_over);
}

/** Many small chunks with extensions in one buffer: as fast as the buffer is long, and no byte out of place. */
static void many_extensions_cost_little(void **state)
{
    static char bytes[60000];
    size_t count = sizeof(bytes) / 8;

    (void)state;
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + i * 8, "1;a\r\nX\r\n", 8);
    feed(&chunked, false, bytes, count * 8, count * 8, 1, &whole);
    assert_int_equal(whole.fault, HTTP_FAULT_NONE);
    assert_int_equal(whole.bytes, count);
    assert_int_equal(whole.passed, count * 6);
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(whole.out + i * 6, "1\r\nX\r\n", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_chunks_go_on),       cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(cut_bodies_are_not_over), cmocka_unit_test(every_byte_behind_a_size),
        cmocka_unit_test(size_lines_have_a_limit), cmocka_unit_test(trailers_have_a_limit),
        cmocka_unit_test(lengths_are_counted),     cmocka_unit_test(end_of_stream_ends_some),
        cmocka_unit_test(largest_chunk_is_taken),  cmocka_unit_test(many_extensions_cost_little),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
