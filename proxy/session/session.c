/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the state machine of one relayed connection. On the session's worker. The states and their order are in session.h; who
 * ends a session and how the two sockets are closed then is decided in close_front() and close_back() alone.
 */
#include "proxy/session/session.h"

#include "proxy/base/clock.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"
#include "proxy/session/dial.h"
#include "proxy/session/session_audit.h"
#include "proxy/session/session_log.h"
#include "proxy/session/session_parts.h"
#include "proxy/session/tally.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
#define X(constant, name) name,
    SESSION_STATES(X)
#undef X
};

const char *session_state_name(enum session_state state)
{
    return state_names[state];
}

/* DIAL follows EARLY when a retained request goes to another channel, and each message in SERVE may need a DIAL; every other step
 * goes forward. */
static bool step_is_allowed(enum session_state from, enum session_state to)
{
    if (from == SESSION_EARLY && to == SESSION_DIAL)
        return true;
    if (from == SESSION_DIAL && to == SESSION_SERVE)
        return true;
    if (to == SESSION_LINGER)
        return from < SESSION_RELAY;
    return to > from;
}

void session_set_state(struct session *s, enum session_state to)
{
    assert(step_is_allowed(s->state, to));
    session_log_step(s, to);
    s->state = to;
}

enum reason session_side_reason(enum reason why, bool is_front)
{
    if (is_front)
        return why;
    switch (why) {
    case REASON_FRONT_RESET:
        return REASON_BACK_RESET;
    case REASON_FRONT_VANISHED:
        return REASON_BACK_VANISHED;
    case REASON_FRONT_ERROR:
        return REASON_BACK_ERROR;
    default:
        return why;
    }
}

void session_break(struct session *s, bool is_front, enum reason why)
{
    if (s->why == REASON_NONE)
        s->at = is_front ? SESSION_AT_FRONT : SESSION_AT_BACK;
    session_close(s, session_side_reason(why, is_front));
}

/* -- what is watched ----------------------------------------------------------------------------------------------------------
 */

static unsigned front_interest(const struct session *s)
{
    switch (s->state) {
    case SESSION_GREET:
        return STREAM_READ;
    case SESSION_CHOOSE:
        return s->front_ops->readable != NULL ? STREAM_READ : 0;
    case SESSION_SERVE:
        return s->front_ops->serve->front_interest(s);
    case SESSION_EARLY:
        return pump_from_interest(&s->up);
    case SESSION_RELAY:
        return pump_from_interest(&s->up) | pump_to_interest(&s->down);
    case SESSION_LINGER:
        return STREAM_READ;
    default:
        return 0;
    }
}

static unsigned back_interest(const struct session *s)
{
    switch (s->state) {
    case SESSION_SERVE:
        return s->back != NULL ? s->front_ops->serve->back_interest(s) : 0;
    case SESSION_DIAL:
        return STREAM_READ;
    case SESSION_EARLY:
        return STREAM_READ | pump_to_interest(&s->up);
    case SESSION_RELAY:
        return pump_from_interest(&s->down) | pump_to_interest(&s->up);
    default:
        return 0;
    }
}

static bool has_silent_bytes(const struct stream *stream, unsigned interest)
{
    return stream != NULL && (interest & STREAM_READ) && stream_has_pending(stream);
}

void session_update(struct session *s)
{
    unsigned front, back;

    if (s->state == SESSION_CLOSING)
        return;
    front = front_interest(s);
    back = back_interest(s);
    if (s->front != NULL)
        watch_set(&s->front_watch, s->front->fd, stream_wants(s->front, front));
    if (s->back != NULL)
        watch_set(s->back_watch, s->back->fd, stream_wants(s->back, back));
    if ((s->state > SESSION_GREET && has_silent_bytes(s->front, front)) ||
        (s->state != SESSION_DIAL && has_silent_bytes(s->back, back)))
        loop_call_again(&s->worker->loop, &s->again);
}

/* -- pumping ------------------------------------------------------------------------------------------------------------------
 */

static void note_end(struct session *s, bool is_up)
{
    if (s->has_ended)
        return;
    s->has_ended = true;
    s->front_ended_first = is_up;
}

/* Runs one pump; false if the session has left its state by that. */
bool session_run_pump(struct session *s, struct pump *p)
{
    bool is_up = p == &s->up;
    uint64_t before = p->bytes;
    enum pump_result result = pump_run(p, CHUNK_TURN);

    if (p->bytes != before) {
        tally_mine.bytes[s->kind][is_up ? TALLY_UP : TALLY_DOWN] += p->bytes - before;
        s->moved_ms = loop_now_ms(&s->worker->loop);
        if (is_up)
            s->up_ms = s->moved_ms;
        (is_up ? &s->back_vigil : &s->front_vigil)->has_written = true;
    }
    if (p->state == PUMP_DRAINING || p->state == PUMP_SHUT)
        note_end(s, is_up);
    if (result == PUMP_MORE)
        loop_call_again(&s->worker->loop, &s->again);
    if (result != PUMP_BROKEN)
        return true;
    if (s->state == SESSION_EARLY && !p->is_from_broken && s->back_ops->lost != NULL)
        s->back_ops->lost(s, session_side_reason(p->why, false));
    else
        session_break(s, p->is_from_broken == is_up, p->why);
    return false;
}

void session_run_relay(struct session *s, bool run_up, bool run_down)
{
    if (run_up && s->up.state != PUMP_SHUT && !session_run_pump(s, &s->up))
        return;
    if (run_down && s->down.state != PUMP_SHUT && !session_run_pump(s, &s->down))
        return;
    if (s->up.state == PUMP_SHUT && s->down.state == PUMP_SHUT) {
        s->at = s->front_ended_first ? SESSION_AT_FRONT : SESSION_AT_BACK;
        session_close(s, s->front_ended_first ? REASON_FRONT_EOF : REASON_BACK_EOF);
    }
}

/* Sends what a TLS stream still holds. False if it broke and the session has ended or changed its back. */
static bool flush_stream(struct session *s, struct stream *stream)
{
    bool is_front = stream == s->front;

    if (stream_flush(stream) != STREAM_STEP_FAILED)
        return true;
    if (s->state == SESSION_EARLY && !is_front && s->back_ops->lost != NULL)
        s->back_ops->lost(s, session_side_reason(stream->why, false));
    else
        session_break(s, is_front, stream->why);
    return false;
}

/* -- steps of the front --------------------------------------------------------------------------------------------------------
 */

static void greet_front(struct session *s)
{
    switch (stream_greet(s->front)) {
    case STREAM_STEP_AGAIN:
        return;
    case STREAM_STEP_FAILED:
        session_break(s, true, s->front->why);
        return;
    default:
        session_set_state(s, SESSION_CHOOSE);
        s->front_ops->greeted(s);
    }
}

static void front_ready(void *arg, unsigned ready)
{
    struct session *s = session_of(arg);

    if (s->state == SESSION_SERVE) {
        s->front_ops->serve->run(s, ready, 0);
        session_update(s);
        return;
    }
    if (s->state != SESSION_GREET && (ready & STREAM_WRITE) && !flush_stream(s, s->front)) {
        session_update(s);
        return;
    }
    switch (s->state) {
    case SESSION_GREET:
        greet_front(s);
        break;
    case SESSION_CHOOSE:
        if (s->front_ops->readable != NULL)
            s->front_ops->readable(s);
        break;
    case SESSION_EARLY:
        (void)session_run_pump(s, &s->up);
        break;
    case SESSION_RELAY:
        session_run_relay(s, ready & STREAM_READ || stream_has_pending(s->front),
                          ready & STREAM_WRITE || pump_to_interest(&s->down) != 0);
        break;
    case SESSION_LINGER:
        session_go_on_lingering(s);
        break;
    default:
        break;
    }
    session_update(s);
}

/* -- steps of the back ---------------------------------------------------------------------------------------------------------
 */

void session_close_stream(struct stream **stream, struct watch *watch, enum stream_close how)
{
    if (*stream == NULL)
        return;
    watch_set(watch, (*stream)->fd, 0);
    stream_close(*stream, how);
    *stream = NULL;
}

/* Of connections that we make; a spare channel that is taken as the back is none. */
static void count_dial(struct session *s, bool is_made)
{
    uint64_t since_ms = s->opening->dialled_ms;

    if (since_ms == 0)
        return;
    s->opening->dialled_ms = 0;
    if (!is_made) {
        tally_mine.dials_failed++;
        return;
    }
    tally_mine.dials_made++;
    tally_time(&tally_mine.dial_time, clock_ms() - since_ms);
}

void session_greet_back(struct session *s)
{
    enum reason why;

    switch (stream_greet(s->back)) {
    case STREAM_STEP_AGAIN:
        return;
    case STREAM_STEP_FAILED:
        count_dial(s, false);
        why = session_side_reason(s->back->why, false);
        session_close_stream(&s->back, s->back_watch, STREAM_CLOSE_RESET);
        s->back_ops->failed(s, why);
        return;
    default:
        count_dial(s, true);
        session_note_back(s);
        s->back_ops->greeted(s);
    }
}

static void back_ready(void *arg, unsigned ready)
{
    struct session *s = session_of(arg);

    if (s->state == SESSION_SERVE) {
        s->front_ops->serve->run(s, 0, ready);
        session_update(s);
        return;
    }
    if (s->state > SESSION_DIAL && (ready & STREAM_WRITE) && !flush_stream(s, s->back)) {
        session_update(s);
        return;
    }
    switch (s->state) {
    case SESSION_DIAL:
        session_greet_back(s);
        break;
    case SESSION_EARLY:
        if ((ready & STREAM_WRITE) && !session_run_pump(s, &s->up))
            break;
        s->back_ops->readable(s);
        break;
    case SESSION_RELAY:
        session_run_relay(s, ready & STREAM_WRITE || pump_to_interest(&s->up) != 0,
                          ready & STREAM_READ || stream_has_pending(s->back));
        break;
    default:
        break;
    }
    session_update(s);
}

void session_own_back_watch(struct session *s, struct watch *watch)
{
    if (s->back_watch != watch)
        free(s->back_watch);
    s->back_watch = watch;
    watch_give(watch, back_ready, s);
}

static void called_again(struct again *a)
{
    struct session *s = session_of((char *)a - offsetof(struct session, again));

    switch (s->state) {
    case SESSION_CHOOSE:
        if (s->front_ops->readable != NULL)
            s->front_ops->readable(s);
        break;
    case SESSION_SERVE:
        s->front_ops->serve->run(s, STREAM_READ | STREAM_WRITE, STREAM_READ | STREAM_WRITE);
        break;
    case SESSION_EARLY:
        if (session_run_pump(s, &s->up) && s->state == SESSION_EARLY)
            s->back_ops->readable(s);
        break;
    case SESSION_RELAY:
        session_run_relay(s, true, true);
        break;
    case SESSION_LINGER:
        session_go_on_lingering(s);
        break;
    default:
        break;
    }
    session_update(s);
}

/* -- time ----------------------------------------------------------------------------------------------------------------------
 */

static void dial_is_late(struct session *s)
{
    if (s->back != NULL) {
        count_dial(s, false);
        session_close_stream(&s->back, s->back_watch, STREAM_CLOSE_RESET);
        s->back_ops->failed(s, REASON_DIAL_TIMEOUT);
    } else if (s->back_ops->timeout != NULL) {
        s->back_ops->timeout(s);
    } else {
        session_refuse(s, SESSION_AT_RELAY, REASON_DIAL_TIMEOUT);
    }
}

static void deadline_over(void *arg)
{
    struct session *s = session_of(arg);

    if (s->opening->notice_rest_ms != 0 && (s->state == SESSION_DIAL || s->state == SESSION_EARLY)) {
        deadline_set(&s->opening->deadline, s->opening->notice_rest_ms);
        s->opening->notice_rest_ms = 0;
        s->front_ops->notice(s);
        session_update(s);
        return;
    }
    switch (s->state) {
    case SESSION_GREET:
        session_break(s, true, REASON_HANDSHAKE_TIMEOUT);
        break;
    case SESSION_CHOOSE:
        if (s->front_ops->timeout != NULL)
            s->front_ops->timeout(s);
        else
            session_refuse(s, SESSION_AT_FRONT, REASON_HANDSHAKE_TIMEOUT);
        break;
    case SESSION_SERVE:
        s->front_ops->serve->late(s);
        break;
    case SESSION_DIAL:
        dial_is_late(s);
        break;
    case SESSION_EARLY:
        if (s->back_ops->lost != NULL)
            s->back_ops->lost(s, REASON_ANSWER_TIMEOUT);
        else
            session_refuse(s, SESSION_AT_BACK, REASON_ANSWER_TIMEOUT);
        break;
    case SESSION_LINGER:
        session_close(s, s->why);
        break;
    default:
        break;
    }
    session_update(s);
}

void session_set_deadline(struct session *s, uint64_t ms)
{
    s->opening->notice_rest_ms = 0;
    deadline_set(&s->opening->deadline, ms);
}

void session_rest_deadline(struct session *s)
{
    if (s->opening != NULL)
        deadline_rest(&s->opening->deadline);
}

void session_set_notice(struct session *s, uint64_t ms, uint64_t rest_ms)
{
    assert(s->front_ops->notice != NULL && rest_ms > 0);
    s->opening->notice_rest_ms = rest_ms;
    deadline_set(&s->opening->deadline, ms);
}

/* -- texts of peers ------------------------------------------------------------------------------------------------------------
 */

/* The configuration's names need no copy; few sessions keep one, and none more than three. */
struct session_text {
    struct session_text *next;
    char text[];
};

bool session_keep(struct session *s, const char *text, const char **ret)
{
    size_t size = strlen(text) + 1;
    struct session_text *t = malloc(sizeof(*t) + size);

    if (t == NULL)
        return false;
    t->next = s->texts;
    s->texts = t;
    *ret = memcpy(t->text, text, size);
    return true;
}

static void free_texts(struct session *s)
{
    struct session_text *t;

    while ((t = s->texts) != NULL) {
        s->texts = t->next;
        free(t);
    }
}

/* -- the calls of the front and back ops ---------------------------------------------------------------------------------------
 */

static bool begin_opening(struct session *s, struct worker *w)
{
    s->opening = calloc(1, sizeof(*s->opening));
    if (s->opening != NULL)
        deadline_init(&s->opening->deadline, &w->loop, deadline_over, s);
    return s->opening != NULL;
}

/* Idempotent. */
void session_end_opening(struct session *s)
{
    if (s->opening == NULL)
        return;
    deadline_clear(&s->opening->deadline);
    session_dial_end(s);
    free(s->opening);
    s->opening = NULL;
}

struct session *session_new(struct worker *w, struct stream *front, const struct session_front *ops)
{
    struct session *s = calloc(1, sizeof(*s));

    if (s == NULL || !begin_opening(s, w) || worker_add(w, s) != 0) {
        if (s != NULL)
            session_end_opening(s);
        free(s);
        stream_close(front, STREAM_CLOSE_RESET);
        return NULL;
    }
    s->magic = SESSION_MAGIC;
    s->ask = SESSION_ASK_NONE;
    s->worker = w;
    s->front_ops = ops;
    s->front = front;
    s->started_ms = s->moved_ms = loop_now_ms(&w->loop);
    s->idle_s = (int)w->cfg->timeouts.idle_s;
    watch_init(&s->front_watch, &w->loop, front_ready, s);
    s->again.call = called_again;
    return s;
}

void session_start(struct session *s, uint64_t greet_ms)
{
    assert(s->state == SESSION_GREET);
    session_set_deadline(s, greet_ms);
    greet_front(s);
    session_update(s);
}

void session_end_greeting(struct session *s)
{
    if (!s->is_greeting)
        return;
    s->is_greeting = false;
    quota_greeted(s->worker->site->quota);
}

/* -- the end -------------------------------------------------------------------------------------------------------------------
 */

static bool is_orderly_end(enum reason why)
{
    return why == REASON_FRONT_EOF || why == REASON_BACK_EOF;
}

/*
 * RST tells a peer that what it got is not the whole. It goes to everyone whose session ended otherwise than by two ends of
 * stream, and to a front that is refused without a word. A front whose greeting failed has been sent its alert, one in LINGER its
 * answer: those get FIN.
 */
static void close_front(struct session *s, enum session_state state)
{
    bool is_told = state == SESSION_GREET || state == SESSION_LINGER;

    session_close_stream(&s->front, &s->front_watch,
                         is_orderly_end(s->why) || (is_told && s->why != REASON_SHUTDOWN) ? STREAM_CLOSE_ORDERLY
                                                                                          : STREAM_CLOSE_RESET);
}

void session_reset_front(struct session *s)
{
    session_close_stream(&s->front, &s->front_watch, STREAM_CLOSE_RESET);
}

static void close_back(struct session *s)
{
    session_close_stream(&s->back, s->back_watch, is_orderly_end(s->why) ? STREAM_CLOSE_ORDERLY : STREAM_CLOSE_RESET);
}

/* A spare channel that nobody needed: it comes and goes with the tunnel, and with each reload of either end. */
static bool was_unused(const struct session *s)
{
    return s->is_quiet && (s->why == REASON_SURPLUS || s->why == REASON_CHANNEL_LOST);
}

/* A connection that was handed over goes on elsewhere, and is counted there. */
static void count_end(const struct session *s, enum session_state state)
{
    if (state == SESSION_GREET && s->is_greeting)
        tally_mine.handshakes[TALLY_HANDSHAKE_FAILED]++;
    if (s->why == REASON_HANDED_OVER || was_unused(s))
        return;
    if (s->has_relayed)
        tally_mine.ended[s->kind][s->why]++;
    else
        tally_mine.refused[s->kind][s->why]++;
}

static void leave_quota(struct session *s)
{
    struct quota *q = s->worker->site->quota;

    session_end_greeting(s);
    if (s->has_client)
        quota_leave_client(q, s->ask.behind, &s->ask.client);
    if (s->has_entered)
        quota_leave(q);
    s->has_client = s->has_entered = false;
}

static void session_free(struct grave *g)
{
    struct session *s = session_of((char *)g - offsetof(struct session, grave));

    s->magic = 0;
    site_release_cfg(s->cfg);
    free(s->back_watch);
    free(s->scratch);
    session_end_opening(s);
    free_texts(s);
    free(s);
}

void session_close(struct session *s, enum reason why)
{
    enum session_state state = s->state;
    struct session_ends ends;

    if (state == SESSION_CLOSING)
        return;
    if (s->why == REASON_NONE)
        s->why = why;
    session_set_state(s, SESSION_CLOSING);
    if (s->opening != NULL)
        deadline_clear(&s->opening->deadline);
    loop_forget_again(&s->worker->loop, &s->again);
    session_dial_forget(s);
    pump_fini(&s->up);
    pump_fini(&s->down);
    if (s->front_ops->serve != NULL)
        s->front_ops->serve->ended(s);
    ends = session_ends_of(s);
    session_audit_look(s, &ends);
    close_front(s, state);
    close_back(s);
    if (s->back_ops != NULL && s->back_ops->ended != NULL)
        s->back_ops->ended(s);
    count_end(s, state);
    leave_quota(s);
    session_log_end(s, &ends);
    worker_remove(s->worker, s);
    s->grave.bury = session_free;
    loop_bury(&s->worker->loop, &s->grave);
    listener_resume_all(&s->worker->loop);
}

struct stream *session_release_front(struct session *s)
{
    struct stream *front = s->front;

    watch_set(&s->front_watch, front->fd, 0);
    s->front = NULL;
    session_close(s, REASON_HANDED_OVER);
    return front;
}
