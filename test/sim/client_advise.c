/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of the server advise: it accepts, checks that each alarm is its own, whole and in order, and acknowledges.
 * The newest advise wins: an older one may be a connection whose other end died unseen.
 */
#include "test/sim/client_parts.h"

#include <string.h>

#define ACK_DELAY_US 100000

static struct conn *alarm_carrier(const struct client *c)
{
    if (c->run->options->is_modern)
        return c->links[0].state == LINK_UP ? c->links[0].conn : NULL;
    return c->advise;
}

void client_ack(void *client)
{
    struct client *c = client;
    struct conn *carrier = alarm_carrier(c);
    uint64_t complete = tally_complete(&c->tally);
    timer_stop(&c->run->loop, &c->ack_timer);
    if (carrier == NULL || complete == c->acked || (carrier == c->links[0].conn && c->links[0].is_half_closed))
        return; /* the next connection tells the server where we stand */
    if (conn_pending(carrier) > OUTPUT_LIMIT) {
        timer_start(&c->run->loop, &c->ack_timer, ACK_DELAY_US, client_ack, c);
        return;
    }
    c->acked = complete;
    client_send(carrier, &(struct message){.type = MESSAGE_ACK,
                                           .application = c->application,
                                           .instance = c->tally.instance,
                                           .sequence = complete,
                                           .time_ns = clock_ns()});
}

static bool is_mine(const struct client *c, const struct message *m)
{
    return m->application == c->application && m->name_len == strlen(c->name) && memcmp(m->name, c->name, m->name_len) == 0;
}

static void stall_over(void *arg)
{
    struct client *c = arg;
    if (c->advise != NULL)
        conn_resume(c->advise);
}

static void maybe_stall(struct client *c)
{
    const struct options *o = c->run->options;
    if (o->misbehave != MISBEHAVE_STALL_ADVISE || c->has_stalled || c->advise == NULL)
        return;
    c->has_stalled = true;
    conn_pause(c->advise);
    timer_start(&c->run->loop, &c->stall_timer, o->misbehave_arg * 1000000, stall_over, c);
}

void client_alarm(struct client *c, const struct message *m)
{
    struct run *run = c->run;
    bool is_resend = (m->flags & MESSAGE_RESEND) != 0;
    if (!m->is_intact)
        run->counts.corrupt++;
    else if (!is_mine(c, m)) {
        run->counts.foreign++;
        return;
    }
    if (m->instance != c->tally.instance) {
        run->counts.stale++; /* from the server's earlier life, still under way when the new one said hello */
        return;
    }
    if (tally_alarm(&c->tally, m->sequence, is_resend) && !is_resend)
        histogram_add(&run->alarm_us, (clock_ns() - m->time_ns) / 1000);
    if (tally_complete(&c->tally) >= c->acked + run->options->ack_every)
        client_ack(c);
    else if (!timer_is_running(&c->ack_timer))
        timer_start(&run->loop, &c->ack_timer, ACK_DELAY_US, client_ack, c);
    maybe_stall(c);
}

static void send_ready(struct client *c)
{
    client_send(c->advise, &(struct message){.type = MESSAGE_ADVISE_READY,
                                             .application = c->application,
                                             .instance = c->tally.instance,
                                             .sequence = tally_complete(&c->tally),
                                             .time_ns = clock_ns()});
}

static void advise_message(struct client *c, const struct message *m)
{
    if (m->type == MESSAGE_ALARM) {
        client_alarm(c, m);
    } else if (m->type != MESSAGE_ADVISE_HELLO) {
        c->run->counts.errors++;
    } else if (!m->is_intact) {
        c->run->counts.corrupt++;
    } else if (!is_mine(c, m)) {
        c->run->counts.foreign++;
    } else {
        c->is_greeted = true;
        if (c->tally.instance != m->instance)
            c->acked = 0;
        tally_instance(&c->tally, m->instance);
        if (c->run->options->speak_last)
            send_ready(c);
    }
}

static void advise_lost(struct client *c)
{
    c->advise = NULL;
    c->is_greeted = false;
    timer_stop(&c->run->loop, &c->stall_timer);
    c->run->counts.advises--;
}

static size_t advise_data(void *owner, const uint8_t *bytes, size_t len)
{
    struct client *c = owner;
    size_t used = 0;
    while (!c->advise->is_paused) {
        struct message m;
        long got = message_parse(bytes + used, len - used, &m);
        if (got == 0)
            break;
        if (got < 0) {
            c->run->counts.corrupt++;
            conn_reset(c->advise);
            advise_lost(c);
            break;
        }
        used += (size_t)got;
        advise_message(c, &m);
    }
    client_update(c);
    return used;
}

static void advise_drained(void *owner)
{
    (void)owner; /* acknowledgements are small and have their own timer */
}

static void advise_ended(void *owner)
{
    struct client *c = owner;
    if (c->phase != CLIENT_CLOSING)
        c->run->counts.advise_ends++;
    conn_close(c->advise);
    advise_lost(c);
    client_update(c);
}

static void advise_gone(void *owner, int error)
{
    struct client *c = owner;
    (void)error;
    c->run->counts.advise_resets++;
    advise_lost(c);
    client_update(c);
}

static const struct conn_events advise_events = {
    .data = advise_data,
    .drained = advise_drained,
    .end = advise_ended,
    .gone = advise_gone,
};

void client_advise_accept(void *client, int fd)
{
    struct client *c = client;
    struct run_counts *counts = &c->run->counts;
    counts->advise_accepts++;
    if (c->advise != NULL) {
        counts->advise_replaced++;
        conn_close(c->advise);
        advise_lost(c);
    }
    c->advise = conn_accept(&c->run->loop, fd, &advise_events, c);
    if (c->advise == NULL) {
        counts->errors++;
        return;
    }
    counts->advises++;
    if (!c->run->options->speak_last)
        send_ready(c);
    client_update(c);
}
