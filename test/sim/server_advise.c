/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server advise: the simulated server dials back to a client application, sends it alarms and reads acknowledgements.
 * One advise per application; a failed dial or a broken advise is dialled again with growing pauses while the application has
 * links.
 */
#include "test/sim/server_parts.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define RETRY_LAST_MS 10000

static void advise_dial(void *arg);

static void advise_retry(struct application *app)
{
    struct server *s = app->server;
    app->advise = NULL;
    app->state = ADVISE_WAITING;
    app->is_greeted = false;
    application_stop_alarms(app);
    timer_start(&s->loop, &app->advise_timer, app->retry_ms * 1000, advise_dial, app);
    app->retry_ms = app->retry_ms * 2 < RETRY_LAST_MS ? app->retry_ms * 2 : RETRY_LAST_MS;
}

static void dial_failed(struct application *app, int error)
{
    struct server_counts *counts = &app->server->counts;
    if (error == ECONNREFUSED)
        counts->dial_refused++;
    else if (error == ETIMEDOUT)
        counts->dial_timeouts++;
    else
        counts->dial_failed++;
    advise_retry(app);
}

static void greet(struct application *app)
{
    struct message m = {
        .type = MESSAGE_ADVISE_HELLO,
        .application = app->id,
        .instance = app->server->instance,
        .sequence = app->acked + 1,
        .time_ns = clock_ns(),
        .name = app->name,
        .name_len = strlen(app->name),
    };
    app->is_greeted = true;
    server_send(app->advise, &m);
    application_start_alarms(app);
}

static void advise_opened(void *owner)
{
    struct application *app = owner;
    timer_stop(&app->server->loop, &app->advise_timer);
    app->state = ADVISE_OPEN;
    app->server->counts.advises++;
    if (app->server->options->misbehave != MISBEHAVE_FIRST_SILENT)
        greet(app);
}

static void advise_message(struct application *app, const struct message *m)
{
    struct server_counts *counts = &app->server->counts;
    if (!m->is_intact) {
        counts->corrupt++;
        return;
    }
    if (m->application != app->id) {
        counts->foreign++;
        return;
    }
    if (m->type != MESSAGE_ACK && m->type != MESSAGE_ADVISE_READY) {
        counts->errors++;
        return;
    }
    app->retry_ms = app->server->options->retry_ms; /* a client speaks: this dial was a good one */
    application_ack(app, m->instance, m->sequence);
    if (!app->is_greeted)
        greet(app);
}

static void advise_broke(struct application *app)
{
    app->server->counts.advises--;
    advise_retry(app);
}

static size_t advise_data(void *owner, const uint8_t *bytes, size_t len)
{
    struct application *app = owner;
    size_t used = 0;
    while (app->advise != NULL) {
        struct message m;
        long got = message_parse(bytes + used, len - used, &m);
        if (got == 0)
            break;
        if (got < 0) {
            app->server->counts.corrupt++;
            conn_reset(app->advise);
            advise_broke(app);
            break;
        }
        used += (size_t)got;
        advise_message(app, &m);
    }
    return used;
}

static void advise_drained(void *owner)
{
    application_pump(owner);
}

static void advise_ended(void *owner)
{
    struct application *app = owner;
    app->server->counts.advise_ends++;
    conn_close(app->advise);
    advise_broke(app);
}

static void advise_gone(void *owner, int error)
{
    struct application *app = owner;
    if (app->state == ADVISE_DIALING) {
        dial_failed(app, error);
        return;
    }
    app->server->counts.advise_resets++;
    advise_broke(app);
}

static const struct conn_events advise_events = {
    .open = advise_opened,
    .data = advise_data,
    .drained = advise_drained,
    .end = advise_ended,
    .gone = advise_gone,
};

static void dial_timeout(void *arg)
{
    struct application *app = arg;
    conn_close(app->advise);
    dial_failed(app, ETIMEDOUT);
}

static void advise_dial(void *arg)
{
    struct application *app = arg;
    struct server *s = app->server;
    s->counts.dials++;
    app->state = ADVISE_DIALING;
    app->advise = conn_dial(&s->loop, &app->dial_to, &s->options->bind_advise, &advise_events, app);
    if (app->advise == NULL)
        dial_failed(app, errno);
    else
        timer_start(&s->loop, &app->advise_timer, s->options->dial_timeout_ms * 1000, dial_timeout, app);
}

void advise_start(struct application *app)
{
    if (app->state == ADVISE_OPEN || app->state == ADVISE_DIALING)
        return;
    timer_stop(&app->server->loop, &app->advise_timer);
    app->retry_ms = app->server->options->retry_ms;
    advise_dial(app);
}

void advise_stop(struct application *app)
{
    struct server *s = app->server;
    timer_stop(&s->loop, &app->advise_timer);
    application_stop_alarms(app);
    if (app->advise != NULL) {
        if (app->state == ADVISE_OPEN)
            s->counts.advises--;
        conn_finish(app->advise);
    }
    app->advise = NULL;
    app->state = ADVISE_NONE;
    app->is_greeted = false;
}
