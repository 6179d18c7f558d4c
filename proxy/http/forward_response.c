/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the head of a response as the client gets it. Follows RFC 9110 7.6, 15 and RFC 9112 4, 6, 9. Pure; any thread. */
#include "proxy/http/cookie.h"
#include "proxy/http/edits.h"
#include "proxy/http/field_kind.h"
#include "proxy/http/forward.h"
#include "proxy/http/link.h"

struct response {
    const struct http_head *head;
    const struct http_framing *framing;
    const struct http_response_plan *plan;
    struct http_edits edits;
    bool is_final;     /**< not 1xx */
    bool loses_chunks; /**< the client is of HTTP/1.0 and gets the body without its chunks */
    bool has_framing;  /**< the fields that frame the body are written */
};

/** RFC 9112 4: the blank before the phrase is there also without one. The version is ours: RFC 9110 2.5. */
static void put_line(struct http_writer *w, const struct http_head *head)
{
    http_put_text(w, "HTTP/1.1 ");
    http_put_number(w, head->status);
    http_put_text(w, " ");
    http_put(w, head->phrase);
    http_put_text(w, "\r\n");
}

static void put_length(struct http_writer *w, struct response *r)
{
    http_put_number_line(w, "Content-Length: ", r->framing->length);
    r->has_framing = true;
}

/** What frames the body, once. `from_length`: where the head had Content-Length. */
static void put_framing(struct http_writer *w, struct response *r, bool from_length)
{
    if (r->has_framing)
        return;
    if (r->framing->kind == HTTP_BODY_LENGTH) {
        put_length(w, r);
    } else if (r->framing->kind == HTTP_BODY_CHUNKED && !r->loses_chunks) {
        http_put_text(w, "Transfer-Encoding: chunked\r\n");
        r->has_framing = true;
    } else if (r->framing->kind == HTTP_BODY_NONE && from_length && r->is_final && r->head->status != 204) {
        /* An answer to HEAD, or 304: the length that there would be. RFC 9110 8.6: never in 1xx and 204. A Transfer-Encoding is
         * left out: RFC 9112 6.1 leaves it to us, and the next reader can't take it for more than it is. */
        put_length(w, r);
    }
}

/** RFC 9110 7.8, 15.5.22: 101 says what follows, 426 what is asked for. Elsewhere it is an offer of the server's, for us. */
static bool passes_upgrade(const struct response *r)
{
    return r->head->status == 101 || r->head->status == 426;
}

static bool goes_on(const struct response *r, const struct http_field *f)
{
    const struct http_response_plan *plan = r->plan;

    switch (f->kind) {
    case HTTP_FIELD_HOP:
    case HTTP_FIELD_FRAMING:
        return false;
    case HTTP_FIELD_UPGRADE:
        return passes_upgrade(r);
    case HTTP_FIELD_HSTS:
        if (plan->is_tls && plan->hsts_s > 0)
            return false;
        break;
    case HTTP_FIELD_TRAILER: /* RFC 9110 6.6.2: says what follows the last chunk, of which nothing is left then */
        if (r->loses_chunks)
            return false;
        break;
    default:
        break;
    }
    return !http_edits_drop(&r->edits, f->name);
}

static void put_field(struct http_writer *w, const struct response *r, const struct http_field *f)
{
    http_put(w, f->name);
    http_put_text(w, ": ");
    if (f->kind == HTTP_FIELD_LINK)
        http_put_link(w, f->value, r->plan);
    else if (f->kind == HTTP_FIELD_REFRESH)
        http_put_refresh(w, f->value, r->plan);
    else if (f->kind == HTTP_FIELD_COOKIE)
        http_put_cookie(w, f->value, r->plan);
    else
        http_put(w, f->value);
    http_put_text(w, "\r\n");
}

static void put_fields(struct http_writer *w, struct response *r)
{
    for (size_t i = 0; i < r->head->fields_count; i++) {
        const struct http_field *f = &r->head->fields[i];

        if (f->kind == HTTP_FIELD_FRAMING)
            put_framing(w, r, f->known == HTTP_NAME_CONTENT_LENGTH); /* anew, but in its place */
        else if (goes_on(r, f))
            put_field(w, r, f);
    }
    put_framing(w, r, false);
}

/** RFC 9112 9.3, 9.6. An HTTP/1.0 client takes a connection for kept only if it is told so (C.2.2). */
static void put_connection(struct http_writer *w, const struct response *r)
{
    const struct http_response_plan *plan = r->plan;
    bool ends_by_close = r->framing->kind == HTTP_BODY_TO_CLOSE || r->loses_chunks;
    bool has_upgrade = passes_upgrade(r) && http_has(r->head, HTTP_NAME_UPGRADE);

    if (has_upgrade)
        http_put_text(w, r->is_final && (plan->closes || ends_by_close) ? "Connection: upgrade, close\r\n"
                                                                        : "Connection: upgrade\r\n");
    else if (!r->is_final)
        return;
    else if (plan->closes || ends_by_close)
        http_put_text(w, "Connection: close\r\n");
    else if (plan->minor == 0)
        http_put_text(w, "Connection: keep-alive\r\n");
}

/** What a final answer gets from us, and 1xx do not: they are about this request only, and browsers look for none of it there. */
static void put_own(struct http_writer *w, const struct response *r)
{
    const struct http_response_plan *plan = r->plan;

    /* RFC 9110 6.6.1: who passes on a message without Date, and has a clock, must add it. */
    if (!http_has(r->head, HTTP_NAME_DATE) && plan->date != NULL)
        http_edits_put(&r->edits, w, http_name_text(HTTP_NAME_DATE), slice_of(plan->date));
    if (plan->is_tls && plan->hsts_s > 0 && !http_edits_overrule(&r->edits, http_name_text(HTTP_NAME_HSTS)))
        http_put_number_line(w, "Strict-Transport-Security: max-age=", plan->hsts_s);
    http_edits_put_set(&r->edits, w);
}

void http_write_response(struct http_writer *w, const struct http_head *head, const struct http_framing *framing,
                         const struct http_response_plan *plan)
{
    struct response r = {.head = head, .framing = framing, .plan = plan};

    r.is_final = head->status >= 200;
    r.loses_chunks = plan->minor == 0 && framing->kind == HTTP_BODY_CHUNKED;
    r.edits.set = plan->set;
    r.edits.set_count = plan->set_count;
    r.edits.remove = plan->remove;
    r.edits.remove_count = plan->remove_count;
    if (!http_edits_init(&r.edits, head)) {
        w->is_full = true;
        return;
    }
    put_line(w, head);
    put_fields(w, &r);
    put_connection(w, &r);
    if (r.is_final)
        put_own(w, &r);
    http_put_text(w, "\r\n");
}
