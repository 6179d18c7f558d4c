/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from accept to the first decision. On its worker. */
#include "proxy/session/door.h"

#include "proxy/base/clock.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/session/admit.h"
#include "proxy/session/session_log.h"
#include "proxy/session/tally.h"
#include "tls/stream.h"

/* On a listener that a web door and the tunnel share: only now it is known for which of them this is. Without a word, as before.
 */
static bool is_for(struct session *s, const struct door *door, bool is_tunnel)
{
    const struct cfg_admission *list = is_tunnel ? &door->tunnel->admission : &door->web->admission;

    if (admission_allows(list, &s->front->peer))
        return true;
    s->kind = is_tunnel ? SESSION_TUNNEL : SESSION_WEB;
    s->ask.name = is_tunnel ? "tunnel" : door->name;
    session_refuse(s, SESSION_AT_RELAY, REASON_ACCESS_DENIED);
    return false;
}

static void door_greeted(struct session *s)
{
    const struct door *door = door_of(s);
    struct tls_facts facts;

    if (door_tls(door) == NULL) {
        s->front_ops = door->plain_ops;
    } else {
        tls_stream_facts(s->front, &facts);
        tally_mine.handshakes[facts.is_resumed ? TALLY_HANDSHAKE_RESUMED : TALLY_HANDSHAKE_FULL]++;
        tally_time(&tally_mine.handshake_time, clock_ms() - s->started_ms);
        if (!is_for(s, door, facts.is_tunnel))
            return;
        s->front_ops = facts.is_tunnel ? door->tunnel_ops : door->web_ops;
    }
    s->front_ops->greeted(s);
}

static const struct session_front door_front = {.name = "door", .greeted = door_greeted};

static struct stream *front_new(struct door *door, int fd, const struct address *peer, const struct address *local)
{
    struct chunk_pool *pool = &door->worker->loop.chunks;

    if (door_tls(door) != NULL)
        return tls_stream_accept(door_tls(door), fd, peer, local, pool);
    return tcp_stream_accept(fd, peer, local, pool);
}

static void turn_away(const struct door *door, const struct address *peer, const struct address *local, enum reason why,
                      const char *rule)
{
    tally_mine.refused[SESSION_UNKNOWN][why]++;
    session_log_turned_away(door->worker, door->name, peer, local, why, rule);
}

/* REASON_NONE: it counts in the quota. Nobody learns why it is refused, but the log. */
static enum reason enter(const struct door *door, const struct address *peer, bool is_greeting, const char **ret_rule,
                         char rule[ADMISSION_RULE])
{
    enum reason why = site_is_island(door->worker->site) ? REASON_ISLAND : admit_address(door, peer);

    *ret_rule = why != REASON_ACCESS_DENIED ? NULL : admission_rule(admit_list(door), peer, rule);
    if (why == REASON_NONE)
        why = admit_rate(door, peer);
    return why == REASON_NONE ? quota_enter(door->worker->site->quota, is_greeting) : why;
}

static void door_accepted(void *arg, int fd, const struct address *peer, const struct address *local)
{
    struct door *door = arg;
    struct worker *w = door->worker;
    bool is_greeting = door_tls(door) != NULL;
    char text[ADMISSION_RULE];
    const char *rule;
    enum reason why = enter(door, peer, is_greeting, &rule, text);
    struct stream *front;
    struct session *s;

    if (why != REASON_NONE) {
        turn_away(door, peer, local, why, rule);
        socket_reset(fd);
        return;
    }
    front = front_new(door, fd, peer, local);
    s = front != NULL ? session_new(w, front, &door_front) : NULL;
    if (s == NULL) {
        if (is_greeting)
            quota_greeted(w->site->quota);
        quota_leave(w->site->quota);
        turn_away(door, peer, local, REASON_NO_MEMORY, NULL);
        return;
    }
    s->door = door;
    s->has_entered = true;
    s->is_greeting = is_greeting;
    s->ask.web = door->web;
    s->ask.link = door->link;
    session_start(s, (uint64_t)w->cfg->timeouts.handshake_s * 1000);
}

int door_open(struct door *door, int fd)
{
    door->listener = listener_borrow(&door->worker->loop, fd, door->purpose, door_accepted, door);
    return door->listener != NULL ? 0 : -1;
}

void door_close(struct door *door)
{
    listener_close(door->listener);
    door->listener = NULL;
}

void door_finish(struct door *door)
{
    listener_finish(door->listener);
    door->listener = NULL;
}

bool door_admit_client(struct session *s)
{
    enum reason why = quota_enter_client(s->worker->site->quota, s->ask.behind, &s->ask.client);

    if (why != REASON_NONE) {
        session_refuse(s, SESSION_AT_RELAY, why);
        return false;
    }
    s->has_client = true;
    return true;
}
