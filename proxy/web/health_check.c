/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns one check of one server from its dial to the verdict. On the main loop. The answer is taken apart by the same code as
 * those that clients get (proxy/http), so a server whose answers would be refused is not well.
 */
#include "proxy/web/health_check.h"

#include "proxy/http/writer.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/session/reach.h"
#include "proxy/session/session.h"
#include "tls/stream.h"

#include <assert.h>
#include <string.h>

/* 1xx responses before the final one. */
#define INTERIMS_MAX 16

/* -- verdicts ------------------------------------------------------------------------------------------------------------------
 */

static enum stream_step bad(struct health_check *c, const char *why)
{
    c->verdict.why = why;
    return STREAM_STEP_FAILED;
}

static enum stream_step broken(struct health_check *c, enum reason why)
{
    return bad(c, reason_name(session_side_reason(why, false)));
}

static enum stream_step faulty(struct health_check *c, enum http_fault fault)
{
    c->verdict.fault = fault;
    return broken(c, REASON_BAD_RESPONSE);
}

static enum stream_step good(struct health_check *c)
{
    c->verdict.is_good = true;
    c->verdict.why = reason_name(REASON_SERVED);
    return STREAM_STEP_DONE;
}

/* -- asking --------------------------------------------------------------------------------------------------------------------
 */

static const char *host_text(const struct health_check *c)
{
    const struct cfg_upstream *upstream = c->upstream->cfg;

    if (upstream->health.host != NULL)
        return upstream->health.host;
    if (upstream->host != NULL)
        return upstream->host;
    return c->host->endpoint->agent != NULL ? c->host->endpoint->host : c->host->endpoint->text;
}

/* False without memory, or if path and host are larger than a chunk, which no server would take. */
static bool write_request(struct health_check *c)
{
    struct http_writer w;
    size_t room;
    char *bytes = flow_room(&c->flow, &room);

    if (bytes == NULL)
        return false;
    http_writer_init(&w, bytes, room);
    http_put_text(&w, "GET ");
    http_put_text(&w, c->upstream->cfg->health.path);
    http_put_text(&w, " HTTP/1.1\r\n");
    http_put_field(&w, slice_of("Host"), slice_of(host_text(c)));
    http_put_text(&w, "User-Agent: georelay/" GEORELAY_VERSION "\r\nConnection: close\r\n\r\n");
    if (!w.is_full)
        flow_wrote(&c->flow, w.length);
    return !w.is_full;
}

static enum stream_step ask(struct health_check *c)
{
    if (c->flow.out == NULL && c->flow.bytes == 0 && !write_request(c))
        return broken(c, REASON_NO_MEMORY);
    switch (flow_flush(&c->flow)) {
    case FLOW_OVER:
        return STREAM_STEP_DONE;
    case FLOW_BLOCKED:
        return STREAM_STEP_AGAIN;
    default:
        return broken(c, c->flow.why);
    }
}

/* -- the answer ----------------------------------------------------------------------------------------------------------------
 */

static bool is_good_status(const struct cfg_statuses *wanted, unsigned status)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (status >= wanted->list[i].first && status <= wanted->list[i].last)
            return true;
    return false;
}

/* One head at the front of what was read is taken off. An upgrade was not asked for, so 101 is a fault. */
static enum http_fault take_head(struct health_check *c, unsigned *ret_status, struct http_framing *ret_framing)
{
    struct http_head head;
    enum http_fault fault = http_parse_response(flow_bytes(&c->flow), c->scan.done, c->limits, &head);

    if (fault == HTTP_FAULT_NONE)
        fault = http_response_framing(&head, false, false, ret_framing);
    if (fault != HTTP_FAULT_NONE)
        return fault;
    *ret_status = head.status;
    flow_drop(&c->flow, c->scan.done);
    c->scan = (struct http_scan){0};
    return HTTP_FAULT_NONE;
}

/* DONE: the final head is read, and its status is a good one. */
static enum stream_step look_at_heads(struct health_check *c)
{
    struct http_framing framing;
    enum http_fault fault = HTTP_FAULT_NONE;
    unsigned status = 0;

    while (flow_length(&c->flow) > 0) {
        enum http_scan_result found =
            http_scan_response(&c->scan, flow_bytes(&c->flow), flow_length(&c->flow), c->limits, &fault);

        if (found == HTTP_SCAN_MORE)
            return STREAM_STEP_AGAIN;
        if (found == HTTP_SCAN_WHOLE)
            fault = take_head(c, &status, &framing);
        if (fault != HTTP_FAULT_NONE)
            return faulty(c, fault);
        if (status < 200) { /* RFC 9110 15.2: any number may come before the final one; no server needs many */
            if (++c->interims > INTERIMS_MAX)
                return faulty(c, HTTP_FAULT_BAD_STATUS);
            continue;
        }
        c->verdict.status = status;
        flow_start_body(&c->flow, &framing, true);
        return is_good_status(&c->upstream->cfg->health.status, status) ? STREAM_STEP_DONE
                                                                        : bad(c, reason_name(REASON_STATUS_NOT_GOOD));
    }
    return STREAM_STEP_AGAIN;
}

/* Only what is new is searched, and as much before it as the text may begin in. */
static bool has_text(const struct flow *f, const char *text, size_t searched)
{
    size_t length = strlen(text), from = searched >= length ? searched - (length - 1) : 0;
    size_t to = f->ready < HEALTH_BODY_BYTES ? f->ready : HEALTH_BODY_BYTES;

    if (f->in == NULL || from >= to)
        return false;
    return memmem(f->in->bytes + f->in->start + from, to - from, text, length) != NULL;
}

/* Nobody takes the body: what is ready stays where it is until the text is found or HEALTH_BODY_BYTES are there. A chunk has room
 * for that and a read besides. */
static enum stream_step look_at_body(struct health_check *c)
{
    struct flow *f = &c->flow;
    size_t length = flow_length(f), before = length, ready = 0, searched = f->ready;

    if (c->upstream->cfg->health.text == NULL)
        return good(c);
    if (length > 0 && f->body.state != HTTP_BODY_OVER) {
        enum http_fault fault = http_body_run(&f->body, flow_bytes(f), &length, &ready);

        if (fault != HTTP_FAULT_NONE)
            return faulty(c, fault);
        f->in->end -= before - length;
        f->ready += ready;
    }
    if (has_text(f, c->upstream->cfg->health.text, searched))
        return good(c);
    if (f->body.state == HTTP_BODY_OVER || f->ready >= HEALTH_BODY_BYTES)
        return bad(c, reason_name(REASON_TEXT_MISSING));
    return STREAM_STEP_AGAIN;
}

static enum stream_step look(struct health_check *c)
{
    if (c->verdict.status == 0) {
        enum stream_step step = look_at_heads(c);

        if (step != STREAM_STEP_DONE)
            return step;
    }
    return look_at_body(c);
}

static enum stream_step take_end(struct health_check *c)
{
    if (c->verdict.status == 0 || !http_body_end(&c->flow.body))
        return broken(c, REASON_RESPONSE_CUT);
    return bad(c, reason_name(REASON_TEXT_MISSING));
}

/* One read a turn, so that a server that never stops does not hold the main loop. */
static enum stream_step listen_to(struct health_check *c)
{
    enum stream_step step = STREAM_STEP_AGAIN;
    ssize_t n;

    if (stream_flush(c->stream) == STREAM_STEP_FAILED)
        return broken(c, c->stream->why);
    n = flow_fill(&c->flow);
    if (n == STREAM_FAILED)
        return broken(c, c->flow.why);
    if (n == STREAM_END)
        return take_end(c);
    if (n > 0)
        step = look(c);
    if (n > 0 && step == STREAM_STEP_AGAIN && stream_has_pending(c->stream))
        loop_call_again(c->loop, &c->again);
    return step;
}

/* -- from start to verdict -----------------------------------------------------------------------------------------------------
 */

static void close_stream(struct health_check *c)
{
    reach_forget(c->reaching);
    c->reaching = NULL;
    if (c->stream == NULL)
        return;
    watch_set(&c->watch, c->stream->fd, 0);
    loop_forget_again(c->loop, &c->again);
    flow_fini(&c->flow);
    stream_close(c->stream, c->verdict.status != 0 ? STREAM_CLOSE_ORDERLY : STREAM_CLOSE_RESET);
    c->stream = NULL;
}

static void judge(struct health_check *c)
{
    struct health_verdict verdict = c->verdict;

    close_stream(c);
    deadline_clear(&c->deadline);
    c->step = HEALTH_JUDGED;
    c->done(c->arg, &verdict);
}

static enum stream_step do_step(struct health_check *c)
{
    enum stream_step step;

    switch (c->step) {
    case HEALTH_GREET:
        step = stream_greet(c->stream);
        return step == STREAM_STEP_FAILED ? broken(c, c->stream->why) : step;
    case HEALTH_ASK:
        return ask(c);
    default:
        return listen_to(c);
    }
}

static void run(struct health_check *c)
{
    enum stream_step step;

    while ((step = do_step(c)) == STREAM_STEP_DONE && c->step < HEALTH_LISTEN)
        c->step++;
    if (step == STREAM_STEP_AGAIN)
        watch_set(&c->watch, c->stream->fd, stream_wants(c->stream, c->step == HEALTH_ASK ? STREAM_WRITE : STREAM_READ));
    else
        judge(c);
}

static void ready(void *arg, unsigned what)
{
    struct health_check *c = arg;

    if (what & STREAM_READ)
        flow_wet(&c->flow);
    run(c);
}

static void called_again(struct again *a)
{
    run((struct health_check *)((char *)a - offsetof(struct health_check, again)));
}

static void too_late(void *arg)
{
    struct health_check *c = arg;

    if (c->step != HEALTH_GREET)
        broken(c, REASON_RESPONSE_TIMEOUT);
    else
        broken(c, c->stream != NULL && address_is_set(&c->stream->local) ? REASON_HANDSHAKE_TIMEOUT : REASON_DIAL_TIMEOUT);
    judge(c);
}

static void begin(struct health_check *c, struct stream *stream, enum reason why)
{
    c->stream = stream;
    if (stream == NULL) {
        broken(c, why);
        judge(c);
        return;
    }
    flow_init(&c->flow, c->loop, stream, stream);
    run(c);
}

static void reached(void *arg, struct stream *stream, enum reason why)
{
    struct health_check *c = arg;

    c->reaching = NULL;
    begin(c, stream, why);
}

static void ask_agent(struct health_check *c)
{
    struct reach_for what = {.endpoint = c->host->endpoint, .behind = "", .stream_id = reach_draw_id(1)};

    c->reaching = reach_start(c->loop, &what, reached, c);
    if (c->reaching == NULL)
        begin(c, NULL, REASON_NO_MEMORY);
}

static struct stream *dial(struct health_check *c, enum reason *ret_why)
{
    const struct cfg_upstream *upstream = c->upstream->cfg;
    const struct cfg_endpoint *endpoint = c->host->endpoint;
    const struct address *to = &c->host->addresses.list[0];
    struct stream *stream;
    int fd;

    *ret_why = REASON_NAME_UNRESOLVED;
    if (c->host->addresses.count == 0)
        return NULL;
    fd = socket_dial(to, NULL, (struct port_range){0, 0}, ret_why);
    if (fd < 0)
        return NULL;
    *ret_why = REASON_NO_MEMORY;
    stream = tcp_stream_connect(fd, to, ACCOUNT_HEALTH, &c->loop->chunks);
    if (stream == NULL || web_upstream_tls(c->upstream) == NULL)
        return stream;
    return tls_stream_connect_upstream(web_upstream_tls(c->upstream), stream, endpoint->host,
                                       (unsigned)(endpoint - upstream->servers));
}

void health_check_init(struct health_check *c, struct loop *loop, const struct http_limits *limits,
                       const struct web_upstream *upstream, struct known_host *host, health_check_fn *done, void *arg)
{
    c->loop = loop;
    c->limits = limits;
    c->upstream = upstream;
    c->host = host;
    c->done = done;
    c->arg = arg;
    c->step = HEALTH_JUDGED;
    c->again.call = called_again;
    watch_init(&c->watch, loop, ready, c);
    deadline_init(&c->deadline, loop, too_late, c);
}

void health_check_start(struct health_check *c)
{
    struct stream *stream;
    enum reason why;

    assert(c->stream == NULL && c->reaching == NULL);
    c->step = HEALTH_GREET;
    c->interims = 0;
    c->scan = (struct http_scan){0};
    c->verdict = (struct health_verdict){0};
    deadline_set(&c->deadline, (uint64_t)c->upstream->cfg->health.timeout_s * 1000);
    if (c->host->endpoint->agent != NULL) {
        ask_agent(c);
        return;
    }
    stream = dial(c, &why);
    begin(c, stream, why);
}

void health_check_stop(struct health_check *c)
{
    if (c->loop == NULL)
        return;
    close_stream(c);
    deadline_clear(&c->deadline);
}
