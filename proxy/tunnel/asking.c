/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a request for a stream from its start to the agent's answer. Belongs to the asker's thread, and while it is away to the
 * thread that it was mailed to; there nobody touches `is_forgotten` and what the answer goes to.
 */
#include "proxy/tunnel/asking.h"

#include "proxy/base/clock.h"
#include "proxy/link/hub.h"
#include "proxy/net/watch.h"
#include "proxy/session/session.h"
#include "proxy/tunnel/channel.h"
#include "proxy/tunnel/relay_accept.h"
#include "proxy/tunnel/seats.h"
#include "proxy/tunnel/waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asking {
    struct mail mail;
    struct carrier_want want;
    struct loop *home;                /* the asker's */
    char agent[SESSION_NAME_MAX + 1]; /* by name: generations come and go meanwhile */
    struct frame request;
    reached_fn *reached;
    void *arg;
    bool is_away;
    bool is_forgotten;
    bool is_dialling; /* the agent has the request: it must not be sent to another channel any more */
    enum reason why;  /* there is no channel */
    unsigned tries;   /* channels that DELIVER or ASK was said on */
    unsigned frames;  /* read from this one */
    struct session_handle spare;
    struct stream *channel;
    struct channel_reader reader;
    uint64_t round_ms; /* that its last PONG took */
    struct watch watch;
    struct deadline deadline;
    struct again again;
    struct grave grave;
};

static struct site *the_site; /* set while nothing asks, read by every thread */

static void send_to_main(struct asking *a);

/* From the asker's thread, which alone knows that it is away. */
static void leave_home(struct asking *a)
{
    a->is_away = true;
    a->home->away++;
    send_to_main(a);
}

/* -- the end -------------------------------------------------------------------------------------------------------------------
 */

static void asking_free(struct grave *g)
{
    free((char *)g - offsetof(struct asking, grave));
}

/* Stops watching; the channel is the caller's. */
static struct stream *release(struct asking *a)
{
    struct stream *channel = a->channel;

    watch_set(&a->watch, channel->fd, 0);
    deadline_clear(&a->deadline);
    loop_forget_again(a->home, &a->again);
    a->channel = NULL;
    return channel;
}

static void drop_channel(struct asking *a)
{
    if (a->channel != NULL)
        stream_close(release(a), STREAM_CLOSE_RESET);
}

static void end(struct asking *a, struct stream *stream, enum reason why)
{
    a->grave.bury = asking_free;
    loop_bury(a->home, &a->grave);
    a->reached(a->arg, stream, why);
}

static void fail(struct asking *a, enum reason why)
{
    drop_channel(a);
    end(a, NULL, why);
}

void asking_forget(struct asking *a)
{
    if (a == NULL)
        return;
    if (a->is_away) {
        a->is_forgotten = true;
        return;
    }
    drop_channel(a);
    a->grave.bury = asking_free;
    loop_bury(a->home, &a->grave);
}

/* -- the talk with the agent ---------------------------------------------------------------------------------------------------
 */

static void update(struct asking *a)
{
    watch_set(&a->watch, a->channel->fd, stream_wants(a->channel, STREAM_READ));
    if (stream_has_pending(a->channel))
        loop_call_again(a->home, &a->again);
}

/* The channel is gone, and nobody at the other end has begun: another one. */
static void lost(struct asking *a, enum reason why)
{
    if (why != REASON_ANSWER_TIMEOUT)
        why = REASON_CHANNEL_LOST;
    if (a->is_dialling || a->tries >= ADVISE_TRIES) {
        fail(a, why);
        return;
    }
    drop_channel(a);
    leave_home(a);
}

/* False: the asking has ended or gone on. */
static bool take_frame(struct asking *a, const struct frame *f)
{
    switch (f->type) {
    case FRAME_PONG:
        return true;
    case FRAME_DIALLING:
        if (a->is_dialling)
            break;
        a->is_dialling = true;
        deadline_set(&a->deadline, TUNNEL_ANSWER_MS);
        return true;
    case FRAME_OPENED:
        end(a, release(a), REASON_NONE);
        return false;
    case FRAME_REFUSED:
        fail(a, session_side_reason(reason_by_name(f->text, (unsigned)strlen(f->text)), false));
        return false;
    default:
        break;
    }
    fail(a, REASON_PROTOCOL_ERROR);
    return false;
}

static void read_frames(struct asking *a)
{
    for (;;) {
        struct frame f;
        enum channel_result result = channel_read(&a->reader, a->channel, &f);

        if (result == CHANNEL_AGAIN)
            break;
        if (result == CHANNEL_BAD || (result == CHANNEL_FRAME && ++a->frames > TUNNEL_FRAMES_MAX + 1)) {
            fail(a, REASON_PROTOCOL_ERROR);
            return;
        }
        if (result != CHANNEL_FRAME) {
            lost(a, channel_reason(result, a->channel));
            return;
        }
        if (!take_frame(a, &f))
            return;
    }
    update(a);
}

static void channel_ready(void *arg, unsigned ready)
{
    struct asking *a = arg;

    if ((ready & STREAM_WRITE) && stream_flush(a->channel) == STREAM_STEP_FAILED)
        lost(a, REASON_CHANNEL_LOST);
    else
        read_frames(a);
}

static void called_again(struct again *again)
{
    read_frames((struct asking *)((char *)again - offsetof(struct asking, again)));
}

static void answer_is_late(void *arg)
{
    lost(arg, REASON_ANSWER_TIMEOUT);
}

static void begin(struct asking *a)
{
    a->tries++;
    a->frames = 0;
    a->again = (struct again){.call = called_again};
    watch_init(&a->watch, a->home, channel_ready, a);
    deadline_init(&a->deadline, a->home, answer_is_late, a);
    deadline_set(&a->deadline, tunnel_sign_ms(a->round_ms));
    (void)channel_write(a->channel, &a->request); /* one that is broken shows that when it is read */
    update(a);
}

/* -- away ----------------------------------------------------------------------------------------------------------------------
 */

static void drop_at_home(struct mail *m)
{
    struct asking *a = (struct asking *)m;

    if (a->channel != NULL)
        stream_close(a->channel, STREAM_CLOSE_RESET);
    free(a);
}

static void come_home(struct mail *m, struct loop *loop)
{
    struct asking *a = (struct asking *)m;

    loop->away--;
    a->is_away = false;
    if (a->is_forgotten)
        drop_at_home(m);
    else if (a->channel != NULL)
        begin(a);
    else
        end(a, NULL, a->why);
}

static void send_home(struct asking *a, enum reason why)
{
    a->why = why;
    a->mail.deliver = come_home;
    a->mail.drop = drop_at_home;
    loop_post(a->home, &a->mail);
}

/* The asker may still be there, and hold on to it: home it goes. */
static void drop_away(struct mail *m)
{
    send_home((struct asking *)m, REASON_SHUTDOWN);
}

static void take_on_worker(struct mail *m, struct loop *loop)
{
    struct asking *a = (struct asking *)m;

    a->channel = relay_take_spare(worker_of(loop), a->spare, &a->reader, &a->round_ms);
    if (a->channel == NULL) {
        send_to_main(a);
        return;
    }
    a->channel->pool = &a->home->chunks;
    send_home(a, REASON_NONE);
}

static struct asking *asking_of(struct carrier_want *want)
{
    return (struct asking *)((char *)want - offsetof(struct asking, want));
}

static void want_take(struct carrier_want *want, struct session_handle spare)
{
    struct asking *a = asking_of(want);

    a->spare = spare;
    a->mail.deliver = take_on_worker;
    a->mail.drop = drop_away;
    site_post(the_site, spare.worker, &a->mail);
}

static void want_refuse(struct carrier_want *want, enum reason why)
{
    send_home(asking_of(want), why);
}

static const struct carrier_want_ops want_ops = {.take = want_take, .refuse = want_refuse};

static void wait_on_main(struct mail *m, struct loop *loop)
{
    struct asking *a = (struct asking *)m;

    (void)loop;
    seats_want(the_site->hub, a->agent, a->request.type == FRAME_ASK ? 2 : 1, &a->want);
}

static void send_to_main(struct asking *a)
{
    a->want = (struct carrier_want){.ops = &want_ops, .since_ms = clock_ms()};
    a->mail.deliver = wait_on_main;
    a->mail.drop = drop_away;
    loop_post(the_site->main, &a->mail);
}

/* -- asking --------------------------------------------------------------------------------------------------------------------
 */

struct asking *asking_start(struct loop *loop, const char *agent, const struct frame *request, reached_fn *reached, void *arg)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return NULL;
    a->home = loop;
    snprintf(a->agent, sizeof(a->agent), "%s", agent);
    a->request = *request;
    a->reached = reached;
    a->arg = arg;
    leave_home(a);
    return a;
}

static struct reaching *reach(struct loop *loop, const struct reach_for *what, reached_fn *reached, void *arg)
{
    struct frame f = {.type = FRAME_ASK, .number = what->stream_id, .client = what->client, .port = what->port};

    if (!address_is_set(&f.client)) /* we ourselves */
        (void)address_parse("0.0.0.0", &f.client);
    strcpy(f.text, what->endpoint->host);
    strcpy(f.behind, what->behind);
    return (struct reaching *)asking_start(loop, what->endpoint->agent, &f, reached, arg);
}

static void forget(struct reaching *r)
{
    asking_forget((struct asking *)r);
}

static const struct reach_ops asking_ops = {.start = reach, .forget = forget};

void asking_init(struct site *site)
{
    the_site = site;
    reach_init(&asking_ops);
}
