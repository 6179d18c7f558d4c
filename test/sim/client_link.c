/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links of a simulated client: dial, introduce, send requests, check every byte of the answers, dial again when broken.
 * Runs on the loop's only thread.
 */
#include "test/sim/client_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void client_send(struct conn *c, const struct message *m)
{
    message_write(conn_reserve(c, message_length(m)), m);
    conn_flush(c);
}

static struct run *run_of(const struct client_link *link)
{
    return link->client->run;
}

/* The connection is gone; whatever it still owed counts as unanswered. Dial again after a pause, unless told not to. */
static void link_down(struct client_link *link)
{
    struct client *c = link->client;
    const struct options *o = c->run->options;
    if (link->state == LINK_UP) {
        c->run->counts.links--;
        c->run->counts.unanswered += link->sent - link->answered;
        c->requests -= link->sent - link->answered;
    }
    if (link->number == 0)
        c->has_finish_sent = false;
    link->conn = NULL;
    link->state = LINK_DOWN;
    timer_stop(&c->run->loop, &link->timer);
    timer_stop(&c->run->loop, &link->stall_timer);
    bool may_dial = c->phase == CLIENT_RUNNING || (c->phase == CLIENT_FINISHING && link->number == 0);
    if (!may_dial || o->no_reconnect)
        return;
    uint64_t pause_us = link->backoff_ms * (750 + (uint64_t)rand() % 500); // NOLINT: jitter of a quarter, no secret
    timer_start(&c->run->loop, &link->timer, pause_us, client_link_dial, link);
    link->backoff_ms = link->backoff_ms * 2 < o->retry_last_ms ? link->backoff_ms * 2 : o->retry_last_ms;
}

static void count_failure(struct client_link *link, int error)
{
    struct run_counts *counts = &run_of(link)->counts;
    if (error == ECONNREFUSED)
        counts->link_refused++;
    else if (error == ECONNRESET || error == EPIPE)
        counts->link_resets++;
    else if (error == ETIMEDOUT)
        counts->link_timeouts++;
    else
        counts->link_breaks++;
}

static void link_abandon(struct client_link *link, int error)
{
    count_failure(link, error);
    conn_close(link->conn);
    link_down(link);
    client_update(link->client);
}

static void connect_timeout(void *arg)
{
    link_abandon(arg, ETIMEDOUT);
}

/* Fires once per timeout while requests wait: the link is dead when nothing came since. */
static void request_timeout(void *arg)
{
    struct client_link *link = arg;
    struct run *run = run_of(link);
    uint64_t limit_us = run->options->request_timeout_ms * 1000, idle_us = run->loop.now_us - link->progress_us;
    if (link->sent == link->answered)
        return;
    if (idle_us < limit_us) {
        timer_start(&run->loop, &link->timer, limit_us - idle_us, request_timeout, link);
        return;
    }
    run->counts.errors++;
    link_abandon(link, ETIMEDOUT);
}

/* Writes the port of a HELLO in the form that is wanted; `text` is its payload. */
static void announce_port(struct message *hello, uint64_t form, unsigned port, char *text, size_t size)
{
    if (form == ANNOUNCE_U16LE) {
        hello->flags |= MESSAGE_LITTLE;
        hello->argument = (port & 0xff) << 24 | (port & 0xff00) << 8;
    } else if (form == ANNOUNCE_TEXT) {
        size_t used = strlen(text);
        hello->flags |= MESSAGE_TEXT;
        snprintf(text + used, size - used, " port=%u;", port);
    } else {
        hello->argument = port;
    }
}

static void link_opened(void *owner)
{
    struct client_link *link = owner;
    struct client *c = link->client;
    struct address announce = c->announce;
    char text[ADDRESS_TEXT + 16];
    if (announce.len == 0)
        conn_local(link->conn, &announce);
    address_format_ip(&announce, text);
    struct message hello = {
        .type = MESSAGE_HELLO,
        .flags = (link->number == 0 ? MESSAGE_ANNOUNCES : 0) | (c->run->options->is_modern ? MESSAGE_MODERN : 0),
        .link = link->number,
        .application = c->application,
        .time_ns = clock_ns(),
        .name = c->name,
        .name_len = strlen(c->name),
        .payload = (const uint8_t *)text,
    };
    announce_port(&hello, c->run->options->announce, link->number == 0 ? c->port : 0, text, sizeof(text));
    hello.payload_len = strlen(text);
    link->state = LINK_GREETING;
    client_send(link->conn, &hello);
}

static void link_welcome(struct client_link *link, const struct message *m)
{
    struct client *c = link->client;
    struct run *run = c->run;
    if (link->state != LINK_GREETING) {
        run->counts.errors++;
        return;
    }
    timer_stop(&run->loop, &link->timer);
    link->state = LINK_UP;
    link->backoff_ms = run->options->retry_first_ms;
    run->counts.links++;
    if (c->tally.instance != m->instance || (run->options->is_modern && link->number == 0))
        c->acked = 0; /* the server has not heard from us on this connection */
    tally_instance(&c->tally, m->instance);
    for (unsigned i = 1; link->number == 0 && c->phase == CLIENT_RUNNING && i < run->options->links; i++)
        if (!c->links[i].was_dialled)
            client_link_dial(&c->links[i]);
    client_link_fill(link);
}

static void stall_over(void *arg)
{
    struct client_link *link = arg;
    if (link->conn != NULL)
        conn_resume(link->conn);
}

static void misbehave_after_answer(struct client_link *link)
{
    const struct options *o = run_of(link)->options;
    if (link->has_misbehaved)
        return;
    if (o->misbehave == MISBEHAVE_STALL) {
        link->has_misbehaved = true;
        conn_pause(link->conn);
        timer_start(&run_of(link)->loop, &link->stall_timer, o->misbehave_arg * 1000000, stall_over, link);
    } else if (o->misbehave == MISBEHAVE_RESET && link->answered >= o->misbehave_arg) {
        link->has_misbehaved = true;
        conn_reset(link->conn);
        link_down(link);
    }
}

static void link_answer(struct client_link *link, const struct message *m)
{
    struct run *run = run_of(link);
    if (m->application != link->client->application || m->link != link->number) {
        run->counts.foreign++;
        return;
    }
    if (m->sequence != link->answered + 1 || m->sequence > link->sent || m->payload_len != run->options->answer_bytes) {
        run->counts.errors++;
        link_abandon(link, EPROTO);
        return;
    }
    link->answered++;
    link->client->answers++;
    link->progress_us = run->loop.now_us;
    run->counts.answers++;
    run->counts.answer_bytes += m->payload_len;
    histogram_add(&run->answer_us, (clock_ns() - m->time_ns) / 1000);
    misbehave_after_answer(link);
    if (link->conn != NULL)
        client_link_fill(link);
}

static void link_message(struct client_link *link, const struct message *m)
{
    struct client *c = link->client;
    if (m->type == MESSAGE_ALARM) {
        client_alarm(c, m);
        return;
    }
    if (!m->is_intact)
        c->run->counts.corrupt++;
    if (m->type == MESSAGE_WELCOME) {
        link_welcome(link, m);
    } else if (m->type == MESSAGE_ANSWER) {
        link_answer(link, m);
    } else if (m->type == MESSAGE_FINISHED && link->number == 0) {
        c->has_finished = true;
        c->last_alarm = m->sequence;
    } else {
        c->run->counts.errors++;
    }
}

static size_t link_data(void *owner, const uint8_t *bytes, size_t len)
{
    struct client_link *link = owner;
    struct conn *conn = link->conn;
    size_t used = 0;
    while (link->conn == conn && !conn->is_paused) {
        struct message m;
        long got = message_parse(bytes + used, len - used, &m);
        if (got == 0)
            break;
        if (got < 0) {
            run_of(link)->counts.corrupt++;
            conn_reset(conn);
            link_down(link);
            break;
        }
        used += (size_t)got;
        link_message(link, &m);
    }
    client_update(link->client);
    return used;
}

static void link_drained(void *owner)
{
    client_link_fill(owner);
}

/* The server's FIN. Our own direction is still open: say how many requests went up, which proves that it is. */
static void link_ended(void *owner)
{
    struct client_link *link = owner;
    struct run_counts *counts = &run_of(link)->counts;
    if (link->is_half_closed && link->sent == link->answered)
        counts->half_closed++;
    else if (link->is_half_closed)
        counts->errors++;
    else
        counts->link_ends++;
    if (link->state == LINK_UP && !link->is_half_closed)
        client_send(link->conn, &(struct message){.type = MESSAGE_PARTING,
                                                  .link = link->number,
                                                  .application = link->client->application,
                                                  .sequence = link->sent});
    conn_finish(link->conn);
    link_down(link);
    client_update(link->client);
}

static void link_gone(void *owner, int error)
{
    struct client_link *link = owner;
    count_failure(link, error);
    link_down(link);
    client_update(link->client);
}

static const struct conn_events link_events = {
    .open = link_opened,
    .data = link_data,
    .drained = link_drained,
    .end = link_ended,
    .gone = link_gone,
};

void client_link_dial(void *arg)
{
    struct client_link *link = arg;
    struct run *run = run_of(link);
    assert(link->conn == NULL);
    link->was_dialled = true;
    link->sent = link->answered = 0;
    link->is_half_closed = false;
    link->conn = conn_dial(&run->loop, &run->options->server, &link->client->bind, &link_events, link);
    if (link->conn == NULL) {
        count_failure(link, errno);
        link_down(link);
        return;
    }
    link->state = LINK_DIALING;
    timer_start(&run->loop, &link->timer, run->options->connect_timeout_ms * 1000, connect_timeout, link);
}

static bool may_request(const struct client_link *link)
{
    const struct client *c = link->client;
    const struct options *o = c->run->options;
    return c->phase == CLIENT_RUNNING && link->state == LINK_UP && !link->is_half_closed &&
           link->sent - link->answered < o->pipeline && (o->requests == 0 || c->requests < o->requests) &&
           conn_pending(link->conn) < OUTPUT_LIMIT;
}

bool client_link_request(struct client_link *link)
{
    struct client *c = link->client;
    struct run *run = c->run;
    const struct options *o = run->options;
    if (!may_request(link))
        return false;
    struct message m = {
        .type = MESSAGE_REQUEST,
        .link = link->number,
        .argument = (uint32_t)o->answer_bytes,
        .application = c->application,
        .sequence = ++link->sent,
        .time_ns = clock_ns(),
        .payload_len = o->request_bytes,
    };
    if (link->sent - link->answered == 1)
        link->progress_us = run->loop.now_us;
    if (!timer_is_running(&link->timer))
        timer_start(&run->loop, &link->timer, o->request_timeout_ms * 1000, request_timeout, link);
    c->requests++;
    run->counts.requests++;
    run->counts.request_bytes += m.payload_len;
    client_send(link->conn, &m);
    if (o->misbehave == MISBEHAVE_HALF_CLOSE && !link->has_misbehaved && link->sent >= o->misbehave_arg) {
        link->has_misbehaved = link->is_half_closed = true;
        conn_shut_write(link->conn);
    }
    return true;
}

void client_link_fill(struct client_link *link)
{
    if (run_of(link)->options->requests_per_second < RATE_MAX)
        return;
    while (client_link_request(link)) {
    }
}

void client_link_leave(struct client_link *link)
{
    struct conn *conn = link->conn;
    if (conn != NULL)
        conn_finish(conn);
    link_down(link);
}
