/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/framing.h: how long messages are, RFC 9112 6 and 9, and what is refused because two readers could disagree: the
 * pairs known as CL.TE, TE.CL, TE.TE, CL.0 and 0.CL.
 */
#include "test/unit/unit.h"

#include "proxy/http/framing.h"
#include "test/unit/http_feed.h"

#include <stdio.h>
#include <string.h>

/** What a good message is, in one text: "kind length flags", flags k(eeps alive), c(ontinue), u(pgrade). */
struct good_row {
    const char *head; /**< start line's rest and fields: see request() and response() */
    const char *expected;
    const char *comment;
};

struct bad_row {
    const char *fields;
    enum http_fault fault;
    const char *comment;
};

#define TE "Transfer-Encoding: "
#define CL "Content-Length: "

static const struct good_row good_requests[] = {
    {"HTTP/1.1\r\n", "none 0 k", "no field: no body, RFC 9112 6.3"},
    {"HTTP/1.0\r\n", "none 0 ", "HTTP/1.0"},
    {"HTTP/1.1\r\n" CL "0\r\n", "length 0 k", "an empty body"},
    {"HTTP/1.1\r\n" CL "5\r\n", "length 5 k", "a length"},
    {"HTTP/1.1\r\n" CL "\t 5 \t\r\n", "length 5 k", "blanks around a length"},
    {"HTTP/1.1\r\n" CL "0005\r\n", "length 5 k", "leading zeros"},
    {"HTTP/1.1\r\n" CL "9223372036854775807\r\n", "length 9223372036854775807 k", "the largest length"},
    {"HTTP/1.0\r\n" CL "5\r\n", "length 5 ", "a length in HTTP/1.0"},
    {"HTTP/1.1\r\ncontent-LENGTH:5\r\n", "length 5 k", "a name in any case"},
    {"HTTP/1.1\r\n" TE "chunked\r\n", "chunked 0 k", "chunked"},
    {"HTTP/1.1\r\ntransfer-encoding:CHUNKED \r\n", "chunked 0 k", "chunked in any case"},
    {"HTTP/1.1\r\nConnection: close\r\n", "none 0 ", "close"},
    {"HTTP/1.1\r\nConnection: Keep-Alive, CLOSE\r\n", "none 0 ", "close wins"},
    {"HTTP/1.1\r\nConnection: x\r\nConnection: close\r\n", "none 0 ", "close in a second field"},
    {"HTTP/1.1\r\nConnection:\r\n", "none 0 k", "an empty Connection"},
    {"HTTP/1.1\r\nConnection: , ,keep-alive,\r\n", "none 0 k", "empty elements: RFC 9110 5.6.1.2"},
    {"HTTP/1.1\r\nConnection: TE, Keep-Alive, Trailer\r\nTE: trailers\r\n", "none 0 k", "what may be listed"},
    {"HTTP/1.0\r\nConnection: keep-alive\r\n", "none 0 k", "keep-alive in HTTP/1.0"},
    {"HTTP/1.0\r\nConnection: keep-alive, close\r\n", "none 0 ", "close wins in HTTP/1.0"},
    {"HTTP/1.0\r\nProxy-Connection: keep-alive\r\n", "none 0 ", "Proxy-Connection says nothing"},
    {"HTTP/1.1\r\n" CL "5\r\nExpect: 100-continue\r\n", "length 5 kc", "an expectation"},
    {"HTTP/1.1\r\n" TE "chunked\r\nExpect: 100-Continue\r\n", "chunked 0 kc", "an expectation in any case"},
    {"HTTP/1.1\r\nExpect: 100-continue\r\n", "none 0 k", "an expectation and nothing to send"},
    {"HTTP/1.1\r\n" CL "0\r\nExpect: 100-continue\r\n", "length 0 k", "an expectation and an empty body"},
    {"HTTP/1.0\r\n" CL "5\r\nExpect: 100-continue\r\n", "length 5 ", "HTTP/1.0 can't expect: RFC 9110 10.1.1"},
    {"HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", "none 0 ku", "an upgrade"},
    {"HTTP/1.1\r\nConnection: keep-alive, upgrade\r\nUpgrade: a/1.0, b\r\n", "none 0 ku", "an upgrade to one of two"},
    {"HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" CL "0\r\n", "length 0 ku", "an upgrade with an empty body"},
    {"HTTP/1.1\r\nUpgrade: websocket\r\n", "none 0 k", "Upgrade that is not listed"},
    {"HTTP/1.1\r\nConnection: upgrade\r\n", "none 0 k", "upgrade without its field"},
    {"HTTP/1.1\r\nConnection: upgrade\r\nUpgrade:\r\n", "none 0 k", "an empty Upgrade"},
    {"HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", "none 0 ", "HTTP/1.0 can't upgrade: RFC 9110 7.8"},
    {"HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" CL "5\r\n", "length 5 k",
     "h2c is not taken up"},
    {"HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n", "none 0 k", "h2c in a list"},
    {"HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: H2C\r\n", "none 0 k", "h2c in any case"},
    {"HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: HTTP/2.0\r\n", "none 0 k", "HTTP by its other name"},
};

static const struct bad_row bad_requests[] = {
    /* Both: CL.TE and TE.CL. */
    {CL "5\r\n" TE "chunked\r\n", HTTP_FAULT_BOTH_LENGTHS, "CL.TE"},
    {TE "chunked\r\n" CL "5\r\n", HTTP_FAULT_BOTH_LENGTHS, "TE.CL"},
    {TE "chunked\r\n" CL "0\r\n", HTTP_FAULT_BOTH_LENGTHS, "TE.0"},
    {TE "identity\r\n" CL "5\r\n", HTTP_FAULT_BOTH_LENGTHS, "identity is a coding too"},
    {TE "\r\n" CL "5\r\n", HTTP_FAULT_BOTH_LENGTHS, "an empty coding is a coding too"},
    {TE "x\r\n" CL "x\r\n", HTTP_FAULT_BOTH_LENGTHS, "both, and both wrong"},
    /* Content-Length: RFC 9110 8.6. */
    {CL "5\r\n" CL "5\r\n", HTTP_FAULT_BAD_LENGTH, "twice, equal"},
    {CL "5\r\n" CL "6\r\n", HTTP_FAULT_BAD_LENGTH, "twice, different"},
    {CL "0\r\nX: a\r\ncontent-length: 5\r\n", HTTP_FAULT_BAD_LENGTH, "CL.CL"},
    {CL "5\r\n" CL "\r\n", HTTP_FAULT_BAD_LENGTH, "twice, one empty"},
    {CL "5, 5\r\n", HTTP_FAULT_BAD_LENGTH, "a list of equal ones"},
    {CL "5,6\r\n", HTTP_FAULT_BAD_LENGTH, "a list of different ones"},
    {CL "5,\r\n", HTTP_FAULT_BAD_LENGTH, "a comma"},
    {CL "\r\n", HTTP_FAULT_BAD_LENGTH, "empty"},
    {CL "+5\r\n", HTTP_FAULT_BAD_LENGTH, "a sign"},
    {CL "-5\r\n", HTTP_FAULT_BAD_LENGTH, "a minus"},
    {CL "-0\r\n", HTTP_FAULT_BAD_LENGTH, "minus zero"},
    {CL "5 5\r\n", HTTP_FAULT_BAD_LENGTH, "two numbers"},
    {CL "5 x\r\n", HTTP_FAULT_BAD_LENGTH, "a number and more"},
    {CL "5;a=b\r\n", HTTP_FAULT_BAD_LENGTH, "a parameter"},
    {CL "0x5\r\n", HTTP_FAULT_BAD_LENGTH, "hexadecimal"},
    {CL "5h\r\n", HTTP_FAULT_BAD_LENGTH, "hexadecimal with a letter behind"},
    {CL "a\r\n", HTTP_FAULT_BAD_LENGTH, "a hexadecimal digit"},
    {CL "5.0\r\n", HTTP_FAULT_BAD_LENGTH, "a fraction"},
    {CL "5e0\r\n", HTTP_FAULT_BAD_LENGTH, "an exponent"},
    {CL "1_0\r\n", HTTP_FAULT_BAD_LENGTH, "an underscore, as Python's int() takes it"},
    {CL "\"5\"\r\n", HTTP_FAULT_BAD_LENGTH, "quotes"},
    {CL "\xef\xbc\x95\r\n", HTTP_FAULT_BAD_LENGTH, "FULLWIDTH DIGIT FIVE"},
    {CL "\xc2\xa0"
        "5\r\n",
     HTTP_FAULT_BAD_LENGTH, "a no-break space"},
    {CL "9223372036854775808\r\n", HTTP_FAULT_BAD_LENGTH, "2^63"},
    {CL "18446744073709551616\r\n", HTTP_FAULT_BAD_LENGTH, "2^64, which wraps around to 0"},
    {CL "18446744073709551621\r\n", HTTP_FAULT_BAD_LENGTH, "2^64 + 5"},
    {CL "99999999999999999999999999999999\r\n", HTTP_FAULT_BAD_LENGTH, "huge"},
    {"Content_Length: 5\r\n", HTTP_FAULT_BAD_LENGTH, "an underscore for the hyphen"},
    {CL "5\r\ncontent_length: 6\r\n", HTTP_FAULT_BAD_LENGTH, "an underscore in a second one"},
    /* Transfer-Encoding: RFC 9112 6.1, 7. TE.TE lives off values that only one reader takes for chunked. */
    {TE "\r\n", HTTP_FAULT_BAD_CODING, "empty"},
    {TE ",\r\n", HTTP_FAULT_BAD_CODING, "an empty list"},
    {TE "chunked, chunked\r\n", HTTP_FAULT_BAD_CODING, "chunked twice"},
    {TE "chunked\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_CODING, "chunked in two fields"},
    {TE "chunked\r\n" TE "identity\r\n", HTTP_FAULT_BAD_CODING, "chunked, then identity"},
    {TE "chunked\r\n" TE "x\r\n", HTTP_FAULT_BAD_CODING, "TE.TE"},
    {TE "chunked\r\n" TE "\r\n", HTTP_FAULT_BAD_CODING, "chunked, then nothing"},
    {TE "\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_CODING, "nothing, then chunked"},
    {TE "chunked, gzip\r\n", HTTP_FAULT_BAD_CODING, "chunked is not the last"},
    {TE "gzip, chunked, gzip\r\n", HTTP_FAULT_BAD_CODING, "chunked in the middle"},
    {TE "gzip, chunked, chunked\r\n", HTTP_FAULT_BAD_CODING, "chunked twice at the end"},
    {TE "chunked,\r\n", HTTP_FAULT_BAD_CODING, "a comma behind"},
    {TE ", chunked\r\n", HTTP_FAULT_BAD_CODING, "a comma before"},
    {TE "identity\r\n", HTTP_FAULT_BAD_CODING, "identity, which RFC 7230 removed"},
    {TE "gzip\r\n", HTTP_FAULT_BAD_CODING, "gzip alone: the length can't be known"},
    {TE "xchunked\r\n", HTTP_FAULT_BAD_CODING, "a letter before"},
    {TE "chunkedx\r\n", HTTP_FAULT_BAD_CODING, "a letter behind"},
    {TE "chunke\r\n", HTTP_FAULT_BAD_CODING, "a letter less"},
    {TE "x chunked\r\n", HTTP_FAULT_BAD_CODING, "a word before"},
    {TE "chunked x\r\n", HTTP_FAULT_BAD_CODING, "a word behind"},
    {TE "chunked;q=1\r\n", HTTP_FAULT_BAD_CODING, "a parameter: RFC 9112 7.1"},
    {TE "chunked ;\r\n", HTTP_FAULT_BAD_CODING, "a semicolon"},
    {TE "\"chunked\"\r\n", HTTP_FAULT_BAD_CODING, "quotes"},
    {TE "'chunked'\r\n", HTTP_FAULT_BAD_CODING, "single quotes"},
    {TE "chun\\ked\r\n", HTTP_FAULT_BAD_CODING, "a backslash"},
    {TE "chun\xe2\x84\xaa"
        "ed\r\n",
     HTTP_FAULT_BAD_CODING, "KELVIN SIGN, whose small letter is k"},
    {TE "\xff"
        "chunked\r\n",
     HTTP_FAULT_BAD_CODING, "a byte above 127"},
    {TE "cow\r\n" TE "chunked, cow\r\n", HTTP_FAULT_BAD_CODING, "others in front and behind"},
    {TE "a b, chunked\r\n", HTTP_FAULT_BAD_CODING, "two words before"},
    {TE "gzip;q=\"a, chunked\r\n", HTTP_FAULT_BAD_CODING, "a quote without end"},
    {"Transfer_Encoding: chunked\r\n", HTTP_FAULT_BAD_CODING, "an underscore for the hyphen"},
    {CL "5\r\ntransfer_encoding: chunked\r\n", HTTP_FAULT_BAD_CODING, "an underscore beside a length"},
    {TE "gzip, chunked\r\n", HTTP_FAULT_CODING_NOT_SERVED, "gzip and chunked"},
    {TE "gzip\r\n" TE "chunked\r\n", HTTP_FAULT_CODING_NOT_SERVED, "gzip and chunked in two fields"},
    {TE "x-y, z, chunked\r\n", HTTP_FAULT_CODING_NOT_SERVED, "codings that nobody knows"},
    /* Connection: RFC 9110 7.6.1. */
    {"Connection: close keep-alive\r\n", HTTP_FAULT_BAD_CONNECTION, "two words without comma"},
    {"Connection: close;\r\n", HTTP_FAULT_BAD_CONNECTION, "a semicolon"},
    {"Connection: \"close\"\r\n", HTTP_FAULT_BAD_CONNECTION, "quotes"},
    {"Connection: close, a/b\r\n", HTTP_FAULT_BAD_CONNECTION, "a slash"},
    {"Connection: close\r\nConnection: a b\r\n", HTTP_FAULT_BAD_CONNECTION, "in the second field"},
    {"Connection: Host\r\n", HTTP_FAULT_BAD_CONNECTION, "Host"},
    {"Connection: Content-Length\r\n" CL "5\r\n", HTTP_FAULT_BAD_CONNECTION, "Content-Length, or CL.0"},
    {"Connection: Transfer-Encoding\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_CONNECTION, "Transfer-Encoding"},
    {"Connection: keep-alive, cookie\r\n", HTTP_FAULT_BAD_CONNECTION, "Cookie"},
    {"Connection: authorization\r\n", HTTP_FAULT_BAD_CONNECTION, "Authorization"},
    {"Connection: Content-Type\r\n", HTTP_FAULT_BAD_CONNECTION, "Content-Type"},
    {"Connection: Expect\r\n", HTTP_FAULT_BAD_CONNECTION, "Expect"},
    {"Connection: cache-control\r\n", HTTP_FAULT_BAD_CONNECTION, "Cache-Control, the RFC's example"},
    {"Connection: close, X-Forwarded-For\r\n", HTTP_FAULT_BAD_CONNECTION, "X-Forwarded-For"},
    {"Connection: x_forwarded_for\r\n", HTTP_FAULT_BAD_CONNECTION, "X-Forwarded-For with underscores"},
    {"Connection: x_real_ip\r\n", HTTP_FAULT_BAD_CONNECTION, "X-Real-IP with underscores"},
    {"Connection: Forwarded\r\n", HTTP_FAULT_BAD_CONNECTION, "Forwarded"},
    {"Connection: X-Client-Cert-Subject\r\n", HTTP_FAULT_BAD_CONNECTION, "what we say of a certificate"},
    /* Upgrade and Expect: RFC 9110 7.8, 10.1.1. */
    {"Connection: upgrade\r\nUpgrade: websocket\r\n" CL "5\r\n", HTTP_FAULT_BAD_UPGRADE, "an upgrade with a body"},
    {"Connection: upgrade\r\nUpgrade: websocket\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_UPGRADE, "an upgrade with a chunked body"},
    {"Connection: upgrade\r\nUpgrade: a b\r\n", HTTP_FAULT_BAD_UPGRADE, "a protocol with a blank"},
    {"Connection: upgrade\r\nUpgrade: /1\r\n", HTTP_FAULT_BAD_UPGRADE, "a protocol without name"},
    {"Connection: upgrade\r\nUpgrade: a/\r\n", HTTP_FAULT_BAD_UPGRADE, "a protocol with an empty version"},
    {"Connection: upgrade\r\nUpgrade: a/1/2\r\n", HTTP_FAULT_BAD_UPGRADE, "two slashes"},
    {"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: a\"\r\n", HTTP_FAULT_BAD_UPGRADE, "in the second field"},
    {"Expect: 200-ok\r\n", HTTP_FAULT_EXPECTATION_UNKNOWN, "another expectation"},
    {"Expect:\r\n", HTTP_FAULT_EXPECTATION_UNKNOWN, "an empty one"},
    {"Expect: y 100-continue\r\n" CL "5\r\n", HTTP_FAULT_EXPECTATION_UNKNOWN, "a word before, as in 0.CL"},
    {"Expect: 100-continue, x\r\n" CL "5\r\n", HTTP_FAULT_EXPECTATION_UNKNOWN, "two expectations"},
    {"Expect: 100-continue\r\nExpect: 100-continue\r\n", HTTP_FAULT_EXPECTATION_UNKNOWN, "twice"},
    {"Expect: 100-continue;a\r\n", HTTP_FAULT_EXPECTATION_UNKNOWN, "a parameter"},
};

/** The status stands first; "HEAD 200" is an answer to HEAD, "UP 101" one to a request with has_upgrade. */
static const struct good_row good_responses[] = {
    {"200 HTTP/1.1\r\n", "close 0 ", "no field: until close"},
    {"200 HTTP/1.1\r\nConnection: keep-alive\r\n", "close 0 ", "until close, whatever it says"},
    {"200 HTTP/1.1\r\n" CL "5\r\n", "length 5 k", "a length"},
    {"200 HTTP/1.1\r\n" CL "0\r\n", "length 0 k", "an empty body"},
    {"200 HTTP/1.1\r\n" TE "chunked\r\n", "chunked 0 k", "chunked"},
    {"200 HTTP/1.1\r\n" TE "chunked\r\nConnection: close\r\n", "chunked 0 ", "chunked and close"},
    {"200 HTTP/1.0\r\n" CL "5\r\n", "length 5 ", "HTTP/1.0"},
    {"200 HTTP/1.0\r\n" CL "5\r\nConnection: keep-alive\r\n", "length 5 k", "HTTP/1.0 and keep-alive"},
    {"200 HTTP/1.0\r\nConnection: keep-alive\r\n", "close 0 ", "HTTP/1.0, keep-alive, no length"},
    {"205 HTTP/1.1\r\n" CL "0\r\n", "length 0 k", "205 has a length as others"},
    {"404 HTTP/1.1\r\n" CL "5\r\n", "length 5 k", "an error has a body"},
    {"999 HTTP/1.1\r\n" CL "5\r\n", "length 5 k", "an unknown status has a body"},
    {"204 HTTP/1.1\r\n", "none 0 k", "204"},
    {"204 HTTP/1.1\r\n" CL "0\r\n", "none 0 k", "204 with a length of 0"},
    {"304 HTTP/1.1\r\n" CL "5\r\n", "none 5 k", "304 with the length that there would be"},
    {"304 HTTP/1.1\r\n" TE "chunked\r\n", "none 0 k", "304 with the coding that there would be"},
    {"HEAD 200 HTTP/1.1\r\n" CL "5\r\n", "none 5 k", "to HEAD, with a length"},
    {"HEAD 200 HTTP/1.1\r\n" TE "chunked\r\n", "none 0 k", "to HEAD, chunked"},
    {"HEAD 200 HTTP/1.1\r\n", "none 0 k", "to HEAD, no length"},
    {"HEAD 404 HTTP/1.1\r\n" CL "5\r\nConnection: close\r\n", "none 5 ", "to HEAD, error and close"},
    {"100 HTTP/1.1\r\n", "none 0 k", "100"},
    {"103 HTTP/1.1\r\nLink: a\r\n", "none 0 k", "103"},
    {"HEAD 100 HTTP/1.1\r\n", "none 0 k", "100 to HEAD"},
    {"UP 101 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", "none 0 ku", "101"},
    {"UP 200 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" CL "5\r\n", "length 5 k", "no switch after all"},
    {"426 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" CL "0\r\n", "length 0 k", "426 asks for an upgrade"},
};

static const struct bad_row bad_responses[] = {
    {"200 HTTP/1.1\r\n" CL "5\r\n" TE "chunked\r\n", HTTP_FAULT_BOTH_LENGTHS, "both"},
    {"HEAD 200 HTTP/1.1\r\n" CL "5\r\n" TE "chunked\r\n", HTTP_FAULT_BOTH_LENGTHS, "both, to HEAD"},
    {"304 HTTP/1.1\r\n" CL "5\r\n" TE "chunked\r\n", HTTP_FAULT_BOTH_LENGTHS, "both, 304"},
    {"200 HTTP/1.1\r\n" CL "5\r\n" CL "5\r\n", HTTP_FAULT_BAD_LENGTH, "twice"},
    {"HEAD 200 HTTP/1.1\r\n" CL "x\r\n", HTTP_FAULT_BAD_LENGTH, "no number, to HEAD"},
    {"200 HTTP/1.1\r\n" CL "-1\r\n", HTTP_FAULT_BAD_LENGTH, "minus one"},
    {"100 HTTP/1.1\r\n" CL "5\r\n", HTTP_FAULT_BAD_LENGTH, "100 with a length"},
    {"204 HTTP/1.1\r\n" CL "5\r\n", HTTP_FAULT_BAD_LENGTH, "204 with a length"},
    {"100 HTTP/1.1\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_CODING, "100, chunked"},
    {"204 HTTP/1.1\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_CODING, "204, chunked"},
    {"UP 101 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: a\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_CODING, "101, chunked"},
    {"200 HTTP/1.0\r\n" TE "chunked\r\n", HTTP_FAULT_BAD_CODING, "chunked in HTTP/1.0"},
    {"200 HTTP/1.1\r\n" TE "identity\r\n", HTTP_FAULT_BAD_CODING, "identity"},
    {"200 HTTP/1.1\r\n" TE "gzip\r\n", HTTP_FAULT_BAD_CODING, "gzip until close"},
    {"200 HTTP/1.1\r\n" TE "gzip, chunked\r\n", HTTP_FAULT_CODING_NOT_SERVED, "gzip and chunked"},
    {"200 HTTP/1.1\r\nConnection: Set-Cookie\r\n", HTTP_FAULT_BAD_CONNECTION, "Set-Cookie is listed"},
    {"200 HTTP/1.1\r\nConnection: a b\r\n", HTTP_FAULT_BAD_CONNECTION, "no list of tokens"},
    {"101 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", HTTP_FAULT_BAD_UPGRADE, "101 that was not asked for"},
    {"UP 101 HTTP/1.1\r\nConnection: Upgrade\r\n", HTTP_FAULT_BAD_UPGRADE, "101 that does not say to what"},
    {"UP 101 HTTP/1.1\r\nUpgrade: websocket\r\n", HTTP_FAULT_BAD_UPGRADE, "101 whose Upgrade is not listed"},
    {"UP 101 HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", HTTP_FAULT_BAD_UPGRADE, "101 in HTTP/1.0"},
    {"UP 101 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", HTTP_FAULT_BAD_UPGRADE, "101 to h2c, which nobody asked for"},
};

static struct guard guard;
static struct http_head head;

static int setup(void **state)
{
    (void)state;
    guard_init(&guard, 32768);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard_fini(&guard);
    return 0;
}

/** `text` is the version's line with fields; the rest is put around it. */
static enum http_fault request(const char *text, const char *comment, struct http_framing *ret)
{
    char bytes[512];
    int length = snprintf(bytes, sizeof(bytes), "POST / %s\r\n", text);

    EXPECT((size_t)length < sizeof(bytes), comment);
    EXPECT(feed_parse(&guard, FEED_REQUEST, bytes, (size_t)length, comment, &head) == HTTP_FAULT_NONE, comment);
    return http_request_framing(&head, ret);
}

static bool take_prefix(const char **text, const char *prefix)
{
    if (strncmp(*text, prefix, strlen(prefix)) != 0)
        return false;
    *text += strlen(prefix);
    return true;
}

/** `text` is "[HEAD |UP ]status version", and fields. */
static enum http_fault response(const char *text, const char *comment, struct http_framing *ret)
{
    bool is_head = take_prefix(&text, "HEAD ");
    bool had_upgrade = take_prefix(&text, "UP ");
    char bytes[512];
    int length = snprintf(bytes, sizeof(bytes), "%.8s %.3s \r\n%s\r\n", text + 4, text, strchr(text, '\n') + 1);

    EXPECT((size_t)length < sizeof(bytes), comment);
    EXPECT(feed_parse(&guard, FEED_RESPONSE, bytes, (size_t)length, comment, &head) == HTTP_FAULT_NONE, comment);
    return http_response_framing(&head, is_head, had_upgrade, ret);
}

static const char *describe(const struct http_framing *f)
{
    static const char *const kinds[] = {"none", "length", "chunked", "close"};
    static char text[64];

    snprintf(text, sizeof(text), "%s %llu %s%s%s", kinds[f->kind], (unsigned long long)f->length, f->keeps_alive ? "k" : "",
             f->expects_continue ? "c" : "", f->has_upgrade ? "u" : "");
    return text;
}

typedef enum http_fault framing_fn(const char *text, const char *comment, struct http_framing *ret);

static void check_good(framing_fn *framing, const struct good_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct http_framing f;

        EXPECT(framing(rows[i].head, rows[i].comment, &f) == HTTP_FAULT_NONE, rows[i].comment);
        if (strcmp(describe(&f), rows[i].expected) != 0)
            fail_msg("%s: %s instead of %s", rows[i].comment, describe(&f), rows[i].expected);
    }
}

static void expect_fault(enum http_fault fault, const struct bad_row *row)
{
    if (fault != row->fault)
        fail_msg("%s: %s instead of %s", row->comment, http_fault_name(fault), http_fault_name(row->fault));
}

static void good_requests_have_one_length(void **state)
{
    (void)state;
    check_good(request, good_requests, ROWS(good_requests));
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad_requests); i++) {
        char text[256];
        struct http_framing f;

        snprintf(text, sizeof(text), "HTTP/1.1\r\n%s", bad_requests[i].fields);
        expect_fault(request(text, bad_requests[i].comment, &f), &bad_requests[i]);
    }
}

/** Whatever the coding, and beside a length too. */
static void http_1_0_has_no_codings(void **state)
{
    struct http_framing f;

    (void)state;
    assert_int_equal(request("HTTP/1.0\r\n" TE "chunked\r\n", "1.0", &f), HTTP_FAULT_BAD_CODING);
    assert_int_equal(request("HTTP/1.0\r\n" TE "gzip, chunked\r\n", "1.0", &f), HTTP_FAULT_BAD_CODING);
    assert_int_equal(request("HTTP/1.0\r\n" TE "chunked\r\n" CL "5\r\n", "1.0", &f), HTTP_FAULT_BOTH_LENGTHS);
}

static void good_responses_have_one_length(void **state)
{
    (void)state;
    check_good(response, good_responses, ROWS(good_responses));
}

static void bad_responses_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad_responses); i++) {
        struct http_framing f;

        expect_fault(response(bad_responses[i].fields, bad_responses[i].comment, &f), &bad_responses[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_have_one_length), cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(http_1_0_has_no_codings),       cmocka_unit_test(good_responses_have_one_length),
        cmocka_unit_test(bad_responses_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
