/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the head of a request as the server gets it. Follows RFC 9110 7.6 and RFC 9112 3, 6, 9. Pure; any thread.
 *
 * No Via, though RFC 9110 7.6.3 wants one of a gateway in each request: IIS ARR, which we stand in for, sends none, nor do nginx
 * and HAProxy by default; and IIS, when it sees one, stops compressing its answers (noCompressionForProxies). Max-Forwards goes
 * on as it is (RFC 9110 7.6.2): TRACE is not served, and for OPTIONS we are the origin server to clients.
 */
#include "proxy/http/edits.h"
#include "proxy/http/field_kind.h"
#include "proxy/http/forward.h"
#include "proxy/http/telling.h"

struct request {
    const struct http_head *head;
    const struct http_target *target;
    const struct http_framing *framing;
    const struct http_request_plan *plan;
    struct http_edits edits;
    bool has_framing; /**< the fields that frame the body are written */
};

static void put_line(struct http_writer *w, const struct request *r)
{
    http_put(w, r->head->method);
    http_put_text(w, " ");
    http_put(w, r->plan->origin.length > 0 ? r->plan->origin : r->target->origin);
    http_put_text(w, " HTTP/1.1\r\n");
}

/**
 * RFC 9112 3.2: HTTP/1.1 must have a Host. For an HTTP/1.0 client that sent none RFC 9112 3.3 leaves it to the server to find one
 * "consistent with the incoming connection's context": the address and port that it came to.
 */
static void put_host(struct http_writer *w, const struct request *r)
{
    const struct http_request_plan *plan = r->plan;

    http_put_text(w, "Host: ");
    if (plan->host.length > 0)
        http_put(w, plan->host);
    else if (r->target->host.length > 0)
        http_put(w, r->target->host);
    else if (plan->front_ip.length > 0)
        http_put_node(w, plan->front_ip, plan->front_port == (plan->is_tls ? 443U : 80U) ? 0 : plan->front_port);
    http_put_text(w, "\r\n");
}

/** RFC 9112 6: one of the two fields or none, and only as it was decided how the body is read here. */
static void put_framing(struct http_writer *w, struct request *r)
{
    if (r->has_framing)
        return;
    r->has_framing = true;
    if (r->framing->kind == HTTP_BODY_LENGTH)
        http_put_number_line(w, "Content-Length: ", r->framing->length);
    else if (r->framing->kind == HTTP_BODY_CHUNKED)
        http_put_text(w, "Transfer-Encoding: chunked\r\n");
}

static bool goes_on(const struct request *r, const struct http_field *f)
{
    switch (f->kind) {
    case HTTP_FIELD_HOP:
    case HTTP_FIELD_HOST:
    case HTTP_FIELD_FRAMING:
        return false;
    case HTTP_FIELD_UPGRADE:
        return r->framing->has_upgrade;
    case HTTP_FIELD_EXPECT:
        /* RFC 9110 10.1.1: an HTTP/1.0 client's is ignored; in our HTTP/1.1 request it would mean something again. */
        if (!r->framing->expects_continue)
            return false;
        break;
    case HTTP_FIELD_CHAIN:
    case HTTP_FIELD_TOLD:
    case HTTP_FIELD_CERTIFICATE:
        if (!http_telling_keeps(r->plan, f->kind))
            return false;
        break;
    default:
        break;
    }
    return !http_edits_drop(&r->edits, f->name) && !http_field_is_disguised(f->name);
}

static void put_fields(struct http_writer *w, struct request *r)
{
    for (size_t i = 0; i < r->head->fields_count; i++) {
        const struct http_field *f = &r->head->fields[i];

        if (f->kind == HTTP_FIELD_FRAMING)
            put_framing(w, r); /* anew, but in its place */
        else if (goes_on(r, f))
            http_put_pair(w, f->name, f->value);
    }
    put_framing(w, r);
}

/** RFC 9112 9.3: HTTP/1.1 connections are kept unless someone says "close". RFC 9110 7.8: Upgrade must be listed. */
static void put_connection(struct http_writer *w, const struct request *r)
{
    if (r->framing->has_upgrade)
        http_put_text(w, "Connection: upgrade\r\n");
    else if (!r->plan->may_reuse)
        http_put_text(w, "Connection: close\r\n");
}

void http_write_request(struct http_writer *w, const struct http_head *head, const struct http_target *target,
                        const struct http_framing *framing, const struct http_request_plan *plan)
{
    struct request r = {.head = head, .target = target, .framing = framing, .plan = plan};
    struct http_telling_of telling = {.head = head, .target = target, .plan = plan, .edits = &r.edits};

    r.edits.set = plan->set;
    r.edits.set_count = plan->set_count;
    r.edits.remove = plan->remove;
    r.edits.remove_count = plan->remove_count;
    if (!http_edits_init(&r.edits, head)) {
        w->is_full = true;
        return;
    }
    put_line(w, &r);
    put_host(w, &r);
    put_fields(w, &r);
    put_connection(w, &r);
    http_telling_put(&telling, w);
    http_edits_put_set(&r.edits, w);
    http_put_text(w, "\r\n");
}
