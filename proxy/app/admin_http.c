/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what the admin port takes for a request, and the head of its answers. Pure; any thread. */
#include "proxy/app/admin_http.h"

#include "proxy/base/address.h"
#include "proxy/http/date.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

const struct http_limits admin_http_limits = {.head_bytes = ADMIN_HEAD_BYTES, .fields = 64, .target_bytes = 1024};

static const struct {
    const char *path;
    const char *type;
} pages[ADMIN_PAGES] = {
    [ADMIN_PAGE_HEALTH] = {"/healthz", "text/plain; charset=utf-8"},
    [ADMIN_PAGE_METRICS] = {"/metrics", "text/plain; version=0.0.4; charset=utf-8"},
    [ADMIN_PAGE_STATUS] = {"/status.json", "application/json"},
};

static const struct {
    unsigned status;
    const char *phrase;
} statuses[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {421, "Misdirected Request"},
    {503, "Service Unavailable"},
};

static const char *phrase_of(unsigned status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].status == status)
            return statuses[i].phrase;
    return "Refused";
}

/* -- who asks ------------------------------------------------------------------------------------------------------------------
 */

/* The host of a Host field, without its port and without brackets. */
static struct slice host_of(struct slice field)
{
    const char *end;

    if (field.length > 0 && field.at[0] == '[') {
        end = memchr(field.at, ']', field.length);
        return end != NULL ? (struct slice){field.at + 1, (size_t)(end - field.at) - 1} : slice_of(NULL);
    }
    end = field.length > 0 ? memchr(field.at, ':', field.length) : NULL;
    return end != NULL ? (struct slice){field.at, (size_t)(end - field.at)} : field;
}

/*
 * A page of another site can make a browser on this machine ask us under a name of its own whose address it then changes to ours
 * (DNS rebinding), and read the answer. It can't make the browser send another Host than that name.
 */
static bool is_this_machine(struct slice host)
{
    char text[ADDRESS_TEXT];
    struct address address;

    if (slice_is_nocase(host, "localhost"))
        return true;
    if (host.length == 0 || host.length >= sizeof(text))
        return false;
    memcpy(text, host.at, host.length);
    text[host.length] = '\0';
    return address_parse(text, &address) == 0 && address_is_loopback(&address);
}

static bool has_good_host(const struct http_head *head, const struct admin_rules *rules)
{
    const struct http_field *host = http_find(head, HTTP_NAME_HOST, 0);

    if (!rules->is_loopback)
        return true;
    return host != NULL && is_this_machine(host_of(host->value));
}

/* Takes as long for a wrong token as for the right one. */
static bool is_token(struct slice given, const char *token)
{
    struct slice wanted = slice_of(token);
    unsigned char differs = given.length != wanted.length;

    for (size_t i = 0; i < wanted.length; i++)
        differs |= (unsigned char)(wanted.at[i] ^ (i < given.length ? given.at[i] : 0));
    return differs == 0;
}

static bool may_read(const struct http_head *head, const struct admin_rules *rules)
{
    const struct http_field *field = http_find(head, HTTP_NAME_AUTHORIZATION, 0);
    const char scheme[] = "Bearer ";
    struct slice token;

    if (rules->token == NULL || rules->is_known)
        return true;
    if (field == NULL || !slice_starts_nocase(field->value, scheme))
        return false;
    token = (struct slice){field->value.at + sizeof(scheme) - 1, field->value.length - (sizeof(scheme) - 1)};
    return is_token(slice_trim(token), rules->token);
}

/* -- what is asked for ---------------------------------------------------------------------------------------------------------
 */

/* Whoever sends a body has taken us for something else. */
static bool is_plain(const struct http_head *head)
{
    const struct http_field *length = http_find(head, HTTP_NAME_CONTENT_LENGTH, 0);
    size_t hosts = (size_t)http_has(head, HTTP_NAME_HOST) + (http_find(head, HTTP_NAME_HOST, 1) != NULL);

    if (http_has(head, HTTP_NAME_TRANSFER_ENCODING) || http_find(head, HTTP_NAME_CONTENT_LENGTH, 1) != NULL)
        return false;
    if (http_find(head, HTTP_NAME_AUTHORIZATION, 1) != NULL || hosts > 1 || (hosts == 0 && head->minor == 1))
        return false;
    return length == NULL || slice_is(length->value, "0");
}

static bool find_page(struct slice target, enum admin_page *ret)
{
    const char *query = memchr(target.at, '?', target.length);

    if (query != NULL)
        target.length = (size_t)(query - target.at);
    for (int i = 0; i < ADMIN_PAGES; i++)
        if (slice_is(target, pages[i].path)) {
            *ret = (enum admin_page)i;
            return true;
        }
    return false;
}

unsigned admin_http_read(struct slice text, const struct admin_rules *rules, struct admin_request *ret, const char **ret_why)
{
    struct http_head head;

    *ret_why = "bad_request";
    if (http_parse_request(text.at, text.length, &admin_http_limits, &head) != HTTP_FAULT_NONE || !is_plain(&head))
        return 400;
    *ret_why = "host";
    if (!has_good_host(&head, rules))
        return 421;
    *ret_why = "token";
    if (!may_read(&head, rules))
        return 401;
    *ret_why = "method";
    ret->is_head = slice_is(head.method, "HEAD");
    if (!ret->is_head && !slice_is(head.method, "GET"))
        return 405;
    ret->has_chunks = head.minor >= 1;
    *ret_why = "path";
    return find_page(head.target, &ret->page) ? 200 : 404;
}

/* -- answers -------------------------------------------------------------------------------------------------------------------
 */

const char *admin_page_type(enum admin_page page)
{
    return pages[page].type;
}

static const char *length_field(size_t body_bytes, char text[64])
{
    if (body_bytes == ADMIN_CHUNKS)
        return "Transfer-Encoding: chunked\r\n";
    if (body_bytes == ADMIN_STREAM)
        return "";
    snprintf(text, 64, "Content-Length: %zu\r\n", body_bytes);
    return text;
}

size_t admin_http_head(unsigned status, const char *type, size_t body_bytes, char text[ADMIN_RESPONSE_BYTES])
{
    char date[HTTP_DATE], field[64];
    int length = snprintf(
        text, ADMIN_RESPONSE_BYTES,
        "HTTP/1.1 %u %s\r\n"
        "Date: %s\r\n"
        "Content-Type: %s\r\n"
        "%s"
        "Connection: close\r\n"
        "Cache-Control: no-store\r\n"
        "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "X-Frame-Options: DENY\r\n"
        "%s%s\r\n",
        status, phrase_of(status), http_format_date((int64_t)time(NULL), date), type, length_field(body_bytes, field),
        status == 405 ? "Allow: GET, HEAD\r\n" : "", status == 401 ? "WWW-Authenticate: Bearer realm=\"georelay\"\r\n" : "");

    assert(length > 0 && length < ADMIN_RESPONSE_BYTES);
    return (size_t)length;
}

const char *admin_http_refusal(unsigned status)
{
    return phrase_of(status);
}
