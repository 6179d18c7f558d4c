/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the conversation's state, its time and its end. On the session's thread. The steps are in request.c, back.c, response.c
 * and answer.c; the order in which they follow each other is in run().
 */
#include "proxy/web/conversation.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/session/door.h"
#include "proxy/session/tally.h"
#include "proxy/web/access.h"
#include "proxy/web/answer.h"
#include "proxy/web/back.h"
#include "proxy/web/request.h"
#include "proxy/web/response.h"
#include "proxy/web/rest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* How many steps a conversation may take in one turn. */
#define TURN_STEPS 32

/* How long and how much a client may still send before it must have read our last answer. */
#define LINGER_MS    10000
#define LINGER_BYTES ((size_t)256 * 1024 * 1024)

static const char *const state_names[] = {
#define X(constant, name) name,
    CONVERSATION_STATES(X)
#undef X
};

void conversation_set_state(struct conversation *c, enum conversation_state state)
{
    struct log_line l;

    assert(c->state != CONVERSATION_OVER || state == CONVERSATION_OVER);
    if (log_is_debug() && log_begin(&l, LOG_LEVEL_DEBUG, "web_step")) {
        log_text(&l, "id", c->x.id);
        log_text(&l, "from", state_names[c->state]);
        log_text(&l, "to", state_names[state]);
        log_end(&l);
    }
    c->state = state;
}

/* -- the end of exchange and conversation --------------------------------------------------------------------------------------
 */

static void count_request(const struct exchange *x)
{
    unsigned class = x->status / 100;

    tally_mine.requests[class < TALLY_CLASSES ? class : 0]++;
    if (x->status != 0)
        tally_time(&tally_mine.first_byte_time, x->first_ms);
}

static void log_exchange(struct conversation *c, enum reason why)
{
    if (!c->x.is_open)
        return;
    if (c->x.why == REASON_NONE)
        c->x.why = why;
    access_log(c);
    count_request(&c->x);
    exchange_close(&c->x);
}

static void let_go(struct conversation *c)
{
    c->s->up.bytes = c->up.bytes;
    c->s->down.bytes = c->down.bytes;
    flow_fini(&c->up);
    flow_fini(&c->down);
    free(c->certificate);
    c->certificate = NULL;
    free(c->rest);
    c->rest = NULL;
}

void conversation_break(struct conversation *c, enum session_end at, enum reason why)
{
    why = session_side_reason(why, at != SESSION_AT_BACK);
    log_exchange(c, why);
    conversation_set_state(c, CONVERSATION_OVER);
    let_go(c);
    if (c->s->why == REASON_NONE)
        c->s->at = at;
    session_close(c->s, why);
}

/* The last answer is sent: closes in a way that lets the client read it. */
static void end_softly(struct conversation *c, enum reason why)
{
    conversation_set_state(c, CONVERSATION_OVER);
    let_go(c);
    session_linger(c->s, SESSION_AT_RELAY, why, LINGER_MS, LINGER_BYTES);
}

static void await_request(struct conversation *c)
{
    const struct cfg_timeouts *t = &c->rules->cfg->timeouts;

    conversation_set_state(c, CONVERSATION_HEAD);
    flow_reset(&c->up);
    flow_reset(&c->down);
    c->has_begun = c->is_up_over = c->is_up_lost = false;
    c->down_before = c->down.bytes;
    if (c->pinned == NULL)
        c->endpoint = NULL;
    conversation_set_time(c, (uint64_t)(c->requests == 0 ? t->head_s : t->keep_alive_s) * 1000);
}

bool conversation_finish(struct conversation *c)
{
    enum reason why = c->x.why == REASON_NONE ? REASON_SERVED : c->x.why;

    back_let_go(c);
    if (!c->is_up_over && c->x.has_response)
        c->closes = true; /* answered before it was read: what is left of it must not be taken for a request */
    log_exchange(c, why);
    if (c->closes || c->s->worker->is_draining) {
        end_softly(c, why);
        return false;
    }
    await_request(c);
    return true;
}

/* -- EXCHANGE ------------------------------------------------------------------------------------------------------------------
 */

void conversation_attach(struct conversation *c, const struct cfg_endpoint *endpoint)
{
    c->endpoint = endpoint;
    c->up.to = c->s->back;
    c->down.from = c->s->back;
    c->down.has_ended = false;
    flow_wet(&c->down);
    chunk_put(&c->down.loop->chunks, &c->down.in);
    c->down.ready = 0;
    c->scan = (struct http_scan){0};
    c->moved_ms = loop_now_ms(&c->s->worker->loop);
    c->rate_bytes = 0;
    c->back_is_ready = false;
    conversation_set_state(c, CONVERSATION_EXCHANGE);
    conversation_set_time(c, (uint64_t)c->rules->cfg->timeouts.body_s * 1000);
}

/* The whole request has gone: now the server's time runs. */
static void end_up(struct conversation *c)
{
    c->is_up_over = true;
    conversation_set_time(c, c->x.has_response ? 0 : (uint64_t)c->rules->cfg->timeouts.response_s * 1000);
}

/* A fault within the request's body: answered if the response has not begun yet. The server's connection is broken off. */
static void refuse_body(struct conversation *c, enum http_fault fault)
{
    if (c->x.has_response) {
        c->x.fault = fault;
        conversation_break(c, SESSION_AT_FRONT, REASON_BAD_REQUEST);
        return;
    }
    answer_fault(c, fault);
}

/* Moves the request on. False if the state has changed. */
static bool move_up(struct conversation *c)
{
    uint64_t before = c->up.body.bytes;
    enum flow_result result = flow_run(&c->up, CHUNK_TURN);

    if (c->up.body.bytes != before)
        c->moved_ms = loop_now_ms(&c->s->worker->loop);
    switch (result) {
    case FLOW_BLOCKED:
        return true;
    case FLOW_MORE:
        loop_call_again(&c->s->worker->loop, &c->s->again);
        return true;
    case FLOW_OVER:
        end_up(c);
        return true;
    case FLOW_TO_BROKEN: /* perhaps it has answered before it closed */
        c->is_up_lost = true;
        c->back_is_ready = true;
        flow_wet(&c->down);
        return true;
    case FLOW_FAULT:
        refuse_body(c, c->up.fault);
        return false;
    case FLOW_CUT:
        c->x.fault = HTTP_FAULT_BODY_CUT;
        conversation_break(c, SESSION_AT_FRONT, REASON_REQUEST_CUT);
        return false;
    default:
        conversation_break(c, SESSION_AT_FRONT, c->up.why);
        return false;
    }
}

/*
 * While the response is awaited, the front is read only to notice its end. A client over TLS that says close_notify has gone:
 * none half-closes. One without TLS may half-close and still read.
 */
static bool watch_front(struct conversation *c)
{
    ssize_t n;

    if (!c->front_is_ready || flow_length(&c->up) > 0 || c->up.has_ended)
        return true;
    c->front_is_ready = false;
    n = flow_fill(&c->up);
    if (n == STREAM_FAILED || (n == STREAM_END && c->is_tls)) {
        conversation_break(c, SESSION_AT_FRONT, n == STREAM_END ? REASON_FRONT_EOF : c->up.why);
        return false;
    }
    if (n == STREAM_END) /* it may as well have gone, and a server that falls silent would never let us find out */
        c->s->has_ended = c->s->front_ended_first = true;
    return true;
}

static void upgrade(struct conversation *c)
{
    struct session *s = c->s;
    struct chunk *up = flow_take_rest(&c->up), *down = flow_take_rest(&c->down);

    log_exchange(c, REASON_SERVED);
    conversation_set_state(c, CONVERSATION_OVER);
    let_go(c);
    s->idle_s = (int)c->rules->cfg->timeouts.upgraded_s;
    session_upgrade(s, up, down);
}

/* Moves the response's body on. False if the state has changed. */
static bool move_down(struct conversation *c)
{
    switch (flow_run(&c->down, CHUNK_TURN)) {
    case FLOW_BLOCKED:
        return false;
    case FLOW_MORE:
        loop_call_again(&c->s->worker->loop, &c->s->again);
        return false;
    case FLOW_OVER:
        if (c->x.status != 101)
            return conversation_finish(c);
        if (c->is_up_over)
            upgrade(c);
        else
            conversation_break(c, SESSION_AT_BACK, REASON_BAD_RESPONSE);
        return false;
    case FLOW_CUT:
        conversation_break(c, SESSION_AT_BACK, REASON_RESPONSE_CUT);
        return false;
    case FLOW_FAULT:
        c->x.fault = c->down.fault;
        conversation_break(c, SESSION_AT_BACK, REASON_BAD_RESPONSE);
        return false;
    case FLOW_FROM_BROKEN:
        conversation_break(c, SESSION_AT_BACK, c->down.why);
        return false;
    default:
        conversation_break(c, SESSION_AT_FRONT, c->down.why);
        return false;
    }
}

/* An interim response is sent before the final one is read. */
static bool send_interim(struct conversation *c)
{
    switch (flow_flush(&c->down)) {
    case FLOW_OVER:
        return true;
    case FLOW_BLOCKED:
        return false;
    default:
        conversation_break(c, SESSION_AT_FRONT, c->down.why);
        return false;
    }
}

/* True if the exchange is over and there may be another request. */
static bool exchange(struct conversation *c)
{
    if (!c->is_up_over && !c->is_up_lost) {
        if (!move_up(c))
            return c->state == CONVERSATION_ANSWER;
    } else if (!watch_front(c)) {
        return false;
    }
    while (!c->x.has_response) {
        if (!send_interim(c) || (!c->back_is_ready && flow_length(&c->down) == 0))
            return false;
        c->back_is_ready = false;
        if (!response_read(c))
            return c->state != CONVERSATION_EXCHANGE && c->state != CONVERSATION_OVER && c->s->state == SESSION_SERVE;
        c->back_is_ready = true;
    }
    return move_down(c);
}

/* -- the serve ops -------------------------------------------------------------------------------------------------------------
 */

/*
 * Sends what TLS streams hold: a flow that has nothing to pass on does not. A back that breaks is left to the next read, which
 * finds out what that means. False if the conversation has ended.
 */
static bool flush_streams(struct conversation *c, unsigned front_ready, unsigned back_ready)
{
    struct session *s = c->s;

    if ((back_ready & STREAM_WRITE) && s->back != NULL && stream_flush(s->back) == STREAM_STEP_FAILED) {
        c->back_is_ready = true;
        flow_wet(&c->down);
    }
    if (!(front_ready & STREAM_WRITE) || stream_flush(s->front) != STREAM_STEP_FAILED)
        return true;
    conversation_break(c, SESSION_AT_FRONT, s->front->why);
    return false;
}

/* The session's conversation, out of its rest if need be. NULL without memory: then the session has ended. */
static struct conversation *at_work(struct session *s)
{
    struct conversation *c = conversation_is_resting(s) ? conversation_wake(s) : conversation_of(s);

    if (c == NULL)
        session_close(s, REASON_NO_MEMORY);
    return c;
}

/* A dial may succeed at once and call this again from within; whoever is called by it may not find the conversation gone. */
static void run(struct session *s, unsigned front_ready, unsigned back_ready)
{
    struct conversation *c = at_work(s);
    uint64_t up, down;

    if (c == NULL)
        return;
    c->runs++;
    up = c->up.bytes;
    down = c->down.bytes;
    if (!flush_streams(c, front_ready, back_ready))
        return;
    if (front_ready & STREAM_READ) {
        c->front_is_ready = true;
        flow_wet(&c->up);
    }
    if (back_ready & STREAM_READ) {
        c->back_is_ready = true;
        flow_wet(&c->down);
    }
    if (c->state == CONVERSATION_HEAD && c->back_is_ready)
        back_check_pinned(c);
    for (unsigned step = 0; s->state == SESSION_SERVE; step++) {
        bool goes_on = false;

        if (step == TURN_STEPS) {
            loop_call_again(&s->worker->loop, &s->again);
            break;
        }
        if (c->state == CONVERSATION_HEAD)
            goes_on = request_read(c);
        else if (c->state == CONVERSATION_EXCHANGE)
            goes_on = exchange(c);
        else if (c->state == CONVERSATION_ANSWER)
            goes_on = answer_send(c);
        if (!goes_on)
            break;
    }
    if (s->state >= SESSION_RELAY)
        return; /* c is not ours any more */
    if (c->up.bytes != up)
        session_note_moved(s, true);
    if (c->down.bytes != down)
        session_note_moved(s, false);
    if (--c->runs == 0)
        conversation_rest(c);
}

static unsigned front_interest(const struct session *s)
{
    const struct conversation *c = conversation_of(s);

    if (conversation_is_resting(s))
        return STREAM_READ;
    switch (c->state) {
    case CONVERSATION_HEAD:
        return STREAM_READ;
    case CONVERSATION_EXCHANGE:
        if (!c->is_up_over)
            return (c->is_up_lost ? 0 : flow_from_interest(&c->up)) | flow_to_interest(&c->down);
        return (flow_length(&c->up) == 0 && !c->up.has_ended ? STREAM_READ : 0) | flow_to_interest(&c->down);
    case CONVERSATION_ANSWER:
        return flow_to_interest(&c->down);
    default:
        return 0;
    }
}

static unsigned back_interest(const struct session *s)
{
    const struct conversation *c = conversation_of(s);
    unsigned up = c->is_up_lost ? 0 : flow_to_interest(&c->up);

    if (c->state == CONVERSATION_HEAD)
        return STREAM_READ; /* a pinned connection */
    if (c->state != CONVERSATION_EXCHANGE)
        return 0;
    if (!c->x.has_response)
        return up | (flow_to_interest(&c->down) ? 0 : STREAM_READ);
    return up | flow_from_interest(&c->down);
}

/* The request's body comes too slowly or not at all, or the server does not take it. */
static void body_is_late(struct conversation *c)
{
    const struct cfg *cfg = c->rules->cfg;
    uint64_t response_ms = (uint64_t)cfg->timeouts.response_s * 1000;
    uint64_t body_ms = (uint64_t)cfg->timeouts.body_s * 1000, quiet_ms = clock_ms() - c->moved_ms;
    uint64_t came = c->up.body.bytes - c->rate_bytes;
    bool is_waiting_for_client = flow_to_interest(&c->up) == 0;

    if (is_waiting_for_client &&
        (quiet_ms >= body_ms || came < (uint64_t)cfg->limits.body_rate * (uint64_t)cfg->timeouts.body_s)) {
        if (c->x.has_response)
            conversation_break(c, SESSION_AT_FRONT, REASON_REQUEST_TIMEOUT);
        else
            answer_reason(c, REASON_REQUEST_TIMEOUT);
        return;
    }
    if (!is_waiting_for_client && !c->x.has_response && response_ms > 0 && quiet_ms >= response_ms) {
        answer_reason(c, REASON_RESPONSE_TIMEOUT); /* else it would never end: its time would begin with the body's end */
        return;
    }
    c->rate_bytes = c->up.body.bytes;
    conversation_set_time(c, quiet_ms < body_ms && cfg->limits.body_rate == 0 ? body_ms - quiet_ms : body_ms);
}

static void late(struct session *s)
{
    struct conversation *c = at_work(s);

    if (c == NULL)
        return;
    if (c->state == CONVERSATION_HEAD && request_is_blank(c)) {
        end_softly(c, REASON_IDLE_TIMEOUT); /* a connection without a request is closed without an answer */
    } else if (c->state == CONVERSATION_HEAD) {
        exchange_open_blind(&c->x);
        answer_reason(c, REASON_REQUEST_TIMEOUT);
        run(s, 0, 0);
    } else if (c->state == CONVERSATION_ANSWER) {
        conversation_break(c, SESSION_AT_FRONT, REASON_IDLE_TIMEOUT);
    } else if (!c->is_up_over && !c->is_up_lost) {
        body_is_late(c);
        run(s, 0, 0);
    } else if (!c->x.has_response) {
        answer_reason(c, REASON_RESPONSE_TIMEOUT);
        run(s, 0, 0);
    }
}

void conversation_set_time(struct conversation *c, uint64_t ms)
{
    if (ms > 0)
        session_set_deadline(c->s, ms);
    else
        session_rest_deadline(c->s);
}

/* No server, or this client may not be served at all; the session is in SERVE. */
static void refused(struct session *s, enum reason why)
{
    struct conversation *c = conversation_of(s);

    if (c->x.is_open) {
        answer_reason(c, why);
        /* Not run() here: a dial may fail within run(), and thousands of pipelined requests would each go one call deeper. */
        loop_call_again(&s->worker->loop, &s->again);
        return;
    }
    c->turned_away = why; /* its first request will be told */
}

static void back_lost(struct session *s, enum reason why)
{
    struct conversation *c = conversation_of(s);

    if (c->state != CONVERSATION_EXCHANGE)
        return;
    if (c->x.has_response)
        conversation_break(c, SESSION_AT_BACK, why);
    else
        back_failed(c, why);
    if (s->state == SESSION_SERVE)
        run(s, 0, 0);
}

static void drain(struct session *s)
{
    struct conversation *c = at_work(s);

    if (c == NULL)
        return;
    c->closes = true;
    if (c->state == CONVERSATION_HEAD && request_is_blank(c))
        end_softly(c, REASON_SHUTDOWN);
}

static void ended(struct session *s)
{
    struct conversation *c = conversation_of(s);

    if (c != NULL && conversation_is_resting(s)) {
        conversation_end_rest(s);
        return;
    }
    if (c == NULL || c->state == CONVERSATION_OVER)
        return; /* never begun, or let go of everything before */
    log_exchange(c, s->why);
    conversation_set_state(c, CONVERSATION_OVER);
    let_go(c);
}

/* -- the front ops -------------------------------------------------------------------------------------------------------------
 */

static void begin(struct session *s, bool is_redirect)
{
    struct conversation *c = conversation_new(s, door_of(s)->rules);

    if (c == NULL) {
        session_close(s, REASON_NO_MEMORY);
        return;
    }
    s->scratch = c;
    s->kind = SESSION_WEB;
    s->ask.name = s->ask.web->name;
    s->ask.client = s->front->peer;
    c->is_tls = door_tls(door_of(s)) != NULL;
    c->is_redirect = is_redirect;
    session_serve(s);
    (void)door_admit_client(s);
    await_request(c); /* also of a client that is turned away: its first request will be told */
    run(s, STREAM_READ, 0);
}

static void greeted(struct session *s)
{
    begin(s, false);
}

static void redirect_greeted(struct session *s)
{
    begin(s, true);
}

static const struct session_serve serve = {
    .front_interest = front_interest,
    .back_interest = back_interest,
    .run = run,
    .late = late,
    .refused = refused,
    .back_lost = back_lost,
    .drain = drain,
    .ended = ended,
};

const struct session_front conversation_front = {.name = "web", .serve = &serve, .greeted = greeted};
const struct session_front conversation_redirect_front = {.name = "redirect", .serve = &serve, .greeted = redirect_greeted};
