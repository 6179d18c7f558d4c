/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what workers tell the seats: mails of theirs, and what becomes of them on the main loop. */
#include "proxy/tunnel/seats_parts.h"

#include "proxy/net/socket.h"
#include "proxy/tunnel/relay_accept.h"

#include <stdlib.h>
#include <string.h>

struct seat_mail {
    struct mail mail;
    struct site *site;
    const struct cfg_agent *agent;
    struct stream *stream;
    struct frame hello;
    uint8_t instance[FRAME_INSTANCE];
    struct session_handle spare;
};

static void seat_mail_drop(struct mail *m)
{
    struct seat_mail *mail = (struct seat_mail *)m;

    if (mail->stream != NULL)
        stream_close(mail->stream, STREAM_CLOSE_RESET);
    free(mail);
}

/* Seats may be gone while the program ends, or the agent from the configuration: then there is none. */
static struct seat *seat_of_mail(const struct seat_mail *mail)
{
    return seats_find(mail->site->hub, mail->agent->name);
}

static void control_arrived(struct mail *m, struct loop *loop)
{
    struct seat_mail *mail = (struct seat_mail *)m;
    struct seat *seat = seat_of_mail(mail);
    const struct cfg_timeouts *timeouts = &mail->site->cfg->timeouts;

    (void)loop;
    if (seat != NULL) {
        socket_guard(mail->stream->fd, timeouts->dead_peer_s, timeouts->firewall_idle_s); /* no sweep comes to the main loop */
        seat_take_control(seat, mail->stream, &mail->hello);
        mail->stream = NULL;
    }
    seat_mail_drop(m);
}

static void spare_ready(struct mail *m, struct loop *loop)
{
    struct seat_mail *mail = (struct seat_mail *)m;
    struct seat *seat = seat_of_mail(mail);

    (void)loop;
    if (seat != NULL)
        seat_add_spare(seat, mail->spare, mail->instance);
    else
        relay_close_spare(mail->site, mail->spare, REASON_AGENT_UNKNOWN);
    seat_mail_drop(m);
}

static void spare_gone(struct mail *m, struct loop *loop)
{
    struct seat_mail *mail = (struct seat_mail *)m;
    struct seat *seat = seat_of_mail(mail);

    (void)loop;
    if (seat != NULL)
        seat_remove_spare(seat, mail->spare);
    seat_mail_drop(m);
}

static struct seat_mail *seat_mail_new(struct worker *w, const struct cfg_agent *agent)
{
    struct seat_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL)
        return NULL;
    mail->mail.drop = seat_mail_drop;
    mail->site = w->site;
    mail->agent = agent;
    return mail;
}

void seats_control_arrived(struct worker *w, const struct cfg_agent *agent, struct stream *stream, const struct frame *hello)
{
    struct seat_mail *mail = seat_mail_new(w, agent);

    if (mail == NULL) {
        stream_close(stream, STREAM_CLOSE_RESET);
        return;
    }
    mail->mail.deliver = control_arrived;
    mail->stream = stream;
    mail->hello = *hello;
    loop_post(w->site->main, &mail->mail);
}

void seats_spare_ready(struct worker *w, const struct cfg_agent *agent, const uint8_t instance[FRAME_INSTANCE],
                       struct session_handle spare)
{
    struct seat_mail *mail = seat_mail_new(w, agent);

    if (mail == NULL)
        return; /* it is never taken, and its heartbeats go on */
    mail->mail.deliver = spare_ready;
    memcpy(mail->instance, instance, FRAME_INSTANCE);
    mail->spare = spare;
    loop_post(w->site->main, &mail->mail);
}

void seats_spare_gone(struct worker *w, const struct cfg_agent *agent, struct session_handle spare)
{
    struct seat_mail *mail = seat_mail_new(w, agent);

    if (mail == NULL)
        return; /* whoever takes it will be told that it is gone */
    mail->mail.deliver = spare_gone;
    mail->spare = spare;
    loop_post(w->site->main, &mail->mail);
}

static void try_again(struct mail *m, struct loop *loop)
{
    struct advise_call *call = (struct advise_call *)m;

    (void)loop;
    seats_deliver(call->site->hub, call);
}

static void drop_call(struct mail *m)
{
    advise_call_refuse((struct advise_call *)m, REASON_SHUTDOWN);
}

void seats_try_again(struct worker *w, struct advise_call *call)
{
    call->mail.deliver = try_again;
    call->mail.drop = drop_call;
    loop_post(w->site->main, &call->mail);
}
