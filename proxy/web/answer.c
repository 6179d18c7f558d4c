/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which status an own answer has and whether the connection outlives it. On the session's thread. */
#include "proxy/web/answer.h"

#include "proxy/base/clock.h"
#include "proxy/http/date.h"

#include <time.h>

/* What a client may wait before it asks a server again that could not be reached. */
#define RETRY_AFTER_S 5

#define HTTPS_PORT 443

/* Room for the methods of an Allow field; a list that does not fit is left empty. */
#define ALLOW_BYTES 1024

static unsigned status_of(const struct conversation *c, enum reason why)
{
    switch (why) {
    case REASON_BAD_REQUEST:
        return http_fault_status(c->x.fault);
    case REASON_REQUEST_TIMEOUT:
        return 408;
    case REASON_PATH_NOT_ALLOWED:
    case REASON_ROUTE_DENIED:
        return 403;
    case REASON_METHOD_NOT_ALLOWED:
        return 405;
    case REASON_NO_UPSTREAM:
        return 404;
    case REASON_LIMIT_CLIENT:
        return 429;
    case REASON_RESPONSE_TIMEOUT:
        return 504;
    case REASON_DIAL_REFUSED:
    case REASON_DIAL_TIMEOUT:
    case REASON_DIAL_UNREACHABLE:
    case REASON_DIAL_NO_SOURCE:
    case REASON_DIAL_FAILED:
    case REASON_NAME_UNRESOLVED:
    case REASON_NODE_DOWN:
    case REASON_AGENT_DOWN:
    case REASON_NO_SPARE:
    case REASON_NO_FILES:
    case REASON_NO_MEMORY:
        return 503;
    default:
        return 502;
    }
}

const char *answer_date(void)
{
    static _Thread_local char text[HTTP_DATE];
    static _Thread_local time_t then;
    time_t now = time(NULL);

    if (now != then)
        http_format_date(now, text);
    then = now;
    return text;
}

/* A response of the server's that was written but not yet sent makes room; one that was begun can only be broken off. */
static bool make_room(struct conversation *c)
{
    if (c->down.out_sent > 0 || (c->x.has_response && c->down.bytes > c->down_before))
        return false;
    flow_reset(&c->down);
    chunk_put(&c->down.loop->chunks, &c->down.in);
    return true;
}

/* A request that was not read to its end can't be followed by another. */
static bool must_close(const struct conversation *c, unsigned status)
{
    bool is_read = c->x.text != NULL && (c->x.request.kind == HTTP_BODY_NONE || c->is_up_over);

    return !is_read || status == 400 || status == 408 || c->turned_away != REASON_NONE || conversation_takes_leave(c);
}

static void write_page(struct conversation *c, struct http_page *page)
{
    struct http_writer w;
    size_t room;
    char *bytes;

    session_close_back(c->s, STREAM_CLOSE_RESET);
    if (!make_room(c) || (bytes = flow_room(&c->down, &room)) == NULL) {
        conversation_break(c, SESSION_AT_RELAY, c->x.why);
        return;
    }
    c->closes |= must_close(c, page->status);
    page->form = http_page_form_for(&c->x.hints);
    page->id = slice_of(c->x.id);
    page->is_head = c->x.is_head;
    page->closes = c->closes;
    page->hsts_s = c->is_tls ? (uint64_t)c->rules->web->hsts_s : 0;
    page->date = answer_date();
    http_writer_init(&w, bytes, room);
    http_write_page(&w, page);
    if (w.is_full) {
        conversation_break(c, SESSION_AT_RELAY, REASON_NO_MEMORY);
        return;
    }
    flow_wrote(&c->down, w.length);
    c->x.status = page->status;
    c->x.is_own = true;
    c->x.first_ms = clock_ms() - c->x.started_ms;
    conversation_set_state(c, CONVERSATION_ANSWER);
    conversation_set_time(c, (uint64_t)c->rules->cfg->timeouts.body_s * 1000);
}

void answer_fault(struct conversation *c, enum http_fault fault)
{
    c->x.fault = fault;
    answer_reason(c, REASON_BAD_REQUEST);
}

void answer_reason(struct conversation *c, enum reason why)
{
    struct http_page page = {.status = status_of(c, why)};
    char methods[ALLOW_BYTES];
    struct http_writer w;

    c->x.why = why;
    if (page.status == 405) {
        http_writer_init(&w, methods, sizeof(methods));
        web_rules_methods(c->rules, c->x.path, &w);
        page.allow = (struct slice){methods, w.is_full ? 0 : w.length};
    }
    if (why == REASON_BAD_REQUEST)
        page.sentence = http_fault_sentence(c->x.fault);
    if (page.status == 503 || page.status == 429)
        page.retry_after_s = RETRY_AFTER_S;
    write_page(c, &page);
}

static unsigned https_port(const struct cfg_web *web)
{
    return web->listen_count > 0 ? address_port(&web->listen[0].address) : HTTPS_PORT;
}

void answer_redirect(struct conversation *c, struct slice host, struct slice origin)
{
    struct http_page page = {.status = 308};
    unsigned port = https_port(c->rules->web);
    char room[70000];
    struct http_writer w;

    c->x.why = REASON_REDIRECTED;
    http_writer_init(&w, room, sizeof(room));
    http_put_text(&w, "https://");
    http_put(&w, host);
    if (port != HTTPS_PORT && port != 0) {
        http_put_text(&w, ":");
        http_put_number(&w, port);
    }
    if (origin.length > 0 && origin.at[0] == '/')
        http_put(&w, origin);
    page.location = (struct slice){room, w.length};
    if (w.is_full)
        answer_fault(c, HTTP_FAULT_TARGET_TOO_LONG);
    else
        write_page(c, &page);
}

bool answer_send(struct conversation *c)
{
    switch (flow_run(&c->down, 1)) {
    case FLOW_OVER:
        return conversation_finish(c);
    case FLOW_TO_BROKEN:
        conversation_break(c, SESSION_AT_FRONT, c->down.why);
        return false;
    default:
        return false;
    }
}
