/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the three answers. On the session's worker. */
#include "proxy/tunnel/answer.h"

#include "proxy/tunnel/channel.h"

/* DIALLING is sent when the back has not answered by then. */
#define NOTICE_MS 250

bool answer_refuse(struct session *s, enum reason why)
{
    return channel_write_reason(s->front, FRAME_REFUSED, why);
}

static bool answer_opened(struct session *s)
{
    return channel_write(s->front, &(struct frame){.type = FRAME_OPENED});
}

static void answer_dialling(struct session *s)
{
    if (!channel_write(s->front, &(struct frame){.type = FRAME_DIALLING}))
        session_close(s, REASON_CHANNEL_LOST);
}

/* Never called: the request has been read, so the session never stands in CHOOSE with these. */
static void answer_greeted(struct session *s)
{
    session_close(s, REASON_PROTOCOL_ERROR);
}

const struct session_front answer_front = {
    .name = "tunnel",
    .greeted = answer_greeted,
    .answer = answer_opened,
    .refuse = answer_refuse,
};

const struct session_front answer_front_notice = {
    .name = "tunnel",
    .greeted = answer_greeted,
    .answer = answer_opened,
    .notice = answer_dialling,
    .notice_ms = NOTICE_MS,
    .refuse = answer_refuse,
};
