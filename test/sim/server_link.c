/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links as the simulated server sees them: it learns the application from the first message, checks each request and
 * answers it with as many bytes as it asks for. Runs on the loop's only thread.
 */
#include "test/sim/server_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void server_send(struct conn *c, const struct message *m)
{
    message_write(conn_reserve(c, message_length(m)), m);
    conn_flush(c);
}

/* The connection is closed or owned by the kernel alone; forget the link. */
static void link_forget(struct link *link)
{
    struct server *s = link->server;
    link->conn = NULL;
    s->counts.links--;
    if (link->app != NULL)
        application_link_down(link->app, link);
    *(link->prev != NULL ? &link->prev->next : &s->links) = link->next;
    if (link->next != NULL)
        link->next->prev = link->prev;
    loop_free_later(&s->loop, link);
}

static void link_reset(struct link *link)
{
    conn_reset(link->conn);
    link_forget(link);
}

static void learn_address(struct link *link, const struct message *m)
{
    struct application *app = link->app;
    const struct options *o = link->server->options;
    struct address to;
    char text[ADDRESS_TEXT] = "";
    conn_peer(link->conn, &to);
    if (o->dial == DIAL_ANNOUNCED) {
        memcpy(text, m->payload, m->payload_len < sizeof(text) - 1 ? m->payload_len : sizeof(text) - 1);
        text[strcspn(text, " ")] = '\0';
        if (address_parse_ip(&to, text) != 0)
            to.len = 0;
    }
    if (to.len == 0) {
        link->server->counts.errors++;
        return;
    }
    address_set_port(&to, (uint16_t)(o->misbehave == MISBEHAVE_DIAL_WRONG_PORT ? o->misbehave_arg : message_port(m)));
    if (app->state != ADVISE_NONE && !address_equal(&to, &app->dial_to))
        advise_stop(app);
    app->dial_to = to;
    if (o->dial != DIAL_NONE)
        advise_start(app);
}

static void link_hello(struct link *link, const struct message *m)
{
    struct server *s = link->server;
    struct application *app = application_get(s, m->application);
    if (app == NULL || link->app != NULL) {
        s->counts.errors++;
        link_reset(link);
        return;
    }
    bool is_first = (m->flags & MESSAGE_ANNOUNCES) != 0;
    link->app = app;
    link->number = m->link;
    memcpy(app->name, m->name, m->name_len);
    app->name[m->name_len] = '\0';
    app->is_modern = (m->flags & MESSAGE_MODERN) != 0;
    application_link_up(app, link, is_first);
    server_send(link->conn, &(struct message){.type = MESSAGE_WELCOME,
                                              .application = app->id,
                                              .instance = s->instance,
                                              .link = link->number,
                                              .time_ns = clock_ns()});
    if (is_first && app->is_modern)
        application_start_alarms(app);
    else if (is_first && message_port(m) != 0)
        learn_address(link, m);
}

static void link_answer(struct link *link, const struct message *m)
{
    struct message answer = {
        .type = MESSAGE_ANSWER,
        .link = link->number,
        .application = m->application,
        .instance = link->server->instance,
        .sequence = m->sequence,
        .time_ns = m->time_ns,
        .payload_len = m->argument,
    };
    link->answers++;
    link->server->counts.answers++;
    link->server->counts.answer_bytes += m->argument;
    server_send(link->conn, &answer);
    if (conn_pending(link->conn) >= OUTPUT_LIMIT)
        conn_pause(link->conn);
}

static void misbehave_after_answer(struct link *link)
{
    const struct options *o = link->server->options;
    if (o->misbehave == MISBEHAVE_STALL && link->requests >= o->misbehave_arg) {
        link->is_stalled = true;
        conn_pause(link->conn);
    } else if (o->misbehave == MISBEHAVE_HALF_CLOSE && link->answers >= o->misbehave_arg && !link->is_half_closed) {
        link->is_half_closed = true;
        conn_shut_write(link->conn);
    } else if (o->misbehave == MISBEHAVE_RESET && link->answers >= o->misbehave_arg) {
        link_reset(link);
    }
}

static void link_request(struct link *link, const struct message *m)
{
    struct server_counts *counts = &link->server->counts;
    counts->requests++;
    counts->request_bytes += m->payload_len;
    if (m->sequence != ++link->requests) {
        counts->reordered++;
        link->requests = m->sequence;
    }
    if (m->argument > MESSAGE_PAYLOAD_MAX) {
        counts->errors++;
        link_reset(link);
        return;
    }
    if (!link->is_half_closed)
        link_answer(link, m);
    misbehave_after_answer(link);
}

static void link_message(struct link *link, const struct message *m)
{
    struct server_counts *counts = &link->server->counts;
    if (!m->is_intact) {
        counts->corrupt++;
    } else if (m->type == MESSAGE_HELLO) {
        link_hello(link, m);
    } else if (link->app == NULL) {
        counts->errors++;
        link_reset(link);
    } else if (m->application != link->app->id || m->link != link->number) {
        counts->foreign++;
    } else if (m->type == MESSAGE_REQUEST) {
        link_request(link, m);
    } else if (m->type == MESSAGE_ACK) {
        application_ack(link->app, m->instance, m->sequence);
    } else if (m->type == MESSAGE_FINISH) {
        link->app->is_finishing = true;
        server_send(link->conn, &(struct message){.type = MESSAGE_FINISHED,
                                                  .application = link->app->id,
                                                  .instance = link->server->instance,
                                                  .link = link->number,
                                                  .sequence = link->app->sent});
    } else if (m->type == MESSAGE_PARTING && m->sequence == link->requests) {
        counts->after_fin++;
    } else {
        counts->errors++;
    }
}

static size_t link_data(void *owner, const uint8_t *bytes, size_t len)
{
    struct link *link = owner;
    size_t used = 0;
    while (link->conn != NULL && !link->conn->is_paused) {
        struct message m;
        long got = message_parse(bytes + used, len - used, &m);
        if (got == 0)
            break;
        if (got < 0) {
            link->server->counts.corrupt++;
            link_reset(link);
            break;
        }
        used += (size_t)got;
        link_message(link, &m);
    }
    return used;
}

static void link_drained(void *owner)
{
    struct link *link = owner;
    if (!link->is_stalled)
        conn_resume(link->conn);
    if (link->app != NULL && link->app->first_link == link && link->app->is_modern)
        application_pump(link->app);
}

static void link_ended(void *owner)
{
    struct link *link = owner;
    link->server->counts.link_ends++;
    conn_finish(link->conn);
    link_forget(link);
}

static void link_gone(void *owner, int error)
{
    struct link *link = owner;
    if (error == ECONNRESET || error == EPIPE)
        link->server->counts.link_resets++;
    else
        link->server->counts.link_breaks++;
    link_forget(link);
}

static const struct conn_events link_events = {
    .data = link_data,
    .drained = link_drained,
    .end = link_ended,
    .gone = link_gone,
};

void link_accept(void *server, int fd)
{
    struct server *s = server;
    struct link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        abort();
    link->server = s;
    link->conn = conn_accept(&s->loop, fd, &link_events, link);
    if (link->conn == NULL) {
        s->counts.errors++;
        free(link);
        return;
    }
    link->next = s->links;
    if (link->next != NULL)
        link->next->prev = link;
    s->links = link;
    s->counts.links++;
    s->counts.link_accepts++;
}
