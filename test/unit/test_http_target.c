/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/http/target.h: forms of targets and hosts, RFC 9112 3.2, RFC 9110 4.2 and 7.2. Input ends at a guard page. */
#include "test/unit/unit.h"

#include "proxy/http/target.h"
#include "test/unit/http_feed.h"

#include <stdio.h>
#include <string.h>

#define NAME_63  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define NAME_255 NAME_63 "." NAME_63 "." NAME_63 "." NAME_63

struct good_row {
    const char *request;  /**< without the empty line */
    const char *expected; /**< "origin|path|query|host|name|port" */
    const char *comment;
};

struct bad_row {
    const char *request;
    enum http_fault fault;
    const char *comment;
};

static const struct good_row good[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n", "/|/||a|a|0", "the least"},
    {"GET /a/b?c=d?e HTTP/1.1\r\nHost: a.example:8080\r\n", "/a/b?c=d?e|/a/b|c=d?e|a.example:8080|a.example|8080", "all parts"},
    {"GET /? HTTP/1.1\r\nHost: a\r\n", "/?|/||a|a|0", "an empty query"},
    {"GET //a//b HTTP/1.1\r\nHost: a\r\n", "//a//b|//a//b||a|a|0", "empty segments stay"},
    {"GET /../%2e HTTP/1.1\r\nHost: a\r\n", "/../%2e|/../%2e||a|a|0", "nothing is normalised"},
    {"GET /http://b/ HTTP/1.1\r\nHost: a\r\n", "/http://b/|/http://b/||a|a|0", "a URL in a path"},
    {"GET /{1-2}|\\ HTTP/1.1\r\nHost: a\r\n", "/{1-2}|\\|/{1-2}|\\||a|a|0", "braces, pipe, backslash"},
    {"GET / HTTP/1.0\r\n", "/|/||||0", "HTTP/1.0 without Host"},
    {"GET / HTTP/1.0\r\nHost: a\r\n", "/|/||a|a|0", "HTTP/1.0 with Host"},
    {"GET / HTTP/1.1\r\nhOST:a\r\n", "/|/||a|a|0", "Host in any case"},
    {"GET / HTTP/1.1\r\nHost: A.Example\r\n", "/|/||A.Example|A.Example|0", "a host as written"},
    {"GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n", "/|/||192.0.2.1:80|192.0.2.1|80", "IPv4"},
    {"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n", "/|/||[2001:db8::1]|[2001:db8::1]|0", "IPv6"},
    {"GET / HTTP/1.1\r\nHost: [::ffff:192.0.2.1]:65535\r\n", "/|/||[::ffff:192.0.2.1]:65535|[::ffff:192.0.2.1]|65535",
     "IPv6, port"},
    {"GET / HTTP/1.1\r\nHost: scada_1.plant.\r\n", "/|/||scada_1.plant.|scada_1.plant.|0", "underscore, last dot"},
    {"GET / HTTP/1.1\r\nHost: " NAME_255 "\r\n", "/|/||" NAME_255 "|" NAME_255 "|0", "the longest name"},
    {"DELETE / HTTP/1.1\r\nHost: a\r\n", "/|/||a|a|0", "any method"},
    {"M-SEARCH / HTTP/1.1\r\nHost: a\r\n", "/|/||a|a|0", "a method nobody knows"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n", "*|*||a|a|0", "asterisk-form"},
    {"OPTIONS /a HTTP/1.1\r\nHost: a\r\n", "/a|/a||a|a|0", "OPTIONS with a path"},
    {"GET http://a/b?c HTTP/1.1\r\nHost: a\r\n", "/b?c|/b|c|a|a|0", "absolute-form"},
    {"GET HTTPS://a:1/ HTTP/1.1\r\nHost: A:1\r\n", "/|/||A:1|A|1", "scheme and host in any case"},
    {"GET http://a HTTP/1.1\r\nHost: a\r\n", "/|/||a|a|0", "absolute-form without path"},
    {"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n", "*|*||a|a|0", "RFC 9112 3.2.4: the last proxy sends an asterisk"},
    {"OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n", "/|/||a|a|0", "a path is no asterisk"},
    {"GET http://[::1]:80/@?/ HTTP/1.1\r\nHost: [::1]:80\r\n", "/@?/|/@|/|[::1]:80|[::1]|80", "IPv6 in an absolute-form"},
    {"GET http://a:1/b HTTP/1.0\r\n", "/b|/b||a:1|a|1", "HTTP/1.0: the host of the target"},
};

static const struct bad_row bad[] = {
    {"GET / HTTP/1.1\r\n", HTTP_FAULT_HOST_MISSING, "no Host"},
    {"GET http://a/ HTTP/1.1\r\n", HTTP_FAULT_HOST_MISSING, "no Host, but a target that has one"},
    {"OPTIONS * HTTP/1.1\r\n", HTTP_FAULT_HOST_MISSING, "no Host, asterisk-form"},
    {"GET / HTTP/1.1\r\nX-Host: a\r\n", HTTP_FAULT_HOST_MISSING, "a name that ends in Host"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", HTTP_FAULT_HOST_TWICE, "Host twice, the same"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\nhost: b\r\n", HTTP_FAULT_HOST_TWICE, "Host twice, another"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n", HTTP_FAULT_HOST_TWICE, "Host twice, one is empty"},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n", HTTP_FAULT_HOST_TWICE, "Host twice in HTTP/1.0"},
    {"GET / HTTP/1.1\r\nHost:\r\n", HTTP_FAULT_BAD_HOST, "empty"},
    {"GET / HTTP/1.0\r\nHost:\r\n", HTTP_FAULT_BAD_HOST, "empty in HTTP/1.0"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n", HTTP_FAULT_BAD_HOST, "a blank"},
    {"GET / HTTP/1.1\r\nHost: a\tb\r\n", HTTP_FAULT_BAD_HOST, "a tab"},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n", HTTP_FAULT_BAD_HOST, "a list"},
    {"GET / HTTP/1.1\r\nHost: a, a\r\n", HTTP_FAULT_BAD_HOST, "a list of equal ones"},
    {"GET / HTTP/1.1\r\nHost: a/\r\n", HTTP_FAULT_BAD_HOST, "a slash"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n", HTTP_FAULT_BAD_HOST, "a path"},
    {"GET / HTTP/1.1\r\nHost: a?b\r\n", HTTP_FAULT_BAD_HOST, "a query"},
    {"GET / HTTP/1.1\r\nHost: a#b\r\n", HTTP_FAULT_BAD_HOST, "a fragment"},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n", HTTP_FAULT_BAD_HOST, "user information"},
    {"GET / HTTP/1.1\r\nHost: u:p@b\r\n", HTTP_FAULT_BAD_HOST, "user and password"},
    {"GET / HTTP/1.1\r\nHost: http://a\r\n", HTTP_FAULT_BAD_HOST, "a URL"},
    {"GET / HTTP/1.1\r\nHost: a\\b\r\n", HTTP_FAULT_BAD_HOST, "a backslash"},
    {"GET / HTTP/1.1\r\nHost: a%20b\r\n", HTTP_FAULT_BAD_HOST, "an escape"},
    {"GET / HTTP/1.1\r\nHost: a\"b\r\n", HTTP_FAULT_BAD_HOST, "a quote"},
    {"GET / HTTP/1.1\r\nHost: \"a\"\r\n", HTTP_FAULT_BAD_HOST, "in quotes"},
    {"GET / HTTP/1.1\r\nHost: a<script>\r\n", HTTP_FAULT_BAD_HOST, "markup"},
    {"GET / HTTP/1.1\r\nHost: a;b\r\n", HTTP_FAULT_BAD_HOST, "a semicolon"},
    {"GET / HTTP/1.1\r\nHost: *\r\n", HTTP_FAULT_BAD_HOST, "an asterisk"},
    {"GET / HTTP/1.1\r\nHost: f\xc3\xbc\r\n", HTTP_FAULT_BAD_HOST, "a byte above 127"},
    {"GET / HTTP/1.1\r\nHost: a:\r\n", HTTP_FAULT_BAD_HOST, "an empty port"},
    {"GET / HTTP/1.1\r\nHost: :80\r\n", HTTP_FAULT_BAD_HOST, "a port without host"},
    {"GET / HTTP/1.1\r\nHost: a:0\r\n", HTTP_FAULT_BAD_HOST, "port 0"},
    {"GET / HTTP/1.1\r\nHost: a:65536\r\n", HTTP_FAULT_BAD_HOST, "port 65536"},
    {"GET / HTTP/1.1\r\nHost: a:000080\r\n", HTTP_FAULT_BAD_HOST, "a port of six digits"},
    {"GET / HTTP/1.1\r\nHost: a:4294967376\r\n", HTTP_FAULT_BAD_HOST, "a port that wraps around to 80"},
    {"GET / HTTP/1.1\r\nHost: a:+80\r\n", HTTP_FAULT_BAD_HOST, "a sign"},
    {"GET / HTTP/1.1\r\nHost: a:80 \t80\r\n", HTTP_FAULT_BAD_HOST, "two ports"},
    {"GET / HTTP/1.1\r\nHost: a:80:80\r\n", HTTP_FAULT_BAD_HOST, "port and port"},
    {"GET / HTTP/1.1\r\nHost: a:http\r\n", HTTP_FAULT_BAD_HOST, "a name for a port"},
    {"GET / HTTP/1.1\r\nHost: ::1\r\n", HTTP_FAULT_BAD_HOST, "IPv6 without brackets"},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n", HTTP_FAULT_BAD_HOST, "one bracket"},
    {"GET / HTTP/1.1\r\nHost: ::1]\r\n", HTTP_FAULT_BAD_HOST, "the other bracket"},
    {"GET / HTTP/1.1\r\nHost: []\r\n", HTTP_FAULT_BAD_HOST, "brackets alone"},
    {"GET / HTTP/1.1\r\nHost: [a]\r\n", HTTP_FAULT_BAD_HOST, "a name in brackets"},
    {"GET / HTTP/1.1\r\nHost: [192.0.2.1]\r\n", HTTP_FAULT_BAD_HOST, "IPv4 in brackets"},
    {"GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n", HTTP_FAULT_BAD_HOST, "a zone"},
    {"GET / HTTP/1.1\r\nHost: [v1.a]\r\n", HTTP_FAULT_BAD_HOST, "an address of the future"},
    {"GET / HTTP/1.1\r\nHost: [::1]a\r\n", HTTP_FAULT_BAD_HOST, "a name behind brackets"},
    {"GET / HTTP/1.1\r\nHost: [::1]:\r\n", HTTP_FAULT_BAD_HOST, "an empty port behind brackets"},
    {"GET / HTTP/1.1\r\nHost: [[::1]]\r\n", HTTP_FAULT_BAD_HOST, "brackets twice"},
    {"GET / HTTP/1.1\r\nHost: [1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]\r\n", HTTP_FAULT_BAD_HOST, "too long for IPv6"},
    {"GET / HTTP/1.1\r\nHost: " NAME_255 "x\r\n", HTTP_FAULT_BAD_HOST, "a name of 256 bytes"},
    {"GET a HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "a relative path"},
    {"GET ?a HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "a query alone"},
    {"GET * HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "asterisk-form for GET"},
    {"options * HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "options is not OPTIONS"},
    {"OPTIONS *a HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "more than an asterisk"},
    {"OPTIONS ** HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "two asterisks"},
    {"GET a:80 HTTP/1.1\r\nHost: a:80\r\n", HTTP_FAULT_BAD_TARGET, "authority-form for GET"},
    {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "another scheme"},
    {"GET ws://a/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "WebSocket's scheme"},
    {"GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "a file"},
    {"GET http:/a HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "one slash"},
    {"GET http:a HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "no slash"},
    {"GET http:\\\\a\\ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "backslashes"},
    {"GET http:// HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "no authority"},
    {"GET http:///a HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "an empty authority"},
    {"GET http://?a HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "an empty authority and a query"},
    {"GET http://a?b HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "a query without path"},
    {"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "user information: RFC 9110 4.2.4"},
    {"GET http://a:b@c/ HTTP/1.1\r\nHost: c\r\n", HTTP_FAULT_BAD_TARGET, "user and password"},
    {"GET http://@a/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "empty user information"},
    {"GET http://a:/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "an empty port"},
    {"GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "a port too large"},
    {"GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_BAD_TARGET, "a backslash in an authority"},
    {"GET http://b/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_HOST_MISMATCH, "another host"},
    {"GET http://a:80/ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_HOST_MISMATCH, "the port is only in the target"},
    {"GET http://a/ HTTP/1.1\r\nHost: a:80\r\n", HTTP_FAULT_HOST_MISMATCH, "the port is only in the Host"},
    {"GET http://a./ HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_HOST_MISMATCH, "a last dot"},
    {"GET http://[::1]/ HTTP/1.1\r\nHost: [0::1]\r\n", HTTP_FAULT_HOST_MISMATCH, "one address in two forms"},
    {"GET http://b/ HTTP/1.0\r\nHost: a\r\n", HTTP_FAULT_HOST_MISMATCH, "another host in HTTP/1.0"},
    {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n", HTTP_FAULT_METHOD_NOT_SERVED, "CONNECT"},
    {"CONNECT / HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_METHOD_NOT_SERVED, "CONNECT with a path"},
    {"connect / HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_METHOD_NOT_SERVED, "CONNECT for a server that takes any case"},
    {"TRACE / HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_METHOD_NOT_SERVED, "TRACE"},
    {"Trace / HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_METHOD_NOT_SERVED, "TRACE in another case"},
    {"TRACK / HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_METHOD_NOT_SERVED, "IIS's word for TRACE"},
    {"PRI * HTTP/1.1\r\nHost: a\r\n", HTTP_FAULT_METHOD_NOT_SERVED, "the preface of HTTP/2 with our version"},
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

/** Of a request that lacks its empty line. */
static enum http_fault target_of(const char *request, const char *comment, struct http_target *ret)
{
    char bytes[1024];
    int length = snprintf(bytes, sizeof(bytes), "%s\r\n", request);

    EXPECT((size_t)length < sizeof(bytes), comment);
    EXPECT(feed_parse(&guard, FEED_REQUEST, bytes, (size_t)length, comment, &head) == HTTP_FAULT_NONE, comment);
    return http_target(&head, ret);
}

static void good_targets_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        struct http_target t;
        char text[2048];

        EXPECT(target_of(good[i].request, good[i].comment, &t) == HTTP_FAULT_NONE, good[i].comment);
        snprintf(text, sizeof(text), "%.*s|%.*s|%.*s|%.*s|%.*s|%u", (int)t.origin.length, t.origin.at, (int)t.path.length,
                 t.path.at, (int)t.query.length, t.query.at, (int)t.host.length, t.host.at, (int)t.name.length, t.name.at,
                 t.port);
        EXPECT(strcmp(text, good[i].expected) == 0, good[i].comment);
    }
}

static void bad_targets_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct http_target t;
        enum http_fault fault = target_of(bad[i].request, bad[i].comment, &t);

        if (fault != bad[i].fault)
            fail_msg("%s: %s instead of %s", bad[i].comment, http_fault_name(fault), http_fault_name(bad[i].fault));
    }
}

static void every_byte_in_a_host(void **state)
{
    static const char allowed[] = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[3] = {'a', (char)byte, 'b'};
        struct slice host = {(const char *)guard_copy(&guard, text, sizeof(text)), sizeof(text)};
        struct slice name;
        unsigned port;

        assert_int_equal(http_split_host(host, &name, &port), byte != 0 && strchr(allowed, byte) != NULL);
    }
}

/** A zero must not end an address early. */
static void zero_is_no_end_of_a_host(void **state)
{
    static const char text[] = "[::1\0]";
    struct slice host = {(const char *)guard_copy(&guard, text, sizeof(text) - 1), sizeof(text) - 1};
    struct slice name;
    unsigned port;

    (void)state;
    assert_false(http_split_host(host, &name, &port));
}

static void devious_paths_are_known(void **state)
{
    static const char *const devious[] = {
        "/.",        "/..",     "/./a",     "/../a",      "/a/..",  "/a/../b",  "/a/./b", "/a/.",      "/%2e",
        "/%2E%2e/a", "/.%2e",   "/%2e./a",  "/a%2fb",     "/a%2Fb", "/a%5cb",   "/a%5Cb", "/a\\b",     "\\",
        "/..\\a",    "/..;/a",  "/.;x=1/a", "/%2e%2e;/a", "/a%00",  "/a%0ab",   "/a%7f",  "/%",        "/a%2",
        "/%zz",      "/%u002e", "/%%32%65", "/a%2gb",     "..",     "/a//../b", "/%2f",   "/a/%2e%2e",
    };
    static const char *const honest[] = {
        "",      "/",       "/a",        "/a/b.c", "/...",       "/.a",     "/a.",
        "/..a",  "/a..",    "//",        "/a//b",  "/%20a",      "/%c3%bc", "/%41",
        "/.%41", "/a;b=..", "/{1-2}",    "/a%25b", "/....",      "/;a",     "/.well-known/a",
        "*",     "/..%20",  "/\xc3\xbc", "/a;.",   "/%2e%2e%2e",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(devious); i++) {
        struct slice path = {(const char *)guard_copy(&guard, devious[i], strlen(devious[i])), strlen(devious[i])};

        EXPECT(http_path_is_devious(path), devious[i]);
    }
    for (size_t i = 0; i < ROWS(honest); i++) {
        struct slice path = {(const char *)guard_copy(&guard, honest[i], strlen(honest[i])), strlen(honest[i])};

        EXPECT(!http_path_is_devious(path), honest[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_targets_are_taken_apart), cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(every_byte_in_a_host),         cmocka_unit_test(zero_is_no_end_of_a_host),
        cmocka_unit_test(devious_paths_are_known),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
