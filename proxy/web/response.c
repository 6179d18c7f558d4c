/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what becomes of a response's head. On the session's thread. A response with a fault is never passed on: the client gets
 * 502, and the connection to the server is not used again.
 */
#include "proxy/web/response.h"

#include "proxy/base/clock.h"
#include "proxy/web/answer.h"
#include "proxy/web/back.h"

#include <string.h>

/* 1xx responses to one request. */
#define INTERIMS_MAX 16

static void bad(struct conversation *c, enum http_fault fault)
{
    c->x.fault = fault;
    answer_reason(c, REASON_BAD_RESPONSE);
}

static struct http_response_plan plan_for(const struct conversation *c)
{
    const struct web_rules *r = c->rules;
    const struct cfg_route *route = c->x.choice.route;

    return (struct http_response_plan){
        .closes = c->closes,
        .minor = c->x.minor,
        .date = answer_date(),
        .rewrites = r->web->links == CFG_WEB_LINKS_REWRITE,
        .is_tls = c->x.is_https,
        .host = c->x.host,
        .back_hosts = c->x.choice.upstream->names,
        .back_hosts_count = c->x.choice.upstream->names_count,
        .public_prefix = slice_of(route != NULL && route->replace != NULL ? route->path : NULL),
        .back_prefix = slice_of(route != NULL ? route->replace : NULL),
        .adds_secure = r->adds_secure && (c->x.is_https || r->web->cookie_secure == CFG_COOKIE_SECURE_ALWAYS),
        .adds_http_only = r->web->cookie_http_only == CFG_COOKIE_HTTP_ONLY_ADD,
        .same_site = (enum http_same_site)r->web->cookie_same_site,
        .hsts_s = (uint64_t)r->web->hsts_s,
        .set = r->response_set,
        .set_count = r->web->response_set_count,
        .remove = r->response_remove,
        .remove_count = r->web->response_remove_count,
    };
}

static bool write_head(struct conversation *c, const struct http_head *head, const struct http_framing *framing)
{
    struct http_response_plan plan = plan_for(c);
    struct http_writer w;
    size_t room;
    char *bytes = flow_room(&c->down, &room);

    if (bytes == NULL)
        return false;
    http_writer_init(&w, bytes, room);
    http_write_response(&w, head, framing, &plan);
    if (!w.is_full)
        flow_wrote(&c->down, w.length);
    return !w.is_full;
}

/* 100, 102, 103: the final response is still to come. HTTP/1.0 clients do not know them (RFC 9110 15.2). */
static bool take_interim(struct conversation *c, const struct http_head *head, const struct http_framing *framing, size_t length)
{
    if (++c->x.interims > INTERIMS_MAX) {
        bad(c, HTTP_FAULT_BAD_STATUS);
        return false;
    }
    if (c->x.minor > 0 && !write_head(c, head, framing)) {
        answer_reason(c, REASON_NO_MEMORY);
        return false;
    }
    flow_drop(&c->down, length);
    c->scan = (struct http_scan){0};
    return true;
}

/* What ends with the connection to the server must end so for the client too; so must what an HTTP/1.0 client gets without
 * chunks. */
static bool must_close(const struct conversation *c, const struct http_framing *framing)
{
    return framing->kind == HTTP_BODY_TO_CLOSE || (framing->kind == HTTP_BODY_CHUNKED && c->x.minor == 0) || !c->is_up_over ||
           conversation_takes_leave(c);
}

static bool take_final(struct conversation *c, const struct http_head *head, const struct http_framing *framing, size_t length)
{
    bool is_upgrade = head->status == 101;

    if (!is_upgrade && must_close(c, framing))
        c->closes = true;
    if (!write_head(c, head, framing)) {
        bad(c, HTTP_FAULT_HEAD_TOO_LARGE);
        return false;
    }
    if (c->x.logs_on || back_must_pin(head))
        c->pinned = c->x.choice.upstream;
    c->x.response = *framing;
    c->x.has_response = true;
    c->x.status = head->status;
    c->x.first_ms = clock_ms() - c->x.started_ms;
    flow_drop(&c->down, length);
    flow_start_body(&c->down, framing, c->x.minor == 0);
    if (c->is_up_over)
        conversation_set_time(c, 0);
    return true;
}

static bool take_head(struct conversation *c)
{
    size_t length = c->scan.done;
    struct http_head head;
    struct http_framing framing;
    enum http_fault fault = http_parse_response(flow_bytes(&c->down), length, &c->rules->limits, &head);

    if (fault == HTTP_FAULT_NONE)
        fault = http_response_framing(&head, c->x.is_head, c->x.request.has_upgrade, &framing);
    if (fault != HTTP_FAULT_NONE) {
        bad(c, fault);
        return false;
    }
    if (head.status < 200 && head.status != 101)
        return take_interim(c, &head, &framing, length);
    return take_final(c, &head, &framing, length);
}

/* The server is speaking. Before it has got a byte of the request it can't be answering it. */
static bool begin(struct conversation *c)
{
    if (c->up.out_sent == 0 && c->up.is_retaining) {
        bad(c, HTTP_FAULT_BAD_STATUS);
        return false;
    }
    return true;
}

/* 1: a head was taken. 0: more bytes are needed. -1: the state has changed. */
static int scan(struct conversation *c)
{
    enum http_fault fault;

    if (flow_length(&c->down) == 0)
        return 0;
    if (!begin(c))
        return -1;
    switch (http_scan_response(&c->scan, flow_bytes(&c->down), flow_length(&c->down), &c->rules->limits, &fault)) {
    case HTTP_SCAN_MORE:
        return 0;
    case HTTP_SCAN_WHOLE:
        return take_head(c) ? 1 : -1;
    default:
        bad(c, fault);
        return -1;
    }
}

bool response_read(struct conversation *c)
{
    for (;;) {
        int taken = scan(c);
        ssize_t n;

        if (taken != 0)
            return taken > 0;
        n = flow_fill(&c->down);
        if (n == STREAM_AGAIN)
            return false;
        if (n == STREAM_END || n == STREAM_FAILED) {
            back_failed(c, n == STREAM_END ? REASON_RESPONSE_CUT : session_side_reason(c->down.why, false));
            return false;
        }
    }
}
