/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One simulated client machine: its addresses, its advise port, the pace of its requests, and the way to its end.
 * client_update() derives from the state of links and advise what is to be done next; nothing else changes the phase.
 */
#include "test/sim/client_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TICK_MIN_US 10000.0

/* As ViewX does: the first free port of the range, and any free one when the whole range is taken. */
static int open_listener(struct client *c)
{
    const struct options *o = c->run->options;
    struct address at = c->bind.len != 0 ? c->bind : address_any(&o->server);
    char text[ADDRESS_TEXT];
    int rc = -1;
    for (uint64_t port = o->first_port; rc != 0 && port <= o->last_port; port++) {
        address_set_port(&at, (uint16_t)port);
        rc = listener_open(&c->listener, &c->run->loop, &at, client_advise_accept, c);
        if (rc != 0 && errno != EADDRINUSE)
            break;
    }
    if (rc != 0 && errno == EADDRINUSE) {
        address_set_port(&at, 0);
        rc = listener_open(&c->listener, &c->run->loop, &at, client_advise_accept, c);
    }
    if (rc != 0) {
        fprintf(stderr, "geosim: %s: listen %s: %s\n", c->name, address_format(&at, text), strerror(errno));
        return -1;
    }
    c->port = address_port(&at);
    if (o->misbehave == MISBEHAVE_NO_LISTEN)
        listener_close(&c->listener);
    return 0;
}

int client_init(struct client *c, struct run *run, unsigned i)
{
    const struct options *o = run->options;
    c->run = run;
    c->listener.watch.fd = -1;
    c->bind = o->bind;
    c->announce = o->announce_address;
    if (!o->same_address && c->bind.len != 0)
        address_add(&c->bind, i);
    if (!o->same_address && c->announce.len != 0)
        address_add(&c->announce, i);
    if (o->clients > 1)
        snprintf(c->name, sizeof(c->name), "%.55s-%u", o->name, i + 1);
    else
        snprintf(c->name, sizeof(c->name), "%s", o->name);
    if (getrandom(&c->application, sizeof(c->application), 0) != (ssize_t)sizeof(c->application))
        return -1;
    c->links = calloc(o->links, sizeof(*c->links));
    if (c->links == NULL)
        abort();
    for (uint32_t n = 0; n < o->links; n++)
        c->links[n] = (struct client_link){.client = c, .number = n, .backoff_ms = o->retry_first_ms};
    return o->is_modern ? 0 : open_listener(c);
}

void client_fini(struct client *c)
{
    if (c->run == NULL)
        return;
    listener_close(&c->listener);
    for (uint64_t n = 0; c->links != NULL && n < c->run->options->links; n++) {
        timer_stop(&c->run->loop, &c->links[n].timer);
        timer_stop(&c->run->loop, &c->links[n].stall_timer);
    }
    timer_stop(&c->run->loop, &c->request_timer);
    timer_stop(&c->run->loop, &c->stall_timer);
    timer_stop(&c->run->loop, &c->ack_timer);
    free(c->links);
    c->links = NULL;
}

/* Send as many requests as time has earned, over the links in turn. */
static void request_tick(void *arg)
{
    struct client *c = arg;
    const struct options *o = c->run->options;
    double rate = o->requests_per_second, us = 1e6 / rate;
    uint64_t now = c->run->loop.now_us;
    c->credit += (double)(now - c->credit_at_us) * rate / 1e6;
    c->credit_at_us = now;
    unsigned refused = 0;
    while (c->credit >= 1 && refused < o->links) {
        bool sent = client_link_request(&c->links[c->next_link]);
        c->next_link = (c->next_link + 1) % (unsigned)o->links;
        refused = sent ? 0 : refused + 1;
        c->credit -= sent ? 1 : 0;
    }
    if (c->credit > (double)o->pipeline)
        c->credit = (double)o->pipeline; /* what could not be sent in time is not made up for */
    timer_start(&c->run->loop, &c->request_timer, (uint64_t)(us > TICK_MIN_US ? us : TICK_MIN_US), request_tick, c);
}

void client_start(struct client *c)
{
    double rate = c->run->options->requests_per_second;
    c->phase = CLIENT_RUNNING;
    c->credit_at_us = c->run->loop.now_us;
    if (rate > 0 && rate < RATE_MAX) {
        double first = 1e6 / rate * (double)(rand() % 1000) / 1000.0; // NOLINT: a random phase, no secret
        timer_start(&c->run->loop, &c->request_timer, (uint64_t)first, request_tick, c);
    }
    client_link_dial(&c->links[0]);
}

static void update_connected(struct client *c)
{
    struct run *run = c->run;
    const struct options *o = run->options;
    bool is_connected = o->is_modern || o->misbehave == MISBEHAVE_NO_LISTEN || c->is_greeted;
    for (uint64_t n = 0; is_connected && n < o->links; n++)
        is_connected = c->links[n].state == LINK_UP;
    if (is_connected == c->is_connected)
        return;
    c->is_connected = is_connected;
    run->connected += is_connected ? 1 : -1u;
    if (run->connected < run->count || run->was_connected)
        return;
    run->was_connected = true;
    printf("connected clients=%u ms=%llu\n", run->count, (unsigned long long)(run->loop.now_us - run->started_us) / 1000);
    fflush(stdout);
}

static void update_satisfied(struct client *c)
{
    struct run *run = c->run;
    const struct options *o = run->options;
    bool has_goal = o->alarms != 0 || o->requests != 0;
    if (!has_goal || c->is_satisfied || !c->is_connected || c->tally.received < o->alarms || c->answers < o->requests)
        return;
    c->is_satisfied = true;
    if (++run->satisfied == run->count)
        run_finish(run);
}

static bool has_unanswered(const struct client *c)
{
    for (uint64_t n = 0; n < c->run->options->links; n++)
        if (c->links[n].state == LINK_UP && c->links[n].sent != c->links[n].answered)
            return true;
    return false;
}

static void ask_last_alarm(struct client *c)
{
    struct client_link *first = &c->links[0];
    if (first->state != LINK_UP || first->is_half_closed || has_unanswered(c))
        return;
    c->has_finish_sent = true;
    client_send(first->conn, &(struct message){.type = MESSAGE_FINISH, .application = c->application, .time_ns = clock_ns()});
}

static void close_links(struct client *c)
{
    client_ack(c);
    c->phase = CLIENT_CLOSING;
    for (uint64_t n = 0; n < c->run->options->links; n++)
        client_link_leave(&c->links[n]);
}

static void client_done(struct client *c)
{
    c->phase = CLIENT_DONE;
    if (++c->run->done == c->run->count)
        loop_stop(&c->run->loop);
}

void client_update(struct client *c)
{
    if (c->phase == CLIENT_RUNNING) {
        update_connected(c);
        update_satisfied(c); /* may move every client to FINISHING */
    }
    if (c->phase == CLIENT_FINISHING && !c->has_finish_sent && !c->has_finished)
        ask_last_alarm(c);
    if (c->phase == CLIENT_FINISHING && c->has_finished && c->tally.highest >= c->last_alarm)
        close_links(c);
    if (c->phase == CLIENT_CLOSING && c->advise == NULL)
        client_done(c);
}

void client_finish(struct client *c)
{
    timer_stop(&c->run->loop, &c->request_timer);
    if (c->phase != CLIENT_RUNNING)
        return;
    c->phase = CLIENT_FINISHING;
    client_update(c);
}
