/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/http/forward.h, responses: framing, links (link.h) and cookies (cookie.h) on their way to the client. */
#include "test/unit/unit.h"

#include "proxy/http/date.h"
#include "test/unit/http_onward.h"

#include <stdio.h>
#include <string.h>

#define S(literal)                                                                                                               \
    {                                                                                                                            \
        literal, sizeof(literal) - 1                                                                                             \
    }

#define OK   "HTTP/1.1 200 OK\r\n"
#define NONE "Content-Length: 0\r\n"

static const struct slice back_hosts[] = {S("geo.plant.local"), S("10.10.0.5:8080"), S("[2001:db8::5]"), S("bare")};

/** To an HTTP/1.1 client that came to https://scada.example/. */
static const struct http_response_plan secure = {
    .minor = 1, .rewrites = true, .is_tls = true, .host = S("scada.example"), .back_hosts = back_hosts, .back_hosts_count = 4};

static const struct http_response_plan plain = {
    .minor = 1, .rewrites = true, .host = S("scada.example:8081"), .back_hosts = back_hosts, .back_hosts_count = 4};

/** A route that serves the server's /new below /WebX. */
static const struct http_response_plan moved = {.minor = 1,
                                                .rewrites = true,
                                                .is_tls = true,
                                                .host = S("scada.example"),
                                                .back_hosts = back_hosts,
                                                .back_hosts_count = 4,
                                                .public_prefix = S("/WebX"),
                                                .back_prefix = S("/new/")};

/** The public host and the server are of one domain. */
static const struct http_response_plan neighbour = {
    .minor = 1, .rewrites = true, .is_tls = true, .host = S("web.plant.local"), .back_hosts = back_hosts, .back_hosts_count = 4};

static const struct http_response_plan keeping = {
    .minor = 1, .is_tls = true, .host = S("scada.example"), .back_hosts = back_hosts, .back_hosts_count = 4};

struct row {
    const char *head;
    const char *expected;
    const char *comment;
};

static void check_rows(const struct row *rows, size_t count, const struct http_response_plan *plan)
{
    for (size_t i = 0; i < count; i++)
        onward_is(onward_response(rows[i].head, false, true, plan, rows[i].comment), rows[i].expected, rows[i].comment);
}

static void goes_on_byte_for_byte(void **state)
{
    static const struct row rows[] = {
        {OK NONE "\r\n", OK NONE "\r\n", "the least"},
        {"HTTP/1.1 404 \r\n" NONE "\r\n", "HTTP/1.1 404 \r\n" NONE "\r\n", "no phrase"},
        {"HTTP/1.1 299 Sch\xf6n \t ja\r\n" NONE "\r\n", "HTTP/1.1 299 Sch\xf6n \t ja\r\n" NONE "\r\n", "any phrase"},
        {"HTTP/1.0 200 OK\r\n" NONE "\r\n", OK NONE "\r\n", "the version is ours"},
        {OK "z-Last: 1\r\ncontent-length: 007\r\nA-FIRST: 2\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: x\r\nz-last: "
            "3\r\n\r\n",
         OK
         "z-Last: 1\r\nContent-Length: 7\r\nA-FIRST: 2\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: x\r\nz-last: 3\r\n\r\n",
         "order and case"},
        {OK NONE "WWW-Authenticate: Negotiate\r\nX-Forwarded-For: a\r\nX_Request_Id: b\r\nHost: c\r\nExpect: d\r\n\r\n",
         OK NONE "WWW-Authenticate: Negotiate\r\nX-Forwarded-For: a\r\nX_Request_Id: b\r\nHost: c\r\nExpect: d\r\n\r\n",
         "what means something in requests only"},
    };

    (void)state;
    check_rows(rows, ROWS(rows), &keeping);
    check_rows(rows, ROWS(rows), &secure);
}

static void fields_of_one_connection_stay(void **state)
{
    static const struct row rows[] = {
        {OK NONE "Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n\r\n", OK NONE "\r\n", "keep-alive"},
        {OK NONE "Connection: close\r\n\r\n", OK NONE "\r\n", "close is between the server and us"},
        {OK NONE "X-A: 1\r\nConnection: x-a, x-b\r\nX-B: 2\r\n\r\n", OK NONE "\r\n", "what Connection lists"},
        {OK NONE "Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: x\r\nProxy-Connection: close\r\n\r\n", OK NONE "\r\n",
         "between proxies"},
        {OK NONE "Upgrade: h2,h2c\r\nConnection: Upgrade\r\n\r\n", OK NONE "\r\n", "an offer to us"},
        {"HTTP/1.1 426 No\r\n" NONE "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         "HTTP/1.1 426 No\r\n" NONE "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", "a demand to the client"},
        {"HTTP/1.1 426 No\r\n" NONE "\r\n", "HTTP/1.1 426 No\r\n" NONE "\r\n", "a demand that says not what for"},
        {"HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
         "HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\nConnection: upgrade\r\n\r\n", "a switch"},
    };

    (void)state;
    check_rows(rows, ROWS(rows), &keeping);
}

static void framing_is_written_anew(void **state)
{
    static const struct row rows[] = {
        {OK "A: 1\r\ntransfer-encoding: CHUNKED\r\nTrailer: X\r\n\r\n",
         OK "A: 1\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", "chunked"},
        {OK "A: 1\r\n\r\n", OK "A: 1\r\nConnection: close\r\n\r\n", "until close"},
        {"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n", "204 has no length"},
        {"HTTP/1.1 304 Not\r\nContent-Length: 50\r\nETag: \"a\"\r\n\r\n",
         "HTTP/1.1 304 Not\r\nContent-Length: 50\r\nETag: \"a\"\r\n\r\n", "304 has one, without a body"},
        {"HTTP/1.1 304 Not\r\n\r\n", "HTTP/1.1 304 Not\r\n\r\n", "304 without one gets none"},
        {"HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 304 Not\r\n\r\n", "a coding of nothing"},
        {"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "100"},
        {"HTTP/1.1 103 Hints\r\nLink: </a>; rel=preload\r\nConnection: x\r\nX: 1\r\n\r\n",
         "HTTP/1.1 103 Hints\r\nLink: </a>; rel=preload\r\n\r\n", "103"},
    };
    struct http_response_plan plan = keeping;

    (void)state;
    check_rows(rows, ROWS(rows), &plan);
    onward_is(onward_response(OK "Content-Length: 70\r\n\r\n", true, false, &plan, "HEAD"), OK "Content-Length: 70\r\n\r\n",
              "HEAD");
    onward_is(onward_response(OK "\r\n", true, false, &plan, "HEAD"), OK "\r\n", "HEAD, no length");
    onward_is(onward_response(OK "Transfer-Encoding: chunked\r\n\r\n", true, false, &plan, "HEAD"), OK "\r\n", "HEAD, chunked");
}

/** Whatever the head's fields are: what the next reader sees is what was decided. */
static void framing_is_there_without_a_field(void **state)
{
    static const struct http_head head = {.minor = 1, .status = 200};
    struct http_framing framing = {.kind = HTTP_BODY_LENGTH, .length = 5};
    char text[128];
    struct http_writer w;

    (void)state;
    http_writer_init(&w, text, sizeof(text));
    http_write_response(&w, &head, &framing, &keeping);
    assert_true(slice_is((struct slice){text, w.length}, "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n"));
}

static void connection_is_told(void **state)
{
    static const struct row old_rows[] = {
        {OK "Content-Length: 7\r\n\r\n", OK "Content-Length: 7\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.0 must be told of keep-alive"},
        {OK "Transfer-Encoding: chunked\r\nTrailer: X\r\nA: 1\r\n\r\n", OK "A: 1\r\nConnection: close\r\n\r\n",
         "HTTP/1.0 gets no chunks, no trailers, and the end by close"},
        {OK "\r\n", OK "Connection: close\r\n\r\n", "HTTP/1.0, until close"},
        {"HTTP/1.1 304 Not\r\n\r\n", "HTTP/1.1 304 Not\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0, no body"},
    };
    struct http_response_plan plan = keeping;

    (void)state;
    plan.minor = 0;
    check_rows(old_rows, ROWS(old_rows), &plan);
    plan.closes = true;
    onward_is(onward_response(OK NONE "\r\n", false, false, &plan, "close"), OK NONE "Connection: close\r\n\r\n",
              "close, HTTP/1.0");
    plan.minor = 1;
    onward_is(onward_response(OK NONE "\r\n", false, false, &plan, "close"), OK NONE "Connection: close\r\n\r\n", "close");
    onward_is(onward_response("HTTP/1.1 100 Continue\r\n\r\n", false, false, &plan, "100"), "HTTP/1.1 100 Continue\r\n\r\n",
              "not in interim answers");
    onward_is(onward_response("HTTP/1.1 426 No\r\n" NONE "Upgrade: a\r\n\r\n", false, false, &plan, "426"),
              "HTTP/1.1 426 No\r\n" NONE "Upgrade: a\r\nConnection: upgrade, close\r\n\r\n", "both");
}

static void own_fields_are_added(void **state)
{
    static const struct http_pair set[] = {
        {S("X-Frame-Options"), S("DENY")}, {S("Content-Length"), S("99")}, {S("Server"), S("s")}};
    static const struct slice removed[] = {S("X-Powered-By"), S("Transfer-Encoding")};
    struct http_response_plan plan = keeping;

    (void)state;
    plan.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    plan.hsts_s = 31536000;
    onward_is(onward_response(OK NONE "Strict-Transport-Security: max-age=1\r\n\r\n", false, false, &plan, "added"),
              OK NONE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nStrict-Transport-Security: max-age=31536000\r\n\r\n", "added");
    onward_is(onward_response(OK NONE "date: x\r\n\r\n", false, false, &plan, "date"),
              OK NONE "date: x\r\nStrict-Transport-Security: max-age=31536000\r\n\r\n", "the server's date stays");
    onward_is(onward_response("HTTP/1.1 103 Hints\r\nA: 1\r\n\r\n", false, false, &plan, "103"),
              "HTTP/1.1 103 Hints\r\nA: 1\r\n\r\n", "not to interim answers");
    plan.is_tls = false;
    plan.date = NULL;
    onward_is(onward_response(OK NONE "\r\n", false, false, &plan, "plain"), OK NONE "\r\n", "RFC 6797 7.2: never without TLS");
    plan.is_tls = true;
    plan.hsts_s = 0;
    onward_is(onward_response(OK NONE "Strict-Transport-Security: max-age=1\r\n\r\n", false, false, &plan, "theirs"),
              OK NONE "Strict-Transport-Security: max-age=1\r\n\r\n", "the server's own");
    plan.set = set;
    plan.set_count = ROWS(set);
    plan.remove = removed;
    plan.remove_count = ROWS(removed);
    onward_is(onward_response(OK "SERVER: a\r\nTransfer-Encoding: chunked\r\nx-powered-by: b\r\nServer: c\r\nX: 1\r\n\r\n", false,
                              false, &plan, "set"),
              OK "Transfer-Encoding: chunked\r\nX: 1\r\nX-Frame-Options: DENY\r\nServer: s\r\n\r\n", "set and removed");
}

struct pair_row {
    const struct http_response_plan *plan;
    const char *value;
    const char *expected; /**< NULL: unchanged */
    const char *comment;
};

static void check_field(const char *name, const struct pair_row *row)
{
    char head[512];
    char expected[512];

    snprintf(head, sizeof(head), OK NONE "%s: %s\r\n\r\n", name, row->value);
    snprintf(expected, sizeof(expected), OK NONE "%s: %s\r\n\r\n", name, row->expected == NULL ? row->value : row->expected);
    onward_is(onward_response(head, false, false, row->plan, row->comment), expected, row->comment);
}

static const struct pair_row links[] = {
    {&secure, "http://geo.plant.local/a", "https://scada.example/a", "any port: none"},
    {&secure, "http://geo.plant.local:8080/a?b=c#d", "https://scada.example/a?b=c#d", "any port: one"},
    {&secure, "https://GEO.plant.LOCAL:1", "https://scada.example", "no path"},
    {&secure, "HTTP://bare?a", "https://scada.example?a", "no path, a query"},
    {&secure, "http://10.10.0.5:8080/", "https://scada.example/", "its port"},
    {&secure, "http://10.10.0.5/", NULL, "not its port"},
    {&secure, "http://10.10.0.5:80801/", NULL, "no port"},
    {&secure, "http://[2001:DB8::5]:8080/a", "https://scada.example/a", "IPv6"},
    {&secure, "//geo.plant.local:8080/a", "//scada.example/a", "without scheme"},
    {&secure, "//10.10.0.5/a", NULL, "without scheme, the port is another"},
    {&secure, "//elsewhere/a", NULL, "without scheme, elsewhere"},
    {&plain, "http://geo.plant.local/a", "http://scada.example:8081/a", "a plain door with a port"},
    {&plain, "https://geo.plant.local/a", "http://scada.example:8081/a", "a plain door, a server that speaks TLS"},
    {&secure, "http://scada.example/a", "https://scada.example/a", "the public host, by a server that does not know of TLS"},
    {&secure, "http://Scada.Example:80/a", "https://scada.example/a", "the same with the scheme's own port"},
    {&secure, "https://scada.example:443/a", "https://scada.example/a", "the right one"},
    {&secure, "http://scada.example:8080/a", NULL, "the public host's other ports are not ours"},
    {&secure, "https://scada.example:80/a", NULL, "nor is that"},
    {&plain, "http://scada.example/a", NULL, "nor is the public host without our port"},
    {&plain, "http://scada.example:8081/a", NULL, "ours"},
    {&secure, "http://geo.plant.local.evil/a", NULL, "a longer name"},
    {&secure, "http://xgeo.plant.local/a", NULL, "a longer name at its beginning"},
    {&secure, "http://geo.plant.local@evil/a", NULL, "user information"},
    {&secure, "http://evil@geo.plant.local/a", NULL, "user information before our server"},
    {&secure, "http://geo.plant.local\\@evil/a", NULL, "what some take for a slash"},
    {&secure, "http://geo.plant.local:/a", NULL, "a colon without port"},
    {&secure, "http:///a", NULL, "no host"},
    {&secure, "http://", NULL, "nothing behind the scheme"},
    {&secure, "//", NULL, "nothing at all"},
    {&secure, "http:/geo.plant.local/a", NULL, "one slash"},
    {&secure, "ftp://geo.plant.local/a", NULL, "another scheme"},
    {&secure, "/a/b", NULL, "a path"},
    {&secure, "a/b", NULL, "relative"},
    {&secure, "?a", NULL, "a query"},
    {&secure, "", NULL, "empty"},
    {&keeping, "http://geo.plant.local/a", NULL, "links are kept"},
    {&moved, "http://geo.plant.local/new/a", "https://scada.example/WebX/a", "below the prefix"},
    {&moved, "http://geo.plant.local/new", "https://scada.example/WebX", "the prefix"},
    {&moved, "http://geo.plant.local/new?a", "https://scada.example/WebX?a", "the prefix with a query"},
    {&moved, "http://geo.plant.local/newer", "https://scada.example/newer", "beside the prefix"},
    {&moved, "http://elsewhere/new/a", NULL, "elsewhere"},
    {&moved, "/new/a?/new/b", "/WebX/a?/new/b", "a path below"},
    {&moved, "/new#a", "/WebX#a", "a path with a fragment"},
    {&moved, "/newer", NULL, "a path beside"},
    {&moved, "new/a", NULL, "a relative path"},
    {&moved, "//new/a", NULL, "a host of that name"},
    {&moved, "/New/a", NULL, "paths have case"},
};

static void links_lead_through_us(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(links); i++) {
        check_field("Location", &links[i]);
        check_field("content-location", &links[i]);
    }
    for (size_t i = 0; i < ROWS(links); i++) {
        struct pair_row other = links[i];

        other.expected = NULL;
        check_field("Link", &other);
    }
}

/** Each pair of prefixes, there and back; "" is the root too. */
static void prefixes_are_moved(void **state)
{
    static const struct {
        const char *back, *public, *path, *expected;
    } rows[] = {
        {"/", "/WebX", "/", "/WebX/"},
        {"/", "/WebX", "/a", "/WebX/a"},
        {"/", "/WebX", "/a/", "/WebX/a/"},
        {"", "/WebX/", "/?a", "/WebX/?a"},
        {"/new", "/", "/new", "/"},
        {"/new", "", "/new?a", "/?a"},
        {"/new", "/", "/new/", "/"},
        {"/new", "/", "/new/a", "/a"},
        {"/new/", "/", "/new//evil", "/new//evil"},
        {"/n", "/w", "/n//evil", "/w//evil"},
        {"/a/b", "/c", "/a/b/d", "/c/d"},
        {"/a/b", "/c", "/a", "/a"},
        {"", "", "/a", "/a"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct http_response_plan plan = secure;
        struct pair_row row = {&plan, rows[i].path, rows[i].expected, rows[i].path};

        plan.back_prefix = slice_of(rows[i].back);
        plan.public_prefix = slice_of(rows[i].public);
        check_field("Location", &row);
    }
}

static void without_public_host_nothing_is_rewritten(void **state)
{
    struct http_response_plan plan = moved;
    struct pair_row row = {&plan, "http://geo.plant.local//evil/", NULL, "HTTP/1.0 without Host"};

    (void)state;
    plan.host.length = 0;
    check_field("Location", &row);
    row.value = "/new/a";
    check_field("Location", &row);
}

static void refreshes_lead_through_us(void **state)
{
    static const struct pair_row rows[] = {
        {&secure, "5; url=http://geo.plant.local/a", "5; url=https://scada.example/a", "usual"},
        {&secure, "5;URL=http://geo.plant.local/a", "5;URL=https://scada.example/a", "without blank"},
        {&secure, "0, url = http://bare/a?b=c;d", "0, url = https://scada.example/a?b=c;d",
         "comma, blanks, semicolon in the link"},
        {&secure, "5; url='http://bare/a' x", "5; url='https://scada.example/a' x", "quoted"},
        {&secure, "5; url=\"http://bare/a", "5; url=\"https://scada.example/a", "half quoted"},
        {&secure, "5; http://bare/a", "5; https://scada.example/a", "without url="},
        {&secure, "5;url=", NULL, "no link"},
        {&secure, "5;", NULL, "no link at all"},
        {&secure, "5", NULL, "again and again"},
        {&secure, "5; url=/a", NULL, "a path"},
        {&secure, "5; urlx=http://bare/", NULL, "another word"},
        {&secure, "5; url=http://elsewhere/", NULL, "elsewhere"},
        {&moved, "5; url=/new/a", "5; url=/WebX/a", "a moved path"},
        {&keeping, "5; url=http://bare/a", NULL, "links are kept"},
        {&secure, "", NULL, "empty"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        check_field("Refresh", &rows[i]);
}

#define GUID "CLEARSCADAUSERID={3F2504E0-4F89-11D3-9A0C-0305E82C3301}"

static void cookies_keep_what_they_say(void **state)
{
    static const struct pair_row rows[] = {
        {&keeping, GUID "; path=/; HttpOnly", NULL, "braces"},
        {&keeping, GUID, NULL, "alone"},
        {&keeping, "a=\"b; Secure\"; Path=/", NULL, "quotes"},
        {&keeping, "a=b;c;;d ; domain=geo.plant.local", "a=b;c;d ; domain=geo.plant.local",
         "empty attributes go, links are kept"},
        {&keeping, "a", NULL, "no value"},
        {&keeping, "", NULL, "nothing"},
        {&secure, "a=b; Domain=geo.plant.local; Path=/", "a=b; Path=/", "the server's name"},
        {&secure, "a=b; domain = .GEO.plant.local", "a=b", "with a dot, in any case"},
        {&secure, "a=b; Domain=plant.local; Secure", "a=b; Secure", "the server's domain"},
        {&secure, "a=b; Domain=10.10.0.5", "a=b", "the server's address"},
        {&secure, "a=b; Domain=scada.example", NULL, "the public host"},
        {&secure, "a=b; Domain=example", NULL, "its domain"},
        {&secure, "a=b; Domain=o.plant.local", NULL, "another"},
        {&neighbour, "a=b; Domain=plant.local", NULL, "a domain that both are of"},
        {&neighbour, "a=b; Domain=geo.plant.local", "a=b", "the server's alone"},
        {&secure, "a=Domain=geo.plant.local", NULL, "a value is no attribute"},
        {&secure, "a=b; Domain=", NULL, "an empty one"},
        {&moved, "a=b; Path=/new; Secure", "a=b; Path=/WebX; Secure", "a moved path"},
        {&moved, "a=b; path = /new/a", "a=b; Path=/WebX/a", "below"},
        {&moved, "a=b; Path=/", NULL, "above"},
        {&moved, "a=b; Path=new", NULL, "no path"},
        {&secure, "a=b; Path=/new", NULL, "nothing is moved"},
        {&moved, "__Host-a=b; Path=/new", NULL, "a cookie that says it is for the whole host"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        check_field("Set-Cookie", &rows[i]);
}

static void cookies_get_what_the_plan_adds(void **state)
{
    static const struct {
        bool is_tls, adds_secure, adds_http_only;
        enum http_same_site same_site;
        const char *value, *expected;
    } rows[] = {
        {true, true, false, HTTP_SAME_SITE_KEEP, GUID "; path=/", GUID "; path=/; Secure"},
        {true, true, false, HTTP_SAME_SITE_KEEP, GUID, GUID "; Secure"},
        {true, true, false, HTTP_SAME_SITE_KEEP, "a=b;", "a=b; Secure"},
        {true, true, false, HTTP_SAME_SITE_KEEP, "a=b; secure", "a=b; secure"},
        {true, true, false, HTTP_SAME_SITE_KEEP, "a=b; Secure=yes; x", "a=b; Secure=yes; x"},
        {true, true, false, HTTP_SAME_SITE_KEEP, "Secure=b; SecureX", "Secure=b; SecureX; Secure"},
        {true, true, true, HTTP_SAME_SITE_LAX, "a=b", "a=b; Secure; HttpOnly; SameSite=Lax"},
        {true, true, true, HTTP_SAME_SITE_LAX, "a=b; samesite=none; HTTPONLY", "a=b; samesite=none; HTTPONLY; Secure"},
        {true, false, false, HTTP_SAME_SITE_STRICT, "a=b", "a=b; SameSite=Strict"},
        {true, false, false, HTTP_SAME_SITE_NONE, "a=b", "a=b; Secure; SameSite=None"},
        {true, false, false, HTTP_SAME_SITE_NONE, "a=b; Secure", "a=b; Secure; SameSite=None"},
        {true, false, false, HTTP_SAME_SITE_NONE, "a=b; SameSite=Lax", "a=b; SameSite=Lax"},
        {false, false, false, HTTP_SAME_SITE_NONE, "a=b", "a=b"},
        {false, false, false, HTTP_SAME_SITE_NONE, "a=b; Secure", "a=b; Secure; SameSite=None"},
        {false, true, false, HTTP_SAME_SITE_NONE, "a=b", "a=b; Secure; SameSite=None"},
        {false, false, true, HTTP_SAME_SITE_KEEP, "a=b", "a=b; HttpOnly"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct http_response_plan plan = keeping;
        struct pair_row row = {&plan, rows[i].value, rows[i].expected, rows[i].expected};

        plan.is_tls = rows[i].is_tls;
        plan.adds_secure = rows[i].adds_secure;
        plan.adds_http_only = rows[i].adds_http_only;
        plan.same_site = rows[i].same_site;
        check_field("Set-Cookie", &row);
        check_field("SET-COOKIE", &row);
    }
}

static void dates_are_as_http_wants_them(void **state)
{
    static const struct {
        int64_t unix_s;
        const char *date;
    } rows[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"},
        {HTTP_DATE_END - 1, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    char text[HTTP_DATE];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_string_equal(http_format_date(rows[i].unix_s, text), rows[i].date);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_byte_for_byte),
        cmocka_unit_test(fields_of_one_connection_stay),
        cmocka_unit_test(framing_is_written_anew),
        cmocka_unit_test(framing_is_there_without_a_field),
        cmocka_unit_test(connection_is_told),
        cmocka_unit_test(own_fields_are_added),
        cmocka_unit_test(links_lead_through_us),
        cmocka_unit_test(prefixes_are_moved),
        cmocka_unit_test(without_public_host_nothing_is_rewritten),
        cmocka_unit_test(refreshes_lead_through_us),
        cmocka_unit_test(cookies_keep_what_they_say),
        cmocka_unit_test(cookies_get_what_the_plan_adds),
        cmocka_unit_test(dates_are_as_http_wants_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
