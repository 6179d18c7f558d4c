/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a session's plan of addresses to try, freed when it relays or ends. On the session's worker. */
#include "proxy/session/dial.h"

#include "proxy/base/clock.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/session/reach.h"
#include "proxy/session/resolve_hint.h"
#include "proxy/session/tally.h"

#include <stdlib.h>

/* 16 servers with 8 addresses each could be had; nobody waits for more than this many attempts. */
#define TARGETS_MAX 16

/* An agent's answer comes within its own deadlines; this is only for the case that it was lost on the way. */
#define REACH_MS 120000

struct target {
    struct address address;  /* unset: an agent dials */
    struct known_host *host; /* NULL: an address that is no endpoint of the configuration */
};

struct plan {
    struct target targets[TARGETS_MAX];
    unsigned count;
    unsigned next;
    struct address source;
    struct port_range avoid;
    dial_wrap_fn *wrap;
    struct reaching *reaching; /* an agent was asked for the last target; NULL: none is */
};

void session_dial_forget(struct session *s)
{
    struct plan *plan = s->opening != NULL ? s->opening->plan : NULL;

    if (plan == NULL)
        return;
    reach_forget(plan->reaching);
    plan->reaching = NULL;
}

void session_dial_end(struct session *s)
{
    session_dial_forget(s);
    free(s->opening->plan);
    s->opening->plan = NULL;
}

static struct plan *plan_new(struct session *s)
{
    session_dial_end(s);
    s->opening->plan = calloc(1, sizeof(struct plan));
    if (s->opening->plan == NULL)
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
    return s->opening->plan;
}

static void add_target(struct plan *plan, const struct address *address, struct known_host *host)
{
    if (plan->count < TARGETS_MAX)
        plan->targets[plan->count++] = (struct target){.address = *address, .host = host};
}

static void add_host(struct plan *plan, struct known_host *host, uint16_t port)
{
    const struct address unset = {0};

    if (host->endpoint->agent != NULL)
        add_target(plan, &unset, host);
    for (unsigned i = 0; i < host->addresses.count; i++) {
        struct address address = host->addresses.list[i];

        if (host->endpoint->has_any_port)
            address_set_port(&address, port);
        add_target(plan, &address, host);
    }
}

/* An agent has its own memory of what did not answer, by the address that it dialled from. */
static void note_failure(struct session *s, const struct plan *plan, struct known_host *host, enum reason why)
{
    if (host == NULL || host->endpoint->agent != NULL)
        return;
    /* Of a host with any port, one port that is silent says nothing of the others. */
    if ((why == REASON_DIAL_TIMEOUT && !host->endpoint->has_any_port) || why == REASON_DIAL_UNREACHABLE)
        host_set_down(host, &plan->source);
    if (host->endpoint->is_name)
        resolve_hint(s->worker, host->endpoint);
}

/* The connection, and where the stream is wrapped the handshake within. */
static uint64_t attempt_ms(const struct session *s, const struct plan *plan)
{
    const struct cfg_timeouts *t = &s->worker->cfg->timeouts;

    return (uint64_t)t->dial_ms + (plan->wrap != NULL ? (uint64_t)t->handshake_s * 1000 : 0);
}

static void reached(void *arg, struct stream *stream, enum reason why)
{
    struct session *s = session_of(arg);
    struct plan *plan = s->opening->plan;

    plan->reaching = NULL;
    if (s->state != SESSION_DIAL || s->back != NULL) { /* it did not wait so long */
        if (stream != NULL)
            stream_close(stream, STREAM_CLOSE_RESET);
        return;
    }
    if (stream != NULL)
        session_take_back(s, stream, attempt_ms(s, plan));
    else
        session_dial_next(s, why);
    session_update(s);
}

static bool ask_agent(struct session *s, struct plan *plan, const struct cfg_endpoint *endpoint)
{
    struct reach_for what = {.endpoint = endpoint, .behind = s->ask.behind, .client = s->ask.client, .port = s->ask.port};

    /* A link has one id on its whole way; each connection to a web server has its own. */
    if (s->ask.stream_id == 0 || s->kind == SESSION_WEB)
        s->ask.stream_id = reach_draw_id(s->handle.serial);
    what.stream_id = s->ask.stream_id;
    s->opening->back_peer = (struct address){0};
    plan->reaching = reach_start(&s->worker->loop, &what, reached, s);
    if (plan->reaching == NULL)
        return false;
    if (s->opening->notice_rest_ms == 0)
        session_set_deadline(s, REACH_MS);
    return true;
}

static int dial_target(const struct session *s, const struct plan *plan, const struct target *t, enum reason *ret_why)
{
    const struct address *source = address_is_set(&plan->source) ? &plan->source : NULL;

    if (source != NULL && s->opening->is_source_foreign)
        return socket_dial_as(&t->address, source, plan->avoid, ret_why);
    return socket_dial(&t->address, source, plan->avoid, ret_why);
}

void session_dial_next(struct session *s, enum reason why)
{
    struct plan *plan = s->opening->plan;

    session_dial_forget(s);
    if (plan->next > 0)
        note_failure(s, plan, plan->targets[plan->next - 1].host, why);
    while (plan->next < plan->count) {
        const struct target *t = &plan->targets[plan->next++];
        struct stream *back;
        int fd;

        if (!address_is_set(&t->address)) {
            if (ask_agent(s, plan, t->host->endpoint))
                return;
            why = REASON_NO_MEMORY;
            break;
        }
        fd = dial_target(s, plan, t, &why);
        s->opening->back_peer = t->address;
        if (fd < 0) {
            tally_mine.dials_failed++;
            note_failure(s, plan, t->host, why);
            continue;
        }
        back = tcp_stream_connect(fd, &t->address, s->back_ops->purpose, &s->worker->loop.chunks);
        if (back != NULL && plan->wrap != NULL)
            back = plan->wrap(s, back, t->host != NULL ? t->host->endpoint : NULL);
        if (back == NULL) {
            why = REASON_NO_MEMORY;
            break;
        }
        s->opening->dialled_ms = clock_ms();
        session_take_back(s, back, attempt_ms(s, plan));
        return;
    }
    session_refuse(s, why == REASON_NO_MEMORY || why == REASON_NO_FILES ? SESSION_AT_RELAY : SESSION_AT_BACK, why);
}

void session_dial_hosts(struct session *s, const struct cfg_endpoint *endpoints, size_t count, const struct address *source,
                        struct port_range avoid, dial_wrap_fn *wrap)
{
    struct plan *plan = plan_new(s);
    enum reason why = REASON_NAME_UNRESOLVED;

    if (plan == NULL)
        return;
    plan->avoid = avoid;
    plan->wrap = wrap;
    if (source != NULL)
        plan->source = *source;
    for (size_t i = 0; i < count; i++) {
        struct known_host *host = hosts_find(&s->worker->hosts, &endpoints[i]);

        if (host->addresses.count == 0 && host->endpoint->agent == NULL)
            resolve_hint(s->worker, host->endpoint);
        else if (host_is_down(host, &plan->source))
            why = REASON_NODE_DOWN;
        else
            add_host(plan, host, s->ask.port);
    }
    session_dial_next(s, why);
}

void session_dial_address(struct session *s, const struct address *to, struct port_range avoid, dial_wrap_fn *wrap)
{
    session_dial_addresses(s, to, 1, avoid, wrap);
}

void session_dial_addresses(struct session *s, const struct address *to, size_t count, struct port_range avoid,
                            dial_wrap_fn *wrap)
{
    struct plan *plan = plan_new(s);

    if (plan == NULL)
        return;
    plan->avoid = avoid;
    plan->wrap = wrap;
    while (plan->count < count && plan->count < TARGETS_MAX) {
        plan->targets[plan->count].address = to[plan->count];
        plan->count++;
    }
    session_dial_next(s, REASON_DIAL_FAILED);
}

const struct cfg_endpoint *session_dial_done(struct session *s)
{
    struct plan *plan = s->opening->plan;
    struct known_host *host = plan->next > 0 ? plan->targets[plan->next - 1].host : NULL;

    if (host == NULL)
        return NULL;
    host_set_up(host, &plan->source);
    return host->endpoint;
}
