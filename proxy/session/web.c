/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the decisions of a web session in mode "tcp": the servers of its front door, in their order. On the session's worker. */
#include "proxy/session/web.h"

#include "proxy/session/dial.h"
#include "proxy/session/door.h"

static void web_dial(struct session *s)
{
    const struct cfg_web *web = s->ask.web;

    session_dial_hosts(s, web->upstream.servers, web->upstream.servers_count, NULL, (struct port_range){0, 0}, NULL);
}

static void web_back_greeted(struct session *s)
{
    (void)session_dial_done(s);
    session_relay(s);
}

static const struct session_back web_back = {
    .name = "web",
    .purpose = ACCOUNT_UPSTREAM,
    .dial = web_dial,
    .greeted = web_back_greeted,
    .failed = session_dial_next,
};

static void web_greeted(struct session *s)
{
    s->ask.name = s->ask.web->name;
    s->ask.client = s->front->peer;
    if (door_admit_client(s))
        session_dial(s, SESSION_WEB, &web_back);
}

const struct session_front web_front = {.name = "web", .greeted = web_greeted};
