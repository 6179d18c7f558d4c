/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/app/admin_http.h: which requests the admin port answers, and with what head. */
#include "test/unit/unit.h"

#include "proxy/app/admin_http.h"

#include <stdlib.h>

#define TOKEN "0123456789abcdef0123456789abcdef"

static const struct admin_rules loopback = {.is_loopback = true};
static const struct admin_rules with_token = {.token = TOKEN};
static const struct admin_rules known = {.token = TOKEN, .is_known = true};

static unsigned read_request(const char *text, const struct admin_rules *rules, struct admin_request *ret, const char **ret_why)
{
    struct http_scan scan = {0};
    enum http_fault fault;
    char *copy = strdup(text); /* valgrind and ASan see a byte too far */
    unsigned status = 0;

    if (http_scan_request(&scan, copy, strlen(copy), &admin_http_limits, &fault) == HTTP_SCAN_WHOLE)
        status = admin_http_read((struct slice){copy, scan.done}, rules, ret, ret_why);
    free(copy);
    return status;
}

static void requests(void **state)
{
    static const struct {
        const char *comment;
        const char *text;
        const struct admin_rules *rules;
        unsigned status;
        const char *why;
    } rows[] = {
        {"plain", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", &loopback, 200, NULL},
        {"a query is passed over", "GET /metrics?a=b HTTP/1.1\r\nHost: LocalHost:9481\r\n\r\n", &loopback, 200, NULL},
        {"our address", "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9481\r\n\r\n", &loopback, 200, NULL},
        {"IPv6", "GET /metrics HTTP/1.1\r\nHost: [::1]:9481\r\n\r\n", &loopback, 200, NULL},
        {"no body is a good body", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", &loopback, 200, NULL},
        {"unknown path", "GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", &loopback, 404, "path"},
        {"another site", "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", &loopback, 421, "host"},
        {"a name that begins as ours", "GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", &loopback, 421, "host"},
        {"an address of another machine", "GET /metrics HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", &loopback, 421, "host"},
        {"empty host", "GET /metrics HTTP/1.1\r\nHost:\r\n\r\n", &loopback, 421, "host"},
        {"open bracket", "GET /metrics HTTP/1.1\r\nHost: [::1\r\n\r\n", &loopback, 421, "host"},
        {"no host at all", "GET /metrics HTTP/1.0\r\n\r\n", &loopback, 421, "host"},
        {"none in 1.1", "GET /metrics HTTP/1.1\r\n\r\n", &with_token, 400, "bad_request"},
        {"two hosts", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", &loopback, 400, "bad_request"},
        {"POST", "POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", &loopback, 405, "method"},
        {"a body", "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n", &loopback, 400, "bad_request"},
        {"chunks", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", &loopback, 400,
         "bad_request"},
        {"two lengths", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", &loopback,
         400, "bad_request"},
        {"no token", "GET /metrics HTTP/1.1\r\nHost: a.example\r\n\r\n", &with_token, 401, "token"},
        {"the token", "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer " TOKEN "\r\n\r\n", &with_token, 200,
         NULL},
        {"any case of the scheme", "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: bearer " TOKEN "\r\n\r\n",
         &with_token, 200, NULL},
        {"one byte less",
         "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer 0123456789abcdef0123456789abcde\r\n\r\n", &with_token,
         401, "token"},
        {"one byte more", "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer " TOKEN "0\r\n\r\n", &with_token,
         401, "token"},
        {"one byte other",
         "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer 1123456789abcdef0123456789abcdef\r\n\r\n",
         &with_token, 401, "token"},
        {"another scheme", "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic " TOKEN "\r\n\r\n", &with_token, 401,
         "token"},
        {"a token twice",
         "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer x\r\nAuthorization: Bearer " TOKEN "\r\n\r\n",
         &with_token, 400, "bad_request"},
        {"a path is no secret without the token", "GET /no HTTP/1.1\r\nHost: a.example\r\n\r\n", &with_token, 401, "token"},
        {"a certificate instead", "GET /metrics HTTP/1.1\r\nHost: a.example\r\n\r\n", &known, 200, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct admin_request request = {0};
        const char *why = NULL;

        EXPECT(read_request(rows[i].text, rows[i].rules, &request, &why) == rows[i].status, rows[i].comment);
        if (rows[i].status == 200)
            EXPECT(request.page == ADMIN_PAGE_METRICS && !request.is_head, rows[i].comment);
        else
            EXPECT(strcmp(why, rows[i].why) == 0, rows[i].comment);
    }
}

static void pages(void **state)
{
    struct admin_request request = {0};
    const char *why;

    (void)state;
    assert_int_equal(read_request("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", &loopback, &request, &why), 200);
    assert_true(request.is_head && request.page == ADMIN_PAGE_HEALTH);
}

static void answers(void **state)
{
    static const unsigned statuses[] = {200, 400, 401, 404, 405, 421, 503};
    static const char *const fields[] = {"\r\nConnection: close\r\n", "\r\nCache-Control: no-store\r\n",
                                         "\r\nContent-Length: 12\r\n", "\r\nContent-Security-Policy: default-src 'none'",
                                         "\r\nX-Content-Type-Options: nosniff\r\n"};
    char text[ADMIN_RESPONSE_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < ROWS(statuses); i++) {
        size_t length = admin_http_head(statuses[i], admin_page_type(ADMIN_PAGE_METRICS), 12, text);

        text[length] = '\0';
        assert_true(strlen(text) == length && strcmp(text + length - 4, "\r\n\r\n") == 0);
        for (size_t k = 0; k < ROWS(fields); k++)
            EXPECT(strstr(text, fields[k]) != NULL, fields[k]);
        assert_int_equal(strstr(text, "\r\nAllow: GET, HEAD\r\n") != NULL, statuses[i] == 405);
        assert_int_equal(strstr(text, "\r\nWWW-Authenticate: Bearer ") != NULL, statuses[i] == 401);
    }
}

static void answers_in_pieces(void **state)
{
    char text[ADMIN_RESPONSE_BYTES + 1];

    (void)state;
    text[admin_http_head(200, admin_page_type(ADMIN_PAGE_STATUS), ADMIN_CHUNKS, text)] = '\0';
    assert_true(strstr(text, "\r\nTransfer-Encoding: chunked\r\n") != NULL && strstr(text, "Content-Length") == NULL);
    text[admin_http_head(200, admin_page_type(ADMIN_PAGE_STATUS), ADMIN_STREAM, text)] = '\0';
    assert_true(strstr(text, "Transfer-Encoding") == NULL && strstr(text, "Content-Length") == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests), cmocka_unit_test(pages), cmocka_unit_test(answers),
                                       cmocka_unit_test(answers_in_pieces)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
