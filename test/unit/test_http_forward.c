/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/http/forward.h, requests: what goes on byte for byte, what is left out, and how the server learns who asked. */
#include "test/unit/unit.h"

#include "test/unit/http_onward.h"

#include <stdio.h>
#include <string.h>

#define S(literal)                                                                                                               \
    {                                                                                                                            \
        literal, sizeof(literal) - 1                                                                                             \
    }

/* Of a browser at 192.0.2.7:51514 that asks 203.0.113.1:443 over TLS. */
#define CLIENT                                                                                                                   \
    .is_tls = true, .client_ip = S("192.0.2.7"), .client_port = 51514, .front_ip = S("203.0.113.1"), .front_port = 443,          \
    .id = S("00c0ffee1234567890abcdef00000001")

#define GET  "GET /db/a?View HTTP/1.1\r\nHost: scada.example\r\n"
#define POST "POST /logon HTTP/1.1\r\nHost: scada.example\r\n"

static const struct http_request_plan quiet = {.telling = HTTP_TELL_OFF, .may_reuse = true, CLIENT};
static const struct http_request_plan quiet_trusted = {.telling = HTTP_TELL_OFF, .is_trusted = true, .may_reuse = true, CLIENT};
static const struct http_request_plan append = {.telling = HTTP_TELL_APPEND, .may_reuse = true, CLIENT};
static const struct http_request_plan append_trusted = {
    .telling = HTTP_TELL_APPEND, .is_trusted = true, .may_reuse = true, CLIENT};
static const struct http_request_plan replace_trusted = {
    .telling = HTTP_TELL_REPLACE, .is_trusted = true, .may_reuse = true, CLIENT};
static const struct http_request_plan arr = {
    .telling = HTTP_TELL_ARR, .may_reuse = true, CLIENT, .arr_ssl = S("2048|256|CN=Plant CA|CN=scada.example")};

struct row {
    const char *head;
    const char *expected;
    const char *comment;
};

/** With a plan that tells nothing: the head itself. */
static const struct row plain_rows[] = {
    {GET "\r\n", GET "\r\n", "the least"},
    {"GET /db/{a}|b%7c%zz\\?SELECT+'x'=\"y\"&%00 HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /db/{a}|b%7c%zz\\?SELECT+'x'=\"y\"&%00 HTTP/1.1\r\nHost: a\r\n\r\n", "path and query, byte for byte"},
    {"GET /\x80\xff HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\x80\xff HTTP/1.1\r\nHost: a\r\n\r\n", "bytes above 127"},
    {"GET / HTTP/1.1\r\nz-Last: 1\r\nHost: a\r\nA-FIRST: 2\r\nz-last: 3\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: a\r\nz-Last: 1\r\nA-FIRST: 2\r\nz-last: 3\r\n\r\n", "order and case stay; Host comes first"},
    {"BREW / HTTP/1.1\r\nhost: a\r\n\r\n", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "any method"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "asterisk-form"},
    {"GET http://a:81/b?c HTTP/1.1\r\nHost: a:81\r\n\r\n", "GET /b?c HTTP/1.1\r\nHost: a:81\r\n\r\n",
     "absolute-form becomes origin-form"},
    {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: 203.0.113.1\r\n\r\n", "HTTP/1.0 without Host gets our address"},
    {GET "Cookie: CLEARSCADAUSERID={3F2504E0-4F89-11D3-9A0C-0305E82C3301}; b=\"c, d\"\r\n\r\n",
     GET "Cookie: CLEARSCADAUSERID={3F2504E0-4F89-11D3-9A0C-0305E82C3301}; b=\"c, d\"\r\n\r\n", "a cookie with braces"},
    {GET "X-Empty:\r\nX-Space:    a  b   \r\n\r\n", GET "X-Empty: \r\nX-Space: a  b\r\n\r\n",
     "blanks around a value are not part of it"},
    {GET "SOAPAction: \"urn:scx/Read\"\r\nSCX-Client-Version: 7\r\nAccept-Encoding: deflate\r\n\r\n",
     GET "SOAPAction: \"urn:scx/Read\"\r\nSCX-Client-Version: 7\r\nAccept-Encoding: deflate\r\n\r\n", "what ViewX sends"},
    {GET "Authorization: NTLM TlRM\r\nDate: x\r\nVia: 1.1 p\r\nMax-Forwards: 3\r\nLocation: /a\r\nSet-Cookie: a\r\n\r\n",
     GET "Authorization: NTLM TlRM\r\nDate: x\r\nVia: 1.1 p\r\nMax-Forwards: 3\r\nLocation: /a\r\nSet-Cookie: a\r\n\r\n",
     "end-to-end fields, also those that mean something in responses only"},
};

static const struct row framing_rows[] = {
    {POST "A: 1\r\nContent-Length: 5\r\nB: 2\r\n\r\n", POST "A: 1\r\nContent-Length: 5\r\nB: 2\r\n\r\n",
     "a length, in its place"},
    {POST "content-length: 0005\r\n\r\n", POST "Content-Length: 5\r\n\r\n", "a length is written anew"},
    {POST "Content-Length: 0\r\n\r\n", POST "Content-Length: 0\r\n\r\n", "a length of 0"},
    {POST "Content-Length: 9223372036854775807\r\n\r\n", POST "Content-Length: 9223372036854775807\r\n\r\n", "the largest"},
    {POST "A: 1\r\ntransfer-encoding:CHUNKED\r\nTrailer: X\r\n\r\n",
     POST "A: 1\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", "chunked, in its place and one spelling"},
    {POST "\r\n", POST "\r\n", "a POST without a body gets no length"},
    {POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
     "Expect"},
    {"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "Expect means nothing in HTTP/1.0, and must not begin to here"},
    {GET "Expect: 100-continue\r\n\r\n", GET "\r\n", "Expect without a body"},
};

static const struct row hop_rows[] = {
    {GET "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\r\n", GET "\r\n", "keep-alive"},
    {GET "Connection: close\r\n\r\n", GET "\r\n", "close is between the client and us"},
    {GET "A: 1\r\nConnection: a,  ,X-B\r\nx-b: 2\r\nX-BC: 3\r\n\r\n", GET "X-BC: 3\r\n\r\n",
     "what Connection lists, in any case"},
    {GET "C: 1\r\nConnection: x\r\nX: 2\r\nConnection: c\r\n\r\n", GET "\r\n", "several Connection fields"},
    {GET "TE: trailers\r\nConnection: TE\r\n\r\n", GET "\r\n", "TE, listed"},
    {GET "TE: trailers, deflate\r\n\r\n", GET "\r\n", "TE, not listed"},
    {GET "Proxy-Authorization: Basic x\r\nProxy-Authenticate: y\r\nProxy-Authentication-Info: z\r\n\r\n", GET "\r\n",
     "between proxies"},
    {GET "Proxy: http://evil\r\n\r\n", GET "\r\n", "Proxy, which CGI takes for another thing"},
    {GET "Upgrade: websocket\r\n\r\n", GET "\r\n", "an upgrade that Connection does not list"},
    {GET "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n", GET "\r\n",
     "HTTP/2 is not passed through"},
    {GET "HTTP2-Settings: AAMAAABk\r\n\r\n", GET "\r\n", "its settings alone"},
    {GET "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
     GET "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\nConnection: upgrade\r\n\r\n",
     "a WebSocket with extensions"},
    {GET "Upgrade: a/1, b\r\nConnection: upgrade\r\nUpgrade: c\r\n\r\n",
     GET "Upgrade: a/1, b\r\nUpgrade: c\r\nConnection: upgrade\r\n\r\n", "several protocols, as written"},
    {"GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
     "no upgrade in HTTP/1.0"},
};

static void check_rows(const struct row *rows, size_t count, const struct http_request_plan *plan)
{
    for (size_t i = 0; i < count; i++)
        onward_is(onward_request(rows[i].head, plan, rows[i].comment), rows[i].expected, rows[i].comment);
}

static void goes_on_byte_for_byte(void **state)
{
    (void)state;
    check_rows(plain_rows, ROWS(plain_rows), &quiet);
    check_rows(plain_rows, ROWS(plain_rows), &quiet_trusted);
}

static void framing_is_written_anew(void **state)
{
    (void)state;
    check_rows(framing_rows, ROWS(framing_rows), &quiet);
}

/** Whatever the head's fields are: what the next reader sees is what was decided. */
static void framing_is_there_without_a_field(void **state)
{
    static const struct http_head head = {.minor = 1, .method = S("POST")};
    static const struct http_target target = {.origin = S("/"), .host = S("a")};
    struct http_framing framing = {.kind = HTTP_BODY_CHUNKED};
    char text[128];
    struct http_writer w;

    (void)state;
    http_writer_init(&w, text, sizeof(text));
    http_write_request(&w, &head, &target, &framing, &quiet);
    assert_true(slice_is((struct slice){text, w.length}, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

static void once_full_is_always_full(void **state)
{
    char text[4];
    struct http_writer w;

    (void)state;
    http_writer_init(&w, text, sizeof(text));
    http_put_text(&w, "abc");
    http_put_text(&w, "de");
    http_put_text(&w, "f");
    assert_true(w.is_full);
    assert_int_equal(w.length, 3);
}

static void fields_of_one_connection_stay(void **state)
{
    (void)state;
    check_rows(hop_rows, ROWS(hop_rows), &quiet);
    check_rows(hop_rows, ROWS(hop_rows), &quiet_trusted);
}

/** A name that a client may use to say who it is, or that a server may take for one. */
static const char *const lies[] = {
    "X-Forwarded-For",
    "x-forwarded-for",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Anything",
    "X_Forwarded_For",
    "X-Forwarded_For",
    "Forwarded",
    "X-Real-IP",
    "X_Real_IP",
    "X-Request-Id",
    "X-Request_ID",
    "X-ARR-SSL",
    "X-ARR-LOG-ID",
    "X-ARR-ClientCert",
    "X_ARR_SSL",
    "X-Original-URL",
    "X_ORIGINAL_URL",
    "X-Original-Host",
    "X-Rewrite-URL",
    "X_Rewrite-URL",
    "X-Client-Cert-Verify",
    "X-CLIENT-CERT-SUBJECT",
    "X_Client_Cert_Subject",
    "X-SSL-Client-Verify",
    "X_SSL_Cert",
    "Client-Cert",
    "Client-Cert-Chain",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Front-End-Https",
    "X-Url-Scheme",
};

/** Names that begin or end alike and are nobody's business. */
static const char *const others[] = {
    "X-Forward",
    "Forwarded-For",
    "X-Original",
    "X-SSLX",
    "XSSL-A",
    "X-Arr",
    "X-Client-Certificate",
    "X-Client-Version",
    "SCX-Client-Version",
    "X_Custom",
    "From",
    "Via",
    "Origin",
    "Referer",
    "H_ost",
    "T_E",
};

static void clients_do_not_say_who_they_are(void **state)
{
    const struct http_request_plan *const plans[] = {&quiet, &append, &arr};
    char head[256];

    (void)state;
    for (size_t p = 0; p < ROWS(plans); p++) {
        for (size_t i = 0; i < ROWS(lies); i++) {
            snprintf(head, sizeof(head), GET "%s: a lie\r\n\r\n", lies[i]);
            EXPECT(strstr(onward_request(head, plans[p], lies[i]), "a lie") == NULL, lies[i]);
        }
        for (size_t i = 0; i < ROWS(others); i++) {
            snprintf(head, sizeof(head), GET "%s: no lie\r\n\r\n", others[i]);
            EXPECT(strstr(onward_request(head, plans[p], others[i]), "no lie") != NULL, others[i]);
        }
    }
}

static void trusted_proxies_are_believed(void **state)
{
    char head[256];

    (void)state;
    for (size_t i = 0; i < ROWS(lies); i++) {
        bool is_disguised = strchr(lies[i], '_') != NULL;

        snprintf(head, sizeof(head), GET "%s: told\r\n\r\n", lies[i]);
        EXPECT((strstr(onward_request(head, &quiet_trusted, lies[i]), "told") != NULL) == !is_disguised, lies[i]);
        EXPECT((strstr(onward_request(head, &append_trusted, lies[i]), "told") != NULL) == !is_disguised, lies[i]);
        EXPECT(strstr(onward_request(head, &replace_trusted, lies[i]), "told") == NULL, lies[i]);
    }
}

#define OURS_PROTO "X-Forwarded-Proto: https\r\nX-Forwarded-Host: scada.example\r\nX-Forwarded-Port: 443\r\n"
#define OURS_ID    "X-Request-Id: 00c0ffee1234567890abcdef00000001\r\n"
#define NODE       "for=\"192.0.2.7:51514\";by=\"203.0.113.1:443\";host=scada.example;proto=https\r\n"
#define OURS       "X-Forwarded-For: 192.0.2.7\r\nForwarded: " NODE OURS_PROTO OURS_ID

static void client_is_told_in_common_words(void **state)
{
    static const struct row rows[] = {
        {GET "\r\n", GET OURS "\r\n", "from a client"},
        {GET "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Request-Id: x\r\nA: 1\r\n\r\n", GET "A: 1\r\n" OURS "\r\n",
         "its own ones are replaced"},
    };
    static const struct row trusted_rows[] = {
        {GET "\r\n", GET OURS "\r\n", "a proxy that says nothing is the client"},
        {GET "X-Forwarded-For: 10.1.1.1\r\nA: 1\r\nX-Forwarded-For:\r\nx-forwarded-for: 10.2.2.2, 10.3.3.3\r\n\r\n",
         GET "A: 1\r\nX-Forwarded-For: 10.1.1.1, 10.2.2.2, 10.3.3.3, 192.0.2.7\r\n" OURS_PROTO OURS_ID "\r\n",
         "lists are joined in their order; a list in the other form is not begun"},
        {GET "Forwarded: for=10.1.1.1;proto=https, for=\"[2001:db8::1]\"\r\nForwarded: for=_hidden\r\n\r\n",
         GET "Forwarded: for=10.1.1.1;proto=https, for=\"[2001:db8::1]\", for=_hidden, " NODE OURS_PROTO OURS_ID "\r\n",
         "Forwarded alone"},
        {GET "Forwarded: for=a\r\nX-Forwarded-For: b\r\n\r\n",
         GET "X-Forwarded-For: b, 192.0.2.7\r\nForwarded: for=a, " NODE OURS_PROTO OURS_ID "\r\n", "both"},
        {GET "X-Forwarded-Proto: http\r\nX-Real-IP: 10.1.1.1\r\nX-Request-Id: theirs\r\n\r\n",
         GET "X-Forwarded-Proto: http\r\nX-Real-IP: 10.1.1.1\r\nX-Request-Id: theirs\r\nX-Forwarded-For: "
             "192.0.2.7\r\nForwarded: " NODE "X-Forwarded-Host: scada.example\r\nX-Forwarded-Port: 443\r\n\r\n",
         "what it says stays, ours only fills in"},
    };

    (void)state;
    check_rows(rows, ROWS(rows), &append);
    check_rows(trusted_rows, ROWS(trusted_rows), &append_trusted);
    onward_is(onward_request(GET "X-Forwarded-For: 10.1.1.1\r\nForwarded: for=a\r\nX-Forwarded-Host: b\r\n\r\n", &replace_trusted,
                             "replace"),
              GET OURS "\r\n", "replace");
}

static void addresses_are_quoted(void **state)
{
    struct http_request_plan plan = {.telling = HTTP_TELL_APPEND,
                                     .may_reuse = true,
                                     .client_ip = S("2001:db8::1"),
                                     .client_port = 51514,
                                     .front_ip = S("2001:db8::2"),
                                     .front_port = 8081};
    const char *text = onward_request("GET / HTTP/1.1\r\nHost: [2001:db8::2]:8081\r\n\r\n", &plan, "IPv6");

    (void)state;
    assert_true(onward_has(
        text, "Forwarded: for=\"[2001:db8::1]:51514\";by=\"[2001:db8::2]:8081\";host=\"[2001:db8::2]:8081\";proto=http"));
    assert_true(onward_has(text, "X-Forwarded-For: 2001:db8::1"));
    assert_true(onward_has(text, "X-Forwarded-Proto: http"));
    assert_true(onward_has(text, "X-Forwarded-Host: [2001:db8::2]:8081"));
    assert_true(onward_has(text, "X-Forwarded-Port: 8081"));
    assert_null(strstr(text, "X-Request-Id"));
    text = onward_request("GET / HTTP/1.0\r\n\r\n", &plan, "no host");
    assert_true(onward_has(text, "Host: [2001:db8::2]:8081"));
    assert_null(strstr(text, "X-Forwarded-Host"));
    assert_true(onward_has(text, "Forwarded: for=\"[2001:db8::1]:51514\";by=\"[2001:db8::2]:8081\";proto=http"));
}

#define ARR_IP  "X-Forwarded-For: 192.0.2.7:51514\r\n"
#define ARR_SSL "X-ARR-SSL: 2048|256|CN=Plant CA|CN=scada.example\r\n"
#define ARR_LOG "X-ARR-LOG-ID: 00c0ffee-1234-5678-90ab-cdef00000001\r\n"

static void client_is_told_as_arr_does(void **state)
{
    static const struct row rows[] = {
        {GET "\r\n", GET "X-Original-URL: /db/a?View\r\n" ARR_IP ARR_SSL ARR_LOG "\r\n", "from a client"},
        {GET "X-Forwarded-For: a\r\nX-Forwarded-Proto: b\r\nForwarded: c\r\nX-ARR-SSL: d\r\nX-Original-URL: /e\r\nX-Request-Id: "
             "f\r\n\r\n",
         GET "X-Original-URL: /db/a?View\r\n" ARR_IP ARR_SSL ARR_LOG "\r\n", "that has its own ideas"},
        {"GET /{a}?\x80\xff= HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET /{a}?\x80\xff= HTTP/1.1\r\nHost: a\r\nX-Original-URL: /{a}?%80%FF=\r\n" ARR_IP ARR_SSL ARR_LOG "\r\n",
         "bytes above 127: as they are in the target, escaped in the field"},
    };
    struct http_request_plan plan = arr;

    (void)state;
    check_rows(rows, ROWS(rows), &arr);
    plan.is_trusted = true;
    onward_is(
        onward_request(GET "X-Forwarded-For: a:1\r\nX-ARR-SSL: d\r\nX-Forwarded-Proto: b\r\n\r\n", &plan, "trusted"),
        GET
        "X-ARR-SSL: d\r\nX-Forwarded-Proto: b\r\nX-Original-URL: /db/a?View\r\nX-Forwarded-For: a:1, 192.0.2.7:51514\r\n" ARR_LOG
        "\r\n",
        "from a trusted proxy");
    plan = arr;
    plan.arr_ssl = (struct slice){NULL, 0};
    plan.client_ip = slice_of("2001:db8::1");
    plan.origin = slice_of("/moved");
    plan.certificate = (struct http_client_certificate){.is_asked_for = true, .base64 = S("MIIB")};
    onward_is(onward_request(GET "X-ARR-ClientCert: lie\r\n\r\n", &plan, "certificate"),
              "GET /moved HTTP/1.1\r\nHost: scada.example\r\nX-Original-URL: /db/a?View\r\n"
              "X-Forwarded-For: [2001:db8::1]:51514\r\nX-ARR-ClientCert: MIIB\r\n" ARR_LOG "\r\n",
              "IPv6, no TLS, another target, a certificate");
    plan.certificate.base64.length = 0;
    assert_null(strstr(onward_request(GET "X-ARR-ClientCert: lie\r\n\r\n", &plan, "none"), "ClientCert"));
}

static void guid_is_made_of_any_id(void **state)
{
    static const struct {
        const char *id;
        const char *guid;
    } rows[] = {
        {"00C0FFEE1234567890abcdef00000001", "00C0FFEE-1234-5678-90ab-cdef00000001"},
        {"3.1f2.7", "00000000-0000-0000-0000-000000031f27"},
        {"00c0ffee-1234-5678-90ab-cdef00000001", "00c0ffee-1234-5678-90ab-cdef00000001"},
        {"ff00c0ffee1234567890abcdef00000001", "00c0ffee-1234-5678-90ab-cdef00000001"},
        {"", "00000000-0000-0000-0000-000000000000"},
        {"xyz", "00000000-0000-0000-0000-000000000000"},
    };
    struct http_request_plan plan = arr;
    char line[128];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        plan.id = slice_of(rows[i].id);
        snprintf(line, sizeof(line), "X-ARR-LOG-ID: %s", rows[i].guid);
        EXPECT(onward_has(onward_request(GET "\r\n", &plan, rows[i].id), line), rows[i].id);
    }
}

static void certificate_is_told(void **state)
{
    struct http_request_plan plan = append_trusted;
    const char *text;

    (void)state;
    plan.certificate = (struct http_client_certificate){.is_asked_for = true,
                                                        .verify = S("SUCCESS"),
                                                        .subject = S("CN=op\r\nX-Evil: 1,O=A\0B"),
                                                        .issuer = S("CN=Plant CA"),
                                                        .serial = S("0A1B"),
                                                        .fingerprint = S("aabb"),
                                                        .base64 = S("MIIB")};
    text =
        onward_request(GET "X-Client-Cert-Verify: forged\r\nClient-Cert: :forged:\r\nX-SSL-Cert: forged\r\n\r\n", &plan, "shown");
    assert_true(onward_has(text, "X-Client-Cert-Verify: SUCCESS"));
    assert_true(onward_has(text, "X-Client-Cert-Subject: CN=op  X-Evil: 1,O=A B"));
    assert_true(onward_has(text, "X-Client-Cert-Issuer: CN=Plant CA"));
    assert_true(onward_has(text, "X-Client-Cert-Serial: 0A1B"));
    assert_true(onward_has(text, "X-Client-Cert-Fingerprint: aabb"));
    assert_null(strstr(text, "forged"));
    assert_null(strstr(text, "MIIB"));
    plan.certificate = (struct http_client_certificate){.is_asked_for = true, .verify = S("NONE")};
    text = onward_request(GET "X-Client-Cert-Subject: forged\r\n\r\n", &plan, "not shown");
    assert_true(onward_has(text, "X-Client-Cert-Verify: NONE"));
    assert_true(onward_has(text, "X-Client-Cert-Subject: "));
    assert_null(strstr(text, "forged"));
    plan.telling = HTTP_TELL_OFF;
    assert_null(strstr(onward_request(GET "X-Client-Cert-Subject: forged\r\n\r\n", &plan, "off"), "Cert"));
}

static void configuration_has_the_last_word(void **state)
{
    static const struct http_pair set[] = {
        {S("X-Site"), S("north")},
        {S("x-forwarded-proto"), S("wss")},
        {S("Forwarded"), S("for=unknown")},
        {S("X-Site"), S("")},
        {S("Host"), S("evil")},
        {S("Content-Length"), S("99")},
        {S("Transfer-Encoding"), S("x")},
        {S("Connection"), S("x")},
    };
    static const struct slice removed[] = {S("x-debug"), S("X-Forwarded-For"), S("Host"), S("Content-Length"), S("X-Request-Id")};
    struct http_request_plan plan = append_trusted;

    (void)state;
    plan.set = set;
    plan.set_count = ROWS(set);
    plan.remove = removed;
    plan.remove_count = ROWS(removed);
    onward_is(onward_request(POST "X-Debug: 1\r\nx-site: south\r\nForwarded: for=a\r\nX-Forwarded-For: b\r\nX-Debugger: 2\r\n"
                                  "Content-Length: 3\r\nX-Request-Id: c\r\n\r\n",
                             &plan, "set and removed"),
              POST "X-Debugger: 2\r\nContent-Length: 3\r\nX-Forwarded-Host: scada.example\r\nX-Forwarded-Port: 443\r\n"
                   "X-Site: north\r\nx-forwarded-proto: wss\r\nForwarded: for=unknown\r\nX-Site: \r\n\r\n",
              "set and removed");
}

static void host_and_connection_are_ours(void **state)
{
    struct http_request_plan plan = quiet;

    (void)state;
    plan.host = slice_of("geo:8080");
    onward_is(onward_request(GET "\r\n", &plan, "host"), "GET /db/a?View HTTP/1.1\r\nHost: geo:8080\r\n\r\n", "another host");
    plan = quiet;
    plan.may_reuse = false;
    onward_is(onward_request(GET "Connection: keep-alive\r\n\r\n", &plan, "close"), GET "Connection: close\r\n\r\n", "close");
    onward_is(onward_request(GET "Upgrade: x\r\nConnection: upgrade\r\n\r\n", &plan, "upgrade"),
              GET "Upgrade: x\r\nConnection: upgrade\r\n\r\n", "an upgrade takes the connection anyway");
    plan = quiet;
    plan.is_tls = false;
    onward_is(onward_request("GET / HTTP/1.0\r\n\r\n", &plan, "port"), "GET / HTTP/1.1\r\nHost: 203.0.113.1:443\r\n\r\n",
              "a port that is not the scheme's own");
    plan.front_ip.length = 0;
    onward_is(onward_request("GET / HTTP/1.0\r\n\r\n", &plan, "none"), "GET / HTTP/1.1\r\nHost: \r\n\r\n", "nothing is known");
}

/** A client must not make each of its fields cost a comparison with thousands of names. */
static void long_lists_do_not_go_on(void **state)
{
    static const struct http_limits limits = {.head_bytes = 4096, .fields = 10, .target_bytes = 100};
    static struct http_head head;
    struct http_target target;
    struct http_framing framing;
    char text[4096];
    char out[4096];

    (void)state;
    for (unsigned count = 31; count <= 34; count++) {
        struct http_scan scan = {.done = 0};
        enum http_fault fault;
        struct http_writer w;
        size_t length = (size_t)snprintf(text, sizeof(text), GET "Connection: close, keep-alive, te");

        for (unsigned i = 0; i < count; i++)
            length += (size_t)snprintf(text + length, sizeof(text) - length, ",x%u", i);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "\r\nx%u: 1\r\n\r\n", count - 1);
        assert_int_equal(http_scan_request(&scan, text, length, &limits, &fault), HTTP_SCAN_WHOLE);
        assert_int_equal(http_parse_request(text, length, &limits, &head), HTTP_FAULT_NONE);
        assert_int_equal(http_target(&head, &target), HTTP_FAULT_NONE);
        assert_int_equal(http_request_framing(&head, &framing), HTTP_FAULT_NONE);
        http_writer_init(&w, out, sizeof(out));
        http_write_request(&w, &head, &target, &framing, &quiet);
        assert_int_equal(w.is_full, count > 32);
        if (!w.is_full)
            assert_int_equal(w.length, strlen(GET "\r\n"));
    }
}

static void hop_by_hop_is_told(void **state)
{
    static const struct http_limits limits = {.head_bytes = 4096, .fields = 10, .target_bytes = 100};
    static const char text[] = GET "Connection: x-a, close\r\nConnection: X-B\r\nOther: X-C\r\n\r\n";
    static const char *const hop[] = {"Connection", "keep-alive", "TE",    "Transfer-Encoding",  "Upgrade", "Proxy-Connection",
                                      "X-A",        "x-b",        "close", "Proxy-Authorization"};
    static const char *const end[] = {"X-C", "Host", "Content-Length", "Trailer", "X", "Via", ""};
    struct http_scan scan = {.done = 0};
    enum http_fault fault;
    struct http_head head;

    (void)state;
    assert_int_equal(http_scan_request(&scan, text, strlen(text), &limits, &fault), HTTP_SCAN_WHOLE);
    assert_int_equal(http_parse_request(text, strlen(text), &limits, &head), HTTP_FAULT_NONE);
    for (size_t i = 0; i < ROWS(hop); i++)
        EXPECT(http_is_hop_by_hop(&head, slice_of(hop[i])), hop[i]);
    for (size_t i = 0; i < ROWS(end); i++)
        EXPECT(!http_is_hop_by_hop(&head, slice_of(end[i])), end[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_byte_for_byte),
        cmocka_unit_test(framing_is_written_anew),
        cmocka_unit_test(framing_is_there_without_a_field),
        cmocka_unit_test(once_full_is_always_full),
        cmocka_unit_test(fields_of_one_connection_stay),
        cmocka_unit_test(clients_do_not_say_who_they_are),
        cmocka_unit_test(trusted_proxies_are_believed),
        cmocka_unit_test(client_is_told_in_common_words),
        cmocka_unit_test(addresses_are_quoted),
        cmocka_unit_test(client_is_told_as_arr_does),
        cmocka_unit_test(guid_is_made_of_any_id),
        cmocka_unit_test(certificate_is_told),
        cmocka_unit_test(configuration_has_the_last_word),
        cmocka_unit_test(host_and_connection_are_ours),
        cmocka_unit_test(long_lists_do_not_go_on),
        cmocka_unit_test(hop_by_hop_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
