/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a session's plan of addresses to try, freed when it relays or ends. On the session's worker. */
#include "proxy/session/dial.h"

#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/session/resolve_hint.h"

#include <stdlib.h>

/* 16 servers with 8 addresses each could be had; nobody waits for more than this many attempts. */
#define TARGETS_MAX 16

struct target {
    struct address address;
    struct known_host *host; /* NULL: an address that is no endpoint of the configuration */
};

struct plan {
    struct target targets[TARGETS_MAX];
    unsigned count;
    unsigned next;
    struct address source;
    struct port_range avoid;
    dial_wrap_fn *wrap;
};

static struct plan *plan_new(struct session *s)
{
    free(s->plan);
    s->plan = calloc(1, sizeof(struct plan));
    if (s->plan == NULL)
        session_refuse(s, SESSION_AT_RELAY, REASON_NO_MEMORY);
    return s->plan;
}

static void add_host(struct plan *plan, struct known_host *host)
{
    for (unsigned i = 0; i < host->addresses.count && plan->count < TARGETS_MAX; i++)
        plan->targets[plan->count++] = (struct target){.address = host->addresses.list[i], .host = host};
}

static void note_failure(struct session *s, const struct plan *plan, struct known_host *host, enum reason why)
{
    if (host == NULL)
        return;
    if (why == REASON_DIAL_TIMEOUT || why == REASON_DIAL_UNREACHABLE)
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

void session_dial_next(struct session *s, enum reason why)
{
    struct plan *plan = s->plan;

    if (plan->next > 0)
        note_failure(s, plan, plan->targets[plan->next - 1].host, why);
    while (plan->next < plan->count) {
        const struct target *t = &plan->targets[plan->next++];
        int fd = socket_dial(&t->address, address_is_set(&plan->source) ? &plan->source : NULL, plan->avoid, &why);
        struct stream *back;

        s->peers[2] = t->address;
        if (fd < 0) {
            note_failure(s, plan, t->host, why);
            continue;
        }
        back = tcp_stream_connect(fd, &t->address, &s->worker->loop.chunks);
        if (back != NULL && plan->wrap != NULL)
            back = plan->wrap(s, back, t->host != NULL ? t->host->endpoint : NULL);
        if (back == NULL) {
            why = REASON_NO_MEMORY;
            break;
        }
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

        if (host->addresses.count == 0)
            resolve_hint(s->worker, host->endpoint);
        else if (host_is_down(host, &plan->source))
            why = REASON_NODE_DOWN;
        else
            add_host(plan, host);
    }
    session_dial_next(s, why);
}

void session_dial_address(struct session *s, const struct address *to, struct port_range avoid, dial_wrap_fn *wrap)
{
    struct plan *plan = plan_new(s);

    if (plan == NULL)
        return;
    plan->avoid = avoid;
    plan->wrap = wrap;
    plan->targets[0].address = *to;
    plan->count = 1;
    session_dial_next(s, REASON_DIAL_FAILED);
}

const struct cfg_endpoint *session_dial_done(struct session *s)
{
    struct plan *plan = s->plan;
    struct known_host *host = plan->next > 0 ? plan->targets[plan->next - 1].host : NULL;

    if (host == NULL)
        return NULL;
    host_set_up(host, &plan->source);
    return host->endpoint;
}
