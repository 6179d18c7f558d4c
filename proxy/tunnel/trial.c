/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the stream of a trial. Main loop. */
#include "proxy/tunnel/trial.h"

#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "tls/identity.h"
#include "tls/stream.h"

#include <string.h>

void trial_stop(struct trial *t)
{
    if (t->loop == NULL)
        return;
    deadline_clear(&t->deadline);
    if (t->stream == NULL)
        return;
    watch_set(&t->watch, t->stream->fd, 0);
    stream_close(t->stream, STREAM_CLOSE_ORDERLY);
    t->stream = NULL;
}

static void end(struct trial *t, enum reason why)
{
    trial_stop(t);
    t->done(t->arg, why);
}

static void too_late(void *arg)
{
    end(arg, REASON_ANSWER_TIMEOUT);
}

static void watch(struct trial *t)
{
    watch_set(&t->watch, t->stream->fd, stream_wants(t->stream, STREAM_READ));
}

/* PING is what a relay says to a spare channel that it has taken in. */
static void hear(struct trial *t)
{
    struct frame f;
    enum channel_result result = channel_read(&t->reader, t->stream, &f);

    if (result == CHANNEL_AGAIN)
        watch(t);
    else if (result != CHANNEL_FRAME)
        end(t, channel_reason(result, t->stream));
    else if (f.type == FRAME_REFUSED)
        end(t, reason_by_name(f.text, (unsigned)strlen(f.text)));
    else
        end(t, f.type == FRAME_PING ? REASON_NONE : REASON_PROTOCOL_ERROR);
}

static void greet(struct trial *t)
{
    struct frame f = {.type = FRAME_SPARE};
    enum reason why;

    switch (stream_greet(t->stream)) {
    case STREAM_STEP_AGAIN:
        watch(t);
        return;
    case STREAM_STEP_FAILED:
        end(t, t->stream->why);
        return;
    default:
        break;
    }
    why = identity_check_relay(t->stream);
    memcpy(f.instance, t->instance, sizeof(f.instance));
    if (why == REASON_NONE && !channel_write(t->stream, &f))
        why = REASON_CHANNEL_LOST;
    if (why != REASON_NONE) {
        end(t, why);
        return;
    }
    t->is_greeted = true;
    hear(t);
}

static void ready(void *arg, unsigned what)
{
    struct trial *t = arg;

    if ((what & STREAM_WRITE) && t->is_greeted && stream_flush(t->stream) == STREAM_STEP_FAILED)
        end(t, REASON_CHANNEL_LOST);
    else if (t->is_greeted)
        hear(t);
    else
        greet(t);
}

/* Nothing is told before the caller has returned. */
static void not_dialled(void *arg)
{
    end(arg, REASON_DIAL_FAILED);
}

void trial_start(struct trial *t, struct loop *loop, const struct cfg *cfg, struct tls_context *tls, const struct address *relay,
                 const uint8_t instance[FRAME_INSTANCE], trial_fn *done, void *arg)
{
    enum reason why = REASON_NONE;
    int fd = socket_dial(relay, NULL, cfg->advise_ports, &why);
    struct stream *tcp = fd >= 0 ? tcp_stream_connect(fd, relay, ACCOUNT_RELAY, &loop->chunks) : NULL;

    *t = (struct trial){.loop = loop, .done = done, .arg = arg};
    memcpy(t->instance, instance, sizeof(t->instance));
    t->stream = tcp != NULL ? tls_stream_connect(tls, tcp, 0) : NULL;
    deadline_init(&t->deadline, loop, t->stream != NULL ? too_late : not_dialled, t);
    if (t->stream == NULL) {
        deadline_set(&t->deadline, 0);
        return;
    }
    deadline_set(&t->deadline, (uint64_t)cfg->timeouts.dial_ms + (uint64_t)cfg->timeouts.handshake_s * 1000);
    watch_init(&t->watch, loop, ready, t);
    watch(t);
}
