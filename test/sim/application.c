/* SPDX-License-Identifier: Apache-2.0 */
/* Client applications as the simulated server knows them: their links, their numbered alarms and how quickly these are made. */
#include "test/sim/server_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MIN_US 10000.0

struct application *application_get(struct server *s, uint64_t id)
{
    struct application **bucket = &s->buckets[id % APPLICATION_BUCKETS];
    for (struct application *app = *bucket; app != NULL; app = app->next_in_bucket)
        if (app->id == id)
            return app;
    struct application *app = s->known < APPLICATIONS_MAX ? calloc(1, sizeof(*app)) : NULL;
    if (app == NULL)
        return NULL;
    app->server = s;
    app->id = id;
    app->resend_next = 1;
    app->next_in_bucket = *bucket;
    *bucket = app;
    s->known++;
    return app;
}

void application_link_up(struct application *app, struct link *link, bool is_first)
{
    if (app->links++ == 0)
        app->server->counts.applications++;
    if (!is_first)
        return;
    app->first_link = link;
    app->is_finishing = false;
}

void application_link_down(struct application *app, struct link *link)
{
    assert(app->links > 0);
    if (app->first_link == link) {
        app->first_link = NULL;
        if (app->is_modern)
            application_stop_alarms(app);
    }
    if (--app->links > 0)
        return;
    app->server->counts.applications--;
    advise_stop(app);
}

struct conn *application_carrier(const struct application *app)
{
    if (app->is_modern)
        return app->first_link != NULL && !app->first_link->is_half_closed ? app->first_link->conn : NULL;
    return app->state == ADVISE_OPEN && app->is_greeted ? app->advise : NULL;
}

static void alarm_tick(void *arg);

/* Wait for the time of the next alarm; at no pause there is nothing to wait for but acknowledgements. */
static void arm_tick(struct application *app)
{
    double rate = app->server->options->alarms_per_second;
    if (rate <= 0 || rate >= RATE_MAX || timer_is_running(&app->alarm_timer))
        return;
    double us = 1e6 / rate;
    timer_start(&app->server->loop, &app->alarm_timer, (uint64_t)(us > TICK_MIN_US ? us : TICK_MIN_US), alarm_tick, app);
}

static void add_credit(struct application *app)
{
    double rate = app->server->options->alarms_per_second;
    uint64_t now = app->server->loop.now_us;
    app->credit += (double)(now - app->credit_at_us) * rate / 1e6;
    app->credit_at_us = now;
    if (app->credit > (double)app->server->options->window)
        app->credit = (double)app->server->options->window;
}

static void alarm_tick(void *arg)
{
    struct application *app = arg;
    add_credit(app);
    application_pump(app);
    arm_tick(app);
}

void application_start_alarms(struct application *app)
{
    struct server *s = app->server;
    double rate = s->options->alarms_per_second;
    app->resend_next = app->acked + 1;
    app->credit = 0;
    app->credit_at_us = s->loop.now_us;
    if (rate > 0 && rate < RATE_MAX) {
        /* a random phase, so that thousands of applications do not speak in one breath */
        double first = 1e6 / rate * (double)(rand() % 1000) / 1000.0; // NOLINT: no secret
        timer_start(&s->loop, &app->alarm_timer, (uint64_t)first, alarm_tick, app);
    }
    application_pump(app);
}

void application_stop_alarms(struct application *app)
{
    timer_stop(&app->server->loop, &app->alarm_timer);
}

static void send_alarm(struct application *app, struct conn *c, uint64_t sequence, unsigned flags)
{
    struct message m = {
        .type = MESSAGE_ALARM,
        .flags = flags,
        .application = app->id,
        .instance = app->server->instance,
        .sequence = sequence,
        .time_ns = clock_ns(),
        .name = app->name,
        .name_len = strlen(app->name),
        .payload_len = app->server->options->alarm_bytes,
    };
    message_write(conn_reserve(c, message_length(&m)), &m);
}

static bool may_make_alarm(const struct application *app)
{
    const struct options *o = app->server->options;
    if (app->server->is_stopping || app->is_finishing || (o->alarms != 0 && app->sent >= o->alarms))
        return false;
    if (o->misbehave == MISBEHAVE_ADVISE_FLOOD)
        return true;
    return app->sent - app->acked < o->window && (o->alarms_per_second >= RATE_MAX || app->credit >= 1);
}

/* Put one alarm into the output: an old one again, or a new one. Returns false when there is none. */
static bool put_alarm(struct application *app, struct conn *c)
{
    if (app->resend_next <= app->sent) {
        send_alarm(app, c, app->resend_next++, MESSAGE_RESEND);
        app->server->counts.resent++;
        return true;
    }
    if (!may_make_alarm(app))
        return false;
    send_alarm(app, c, ++app->sent, 0);
    app->resend_next = app->sent + 1;
    app->credit -= app->credit >= 1 ? 1 : app->credit;
    app->server->counts.alarms++;
    return true;
}

void application_pump(struct application *app)
{
    struct conn *c = application_carrier(app);
    if (c == NULL)
        return;
    bool has_more = true;
    while (has_more && conn_pending(c) < OUTPUT_LIMIT)
        has_more = put_alarm(app, c);
    conn_flush(c);
    if (has_more && conn_pending(c) == 0) /* the socket took all: go on when the others had their turn */
        timer_start(&app->server->loop, &app->alarm_timer, 0, alarm_tick, app);
}

void application_ack(struct application *app, uint64_t instance, uint64_t sequence)
{
    if (instance != app->server->instance)
        return; /* about an earlier life of ours; the numbers began anew */
    if (sequence > app->sent) {
        app->server->counts.errors++;
        return;
    }
    if (sequence <= app->acked)
        return;
    app->server->counts.acked += sequence - app->acked;
    app->acked = sequence;
    if (app->resend_next <= sequence)
        app->resend_next = sequence + 1;
    application_pump(app);
}

uint64_t application_unacked(const struct server *s, bool connected_only)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < APPLICATION_BUCKETS; i++)
        for (const struct application *app = s->buckets[i]; app != NULL; app = app->next_in_bucket)
            if (!connected_only || application_carrier(app) != NULL)
                sum += app->sent - app->acked;
    return sum;
}

void application_free_all(struct server *s)
{
    for (size_t i = 0; i < APPLICATION_BUCKETS; i++) {
        while (s->buckets[i] != NULL) {
            struct application *app = s->buckets[i];
            s->buckets[i] = app->next_in_bucket;
            timer_stop(&s->loop, &app->alarm_timer);
            timer_stop(&s->loop, &app->advise_timer);
            free(app);
        }
    }
}
