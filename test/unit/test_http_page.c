/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/http/page.h: which form a client gets, and each form; with text that tries to break out of it. */
#include "test/unit/unit.h"

#include "proxy/http/head.h"
#include "proxy/http/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST "POST /webservices/scx HTTP/1.1\r\nHost: a\r\n"
#define ID      "00c0ffee"

/** Tries to end each form's text, and has bytes that no form may hold. */
#define EVIL "\"'<b>&\\]]>\r\nX: 1\x01\x7f\x80\xff"

static char text[16384];

/** Written with all room there is, and once more with each room that is too small. */
static const char *write_page(const struct http_page *page)
{
    struct http_writer w;

    http_writer_init(&w, text, sizeof(text) - 1);
    http_write_page(&w, page);
    assert_false(w.is_full);
    text[w.length] = '\0';
    assert_int_equal(strlen(text), w.length);
    for (size_t room = 0; room <= w.length; room++) {
        char *exact = malloc(room == 0 ? 1 : room);
        struct http_writer small;

        http_writer_init(&small, exact, room);
        http_write_page(&small, page);
        assert_int_equal(small.is_full, room < w.length);
        free(exact);
    }
    return text;
}

static const char *body_of(const char *page)
{
    const char *end = strstr(page, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

static bool has_line(const char *page, const char *line)
{
    char with_ends[512];
    const char *at;

    snprintf(with_ends, sizeof(with_ends), "\r\n%s\r\n", line);
    at = strstr(page, with_ends);
    return at != NULL && at < body_of(page);
}

/** As an exchange keeps them. */
static void hints_of(const struct http_head *h, char accept[1024], struct http_page_hints *ret)
{
    const struct http_field *type = http_find(h, HTTP_NAME_CONTENT_TYPE, 0);
    const struct http_field *f;

    *ret = (struct http_page_hints){.has_soap_action = http_has(h, HTTP_NAME_SOAP_ACTION)};
    if (type != NULL)
        ret->content_type = type->value;
    ret->accept.at = accept;
    for (size_t n = 0; (f = http_find(h, HTTP_NAME_ACCEPT, n)) != NULL; n++)
        ret->accept.length += (size_t)sprintf(accept + ret->accept.length, "%.*s\n", (int)f->value.length, f->value.at);
}

static enum http_page_form form_for(const char *fields)
{
    static const struct http_limits limits = {.head_bytes = 4096, .fields = 20, .target_bytes = 100};
    static struct http_head head;
    char request[1024];
    char accept[1024];
    struct http_page_hints hints;
    struct http_scan scan = {.done = 0};
    enum http_fault fault;
    size_t length = (size_t)snprintf(request, sizeof(request), REQUEST "%s\r\n", fields);

    assert_int_equal(http_scan_request(&scan, request, length, &limits, &fault), HTTP_SCAN_WHOLE);
    assert_int_equal(http_parse_request(request, length, &limits, &head), HTTP_FAULT_NONE);
    hints_of(&head, accept, &hints);
    return http_page_form_for(&hints);
}

static void form_fits_client(void **state)
{
    static const struct {
        const char *fields;
        enum http_page_form form;
    } rows[] = {
        {"", HTTP_PAGE_HTML},
        {"Accept: */*\r\n", HTTP_PAGE_HTML},
        {"Accept:\r\n", HTTP_PAGE_HTML},
        {"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n", HTTP_PAGE_HTML},
        {"Accept: application/json\r\n", HTTP_PAGE_JSON},
        {"Accept: application/JSON ; charset=x ; Q=0.5\r\n", HTTP_PAGE_JSON},
        {"Accept: application/problem+json\r\n", HTTP_PAGE_JSON},
        {"Accept: application/json, text/plain, */*\r\n", HTTP_PAGE_JSON},
        {"Accept: application/json, text/javascript, */*; q=0.01\r\n", HTTP_PAGE_JSON},
        {"Accept: application/*\r\n", HTTP_PAGE_JSON},
        {"Accept: text/html, application/json\r\n", HTTP_PAGE_HTML},
        {"Accept: application/json;q=0.9, text/html\r\n", HTTP_PAGE_HTML},
        {"Accept: application/json, text/html;q=0.9\r\n", HTTP_PAGE_JSON},
        {"Accept: application/json;q=0.123, text/html;q=0.124\r\n", HTTP_PAGE_HTML},
        {"Accept: application/json;q=0.125, text/html;q=0.124\r\n", HTTP_PAGE_JSON},
        {"Accept: application/json;q=0\r\n", HTTP_PAGE_HTML},
        {"Accept: application/json;q=0, */*\r\n", HTTP_PAGE_HTML},
        {"Accept: text/html;q=0, */*\r\n", HTTP_PAGE_JSON},
        {"Accept: application/json;q=0.\r\n", HTTP_PAGE_HTML},
        {"Accept: application/json;q=0.0009, text/html;q=0\r\n", HTTP_PAGE_HTML},
        {"Accept: text/html\r\nAccept: application/json;q=2\r\n", HTTP_PAGE_HTML},
        {"Accept: text/*, application/json\r\n", HTTP_PAGE_JSON},
        {"Accept: text/jsonp, json, +json\r\n", HTTP_PAGE_HTML},
        {"Accept: ,;q=1,,\r\n", HTTP_PAGE_HTML},
        {"SOAPAction: \"urn:a\"\r\nContent-Type: text/xml; charset=utf-8\r\n", HTTP_PAGE_SOAP11},
        {"SOAPAction:\r\nAccept: application/json\r\n", HTTP_PAGE_SOAP11},
        {"Content-Type: text/xml\r\n", HTTP_PAGE_HTML},
        {"Content-Type: Application/SOAP+xml;action=\"urn:a\"\r\n", HTTP_PAGE_SOAP12},
        {"SOAPAction: a\r\nContent-Type: application/soap+xml\r\n", HTTP_PAGE_SOAP12},
        {"Content-Type: application/soap+xmlx\r\n", HTTP_PAGE_HTML},
        {"Content-Type: application/json\r\n", HTTP_PAGE_HTML},
    };

    (void)state;
    assert_int_equal(http_page_form_for(&(struct http_page_hints){.has_soap_action = false}), HTTP_PAGE_HTML);
    for (size_t i = 0; i < ROWS(rows); i++)
        EXPECT(form_for(rows[i].fields) == rows[i].form, rows[i].fields);
}

static void head_says_what_http_demands(void **state)
{
    struct http_page page = {.status = 503, .id = slice_of(ID)};
    const char *written = write_page(&page);
    char length[64];

    (void)state;
    assert_true(strncmp(written, "HTTP/1.1 503 Service Unavailable\r\n", 34) == 0);
    snprintf(length, sizeof(length), "Content-Length: %zu", strlen(body_of(written)));
    assert_true(has_line(written, length));
    assert_true(has_line(written, "Cache-Control: no-store"));
    assert_true(has_line(written, "Content-Type: text/html; charset=utf-8"));
    assert_null(strstr(written, "Date:"));
    assert_null(strstr(written, "Connection:"));
    assert_null(strstr(written, "Retry-After:"));
    assert_null(strstr(written, "Strict-Transport-Security:"));
    assert_null(strstr(written, "Location:"));
    assert_null(strstr(written, "Allow:"));

    page.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    page.closes = true;
    page.retry_after_s = 5;
    page.hsts_s = 60;
    page.is_head = true;
    written = write_page(&page);
    assert_true(has_line(written, length));
    assert_true(has_line(written, "Date: Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_true(has_line(written, "Connection: close"));
    assert_true(has_line(written, "Retry-After: 5"));
    assert_true(has_line(written, "Strict-Transport-Security: max-age=60"));
    assert_string_equal(body_of(written), "");
}

static void redirect_and_allow(void **state)
{
    struct http_page page = {.status = 308, .location = slice_of("https://a/b?c\r\nX-Evil: 1\x01")};

    (void)state;
    assert_true(has_line(write_page(&page), "Location: https://a/b?c  X-Evil: 1 "));
    assert_true(strncmp(text, "HTTP/1.1 308 Permanent Redirect\r\n", 33) == 0);
    page = (struct http_page){.status = 405, .allow = slice_of("GET, HEAD")};
    assert_true(has_line(write_page(&page), "Allow: GET, HEAD"));
    page.allow.length = 0;
    assert_true(has_line(write_page(&page), "Allow: ")); /* RFC 9110 10.2.1: nothing is allowed */
}

static void html_is_whole(void **state)
{
    struct http_page page = {.status = 404, .id = slice_of(ID)};
    const char *body = body_of(write_page(&page));

    (void)state;
    assert_true(strncmp(body, "<!DOCTYPE html>\n<html lang=\"en\">", 32) == 0);
    assert_non_null(strstr(body, "<title>404 Not Found</title>"));
    assert_non_null(strstr(body, "<h1>There is nothing at this address.</h1>"));
    assert_non_null(strstr(body, "<p>Check the address.</p>"));
    assert_non_null(strstr(body, "georelay: 404 Not Found"));
    assert_non_null(strstr(body, "<code>" ID "</code>"));
    assert_null(strstr(body, "script"));
    assert_null(strstr(body, "src="));
    assert_null(strstr(body, "href="));
    assert_string_equal(body + strlen(body) - 8, "</html>\n");
    page.id.length = 0;
    assert_null(strstr(write_page(&page), "Request id"));
}

#define FAULT11                                                                                                                  \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">"       \
    "<soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>What.</faultstring><detail>"
#define FAULT12                                                                                                                  \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\">"         \
    "<soap:Body><soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason>"                            \
    "<soap:Text xml:lang=\"en\">What.</soap:Text></soap:Reason><soap:Detail>"
#define DETAIL(status)                                                                                                           \
    "<g:error xmlns:g=\"urn:georelay\"><g:status>" status "</g:status><g:advice>Do.</g:advice><g:id>" ID "</g:id></g:error>"

static void programs_get_their_form(void **state)
{
    struct http_page page = {.status = 503, .sentence = "What.", .advice = "Do.", .id = slice_of(ID), .form = HTTP_PAGE_JSON};

    (void)state;
    assert_string_equal(body_of(write_page(&page)),
                        "{\"status\":503,\"error\":\"What.\",\"advice\":\"Do.\",\"id\":\"" ID "\"}\n");
    assert_true(has_line(text, "Content-Type: application/json"));
    page.id.length = 0;
    assert_string_equal(body_of(write_page(&page)), "{\"status\":503,\"error\":\"What.\",\"advice\":\"Do.\"}\n");
    page.id = slice_of(ID);
    page.form = HTTP_PAGE_SOAP11;
    assert_string_equal(body_of(write_page(&page)), FAULT11 DETAIL("503") "</detail></soap:Fault></soap:Body></soap:Envelope>\n");
    assert_true(has_line(text, "Content-Type: text/xml; charset=utf-8"));
    page.form = HTTP_PAGE_SOAP12;
    page.status = 429;
    assert_string_equal(body_of(write_page(&page)),
                        FAULT12 DETAIL("429") "</soap:Detail></soap:Fault></soap:Body></soap:Envelope>\n");
    assert_true(has_line(text, "Content-Type: application/soap+xml; charset=utf-8"));
}

static void nothing_breaks_out(void **state)
{
    static const char xml[] = "&quot;&#39;&lt;b&gt;&amp;\\]]&gt;??X: 1????";
    static const char json[] = "\\\"'<b>&\\\\]]>??X: 1????";
    struct http_page page = {.status = 400, .sentence = EVIL, .advice = EVIL, .id = slice_of(EVIL)};

    (void)state;
    for (unsigned form = HTTP_PAGE_HTML; form <= HTTP_PAGE_SOAP12; form++) {
        const char *expected = form == HTTP_PAGE_JSON ? json : xml;
        const char *at;
        unsigned count = 0;

        page.form = (enum http_page_form)form;
        at = body_of(write_page(&page));
        for (const char *c = at; *c != '\0'; c++)
            assert_true((*c >= 0x20 && *c <= 0x7e) || *c == '\n');
        for (; (at = strstr(at, expected)) != NULL; at++)
            count++;
        assert_int_equal(count, 3);
        assert_null(strstr(text, form == HTTP_PAGE_JSON ? "&\\]" : "<b>"));
    }
}

static void any_status_has_words(void **state)
{
    (void)state;
    for (unsigned status = 308; status <= 599; status++) {
        struct http_page page = {.status = status, .id = slice_of(ID)};

        if (status != 308 && status < 400)
            continue;
        for (unsigned form = HTTP_PAGE_HTML; form <= HTTP_PAGE_SOAP12; form++) {
            struct http_writer w;

            page.form = (enum http_page_form)form;
            http_writer_init(&w, text, HTTP_PAGE_BYTES);
            http_write_page(&w, &page);
            assert_false(w.is_full);
        }
    }
    assert_string_equal(http_status_phrase(404), "Not Found");
    assert_string_equal(http_status_phrase(599), "Error");
}

static void long_texts_are_cut_or_do_not_fit(void **state)
{
    static char long_text[HTTP_PAGE_BYTES + 1];
    struct http_page page = {.status = 503};
    struct http_writer w;

    (void)state;
    memset(long_text, 'i', HTTP_PAGE_BYTES);
    page.id = slice_of(long_text);
    (void)write_page(&page);
    assert_non_null(strstr(text, "iiii"));
    assert_int_equal(strspn(strstr(text, "iiii"), "i"), 128);
    page.id.length = 0;
    page.advice = long_text;
    http_writer_init(&w, text, sizeof(text));
    http_write_page(&w, &page);
    assert_true(w.is_full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_fits_client),        cmocka_unit_test(head_says_what_http_demands),
        cmocka_unit_test(redirect_and_allow),      cmocka_unit_test(html_is_whole),
        cmocka_unit_test(programs_get_their_form), cmocka_unit_test(nothing_breaks_out),
        cmocka_unit_test(any_status_has_words),    cmocka_unit_test(long_texts_are_cut_or_do_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
