/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of the simulated web site. Small answers are written at once, the large one as the socket takes it, the long poll by
 * a timer. */
#include "test/sim/web_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD        251
#define BLOCK_BYTES   (PERIOD * 256)
#define WAIT_MAX_S    600
#define LARGE_MAX     (UINT64_C(1) << 40)
#define LARGE_PENDING 262144

static const char front_page[] =
    "<!DOCTYPE html><title>geosim</title><h1>geosim</h1>\n"
    "<p><a href=\"/logon\">logon</a> <a href=\"/alarms?wait=1\">alarms</a> <a href=\"/large?bytes=1000000\">large</a></p>\n";
static const char logon_form[] =
    "<!DOCTYPE html><title>Logon</title><form method=\"post\" action=\"/logon\">\n"
    "<input name=\"user\"><input name=\"password\" type=\"password\"><input type=\"submit\"></form>\n";
static const char logon_cookies[] = "Set-Cookie: CLEARSCADAUSERID={6F9619FF-8B86-D011-B42D-00C04FC964FF}; path=/\r\n"
                                    "Set-Cookie: CLEARSCADASECUREUSERID={3F2504E0-4F89-11D3-9A0C-0305E82C3301}; path=/\r\n";

uint64_t web_number(const char *query, const char *name, uint64_t max, uint64_t otherwise)
{
    size_t len = strlen(name);
    for (const char *at = query; at != NULL && *at != '\0';) {
        char *rest = NULL;
        if (strncmp(at, name, len) == 0 && at[len] == '=' && at[len + 1] >= '0' && at[len + 1] <= '9') {
            uint64_t value = strtoull(at + len + 1, &rest, 10);
            return (*rest == '\0' || *rest == '&') && value <= max ? value : otherwise;
        }
        at = strchr(at, '&');
        at = at != NULL ? at + 1 : NULL;
    }
    return otherwise;
}

static bool is_method(const struct web_visit *v, const char *method)
{
    return strcmp(v->method, method) == 0;
}

static bool is_reading_method(const struct web_visit *v)
{
    return is_method(v, "GET") || is_method(v, "HEAD");
}

static void put(struct web_visit *v, const char *bytes, size_t len)
{
    if (len > 0)
        memcpy(conn_reserve(v->conn, len), bytes, len);
}

static void put_head(struct web_visit *v, const char *status, const char *type, const char *fields, uint64_t length)
{
    char head[1024];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %s\r\nServer: geosim\r\nContent-Type: %s\r\nContent-Length: %" PRIu64 "\r\n%s%s\r\n", status,
                       type, length, v->wants_close ? "Connection: close\r\n" : "", fields);
    put(v, head, (size_t)len);
}

static void answer(struct web_visit *v, const char *status, const char *type, const char *fields, const char *page)
{
    put_head(v, status, type, fields, strlen(page));
    if (!is_method(v, "HEAD"))
        put(v, page, strlen(page));
    conn_flush(v->conn);
    web_answered(v);
}

static void answer_text(struct web_visit *v, const char *status, const char *text)
{
    answer(v, status, "text/plain", "", text);
}

void web_refuse(struct web_visit *v, const char *status)
{
    static char no_method[] = "-";
    v->step = WEB_ANSWER;
    v->wants_close = true;
    v->method = no_method;
    conn_pause(v->conn);
    answer_text(v, status, "");
}

static void page_logon(struct web_visit *v)
{
    char page[256], name[64] = "";
    if (is_reading_method(v)) {
        answer(v, "200 OK", "text/html", "", logon_form);
        return;
    }
    const char *at = v->kept_len > 0 ? strstr(v->kept, "user=") : NULL;
    if (at != NULL)
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 5, "&\r\n<>"), at + 5);
    snprintf(page, sizeof(page), "%s%s\n", name[0] != '\0' ? "Logged on as " : "Logon failed", name);
    answer(v, "200 OK", "text/plain", name[0] != '\0' ? logon_cookies : "", page);
}

static void poll_over(void *arg)
{
    answer_text(arg, "200 OK", "alarms=0\n");
}

static void page_upload(struct web_visit *v)
{
    char page[128];
    snprintf(page, sizeof(page), "length=%" PRIu64 " crc32=%08" PRIx32 "\n", v->body_bytes, v->body_crc);
    answer_text(v, "200 OK", page);
}

static void large_timer(void *arg)
{
    web_continue(arg);
}

/* BLOCK_BYTES is a multiple of the period: each block starts with byte (position mod 251). */
void web_continue(struct web_visit *v)
{
    static char block[BLOCK_BYTES + PERIOD];
    if (block[1] == 0)
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)(i % PERIOD);
    while (v->large_at < v->large_end && conn_pending(v->conn) < LARGE_PENDING) {
        uint64_t left = v->large_end - v->large_at;
        size_t len = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        put(v, block + v->large_at % PERIOD, len);
        v->large_at += len;
    }
    conn_flush(v->conn);
    if (v->large_at == v->large_end)
        web_answered(v);
    else if (conn_pending(v->conn) == 0) /* the socket took all: go on when the others had their turn */
        timer_start(v->web->loop, &v->poll, 0, large_timer, v);
}

static void page_large(struct web_visit *v)
{
    v->large_at = 0;
    v->large_end = web_number(v->query, "bytes", LARGE_MAX, 1000000);
    put_head(v, "200 OK", "application/octet-stream", "", v->large_end);
    if (is_method(v, "HEAD"))
        v->large_at = v->large_end;
    web_continue(v);
}

static void page_echo(struct web_visit *v)
{
    answer_text(v, "200 OK", v->head);
}

void web_answer(struct web_visit *v)
{
    v->step = WEB_ANSWER;
    conn_pause(v->conn);
    bool reads = is_reading_method(v), writes = is_method(v, "POST") || is_method(v, "PUT");
    if (strcmp(v->target, "/") == 0 && reads)
        answer(v, "200 OK", "text/html", "", front_page);
    else if (strcmp(v->target, "/logon") == 0 && (reads || writes))
        page_logon(v);
    else if (strcmp(v->target, "/alarms") == 0 && reads)
        timer_start(v->web->loop, &v->poll, web_number(v->query, "wait", WAIT_MAX_S, 0) * 1000000, poll_over, v);
    else if (strcmp(v->target, "/large") == 0 && reads)
        page_large(v);
    else if (strcmp(v->target, "/upload") == 0 && writes)
        page_upload(v);
    else if (strcmp(v->target, "/echo") == 0)
        page_echo(v);
    else
        answer_text(v, "404 Not Found", "not found\n");
}
