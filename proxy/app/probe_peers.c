/* SPDX-License-Identifier: Apache-2.0 */
/* Owns connections for the length of a trial: all are tried at once, with TLS and a question over HTTP where they belong. */
#include "proxy/app/probe_http.h"
#include "proxy/app/probe_parts.h"

#include "config/firewall.h"
#include "proxy/base/clock.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "tls/context.h"
#include "tls/identity.h"
#include "tls/stream.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* At one time; the rest follows. */
#define BATCH 64

/* How long a relay has to say that it does not like our certificate: TLS 1.3 tells it after the handshake. */
#define SECOND_THOUGHT_MS 500

/* How long a handshake may take, and an answer over HTTP. */
#define TLS_MS  5000
#define HTTP_MS 5000

enum stage { CONNECTING = 0, GREETING, LISTENING, ASKING };

struct trial {
    struct address to;
    struct address from;            /* unset: the kernel's choice */
    bool is_foreign;                /* `from` is an address of another machine */
    char what[200];                 /* "the server 10.10.0.5:5481 of the link "node-a"" */
    const char *host;               /* for TLS */
    struct tls_context *tls;        /* borrowed; NULL: plain */
    const struct cfg_upstream *web; /* it is asked over HTTP; NULL: it is not */
    const struct cfg_endpoint *endpoint;
    bool is_relay;
    unsigned slot;
    struct stream *stream; /* NULL: not begun, or over */
    enum stage stage;
    uint64_t until_ms; /* of this stage */
    enum reason why;
    /* over HTTP */
    char *text; /* the question, then the answer */
    size_t used;
    bool is_asked;
    struct probe_http answer;
    int64_t at_s; /* our clock then */
};

struct trials {
    struct trial *list;
    size_t count;
    const struct probe_names *names;
    struct tls_context *made[64]; /* of upstreams */
    size_t made_count;
};

/* -- what there is to try ------------------------------------------------------------------------------------------------------
 */

static struct trial *add(struct trials *all, const struct cfg_endpoint *endpoint, const char *kind, const char *of,
                         const char *name)
{
    struct trial trial = {.host = endpoint->host, .endpoint = endpoint};
    struct trial *more;

    if (endpoint->agent != NULL || endpoint->has_any_port || !probe_names_find(all->names, endpoint, &trial.to))
        return NULL;
    more = reallocarray(all->list, all->count + 1, sizeof(*more));
    if (more == NULL)
        return NULL;
    if (name != NULL)
        snprintf(trial.what, sizeof(trial.what), "the %s %s of the %s \"%s\"", kind, endpoint->text, of, name);
    else
        snprintf(trial.what, sizeof(trial.what), "the %s %s", kind, endpoint->text);
    all->list = more;
    all->list[all->count] = trial;
    return &all->list[all->count++];
}

/*
 * The address that the link is dialled from, as the rules for firewalls have it. Of a client's network the second, since the
 * first is often a router's; answers to it are led to us.
 */
static void choose_source(const struct firewall *f, const struct cfg_link *link, struct trial *trial)
{
    bool is_foreign = link->advise.addressing == CFG_ADDRESSING_TRANSPARENT;
    char label[160];

    snprintf(label, sizeof(label), "link %s", link->name);
    for (size_t i = 0; i < f->count && link->advise.addressing != CFG_ADDRESSING_OFF; i++) {
        const struct firewall_rule *rule = &f->rules[i];

        if (rule->towards != TOWARDS_SERVER || strcmp(rule->label, label) != 0)
            continue;
        for (size_t k = 0; k < rule->source.ranges_count; k++) {
            const struct address_range *range = &rule->source.ranges[k];

            if (range->first.sa.any.sa_family != trial->to.sa.any.sa_family)
                continue;
            trial->from = address_range_at(range, is_foreign && address_range_count(range, 3) > 2 ? 2 : 0);
            trial->is_foreign = is_foreign;
            return;
        }
    }
}

static void no_problem(void *arg, unsigned line, const char *sentence)
{
    (void)arg;
    (void)line;
    (void)sentence; /* has been told by the check */
}

static void add_upstream(struct trials *all, const struct cfg_web *web, const struct cfg_upstream *upstream)
{
    struct tls_context *tls = NULL;

    if (upstream->tls != CFG_UPSTREAM_TLS_OFF && all->made_count < sizeof(all->made) / sizeof(all->made[0])) {
        tls = tls_context_new_upstream(upstream, no_problem, NULL);
        if (tls != NULL)
            all->made[all->made_count++] = tls;
    }
    for (size_t i = 0; i < upstream->servers_count; i++) {
        struct trial *trial = add(all, &upstream->servers[i], "server", "web door", web->name);

        if (trial == NULL)
            continue;
        trial->tls = tls;
        trial->web = web->mode == CFG_WEB_HTTP ? upstream : NULL;
        trial->slot = (unsigned)i;
    }
}

static void collect(const struct probe *p, struct trials *all)
{
    const struct firewall_asked nothing = {0};
    const struct cfg *cfg = p->cfg;
    struct firewall f;

    firewall_make(&f, cfg, &nothing, FIREWALL_HOST);
    for (size_t i = 0; i < cfg->served_count; i++) {
        struct trial *trial = add(all, &cfg->served[i].server, "server", "link", cfg->served[i].name);

        if (trial != NULL)
            choose_source(&f, &cfg->served[i], trial);
    }
    firewall_fini(&f);
    for (size_t i = 0; i < cfg->web_count; i++) {
        add_upstream(all, &cfg->web[i], &cfg->web[i].upstream);
        for (size_t k = 0; k < cfg->web[i].upstreams_count; k++)
            add_upstream(all, &cfg->web[i], &cfg->web[i].upstreams[k]);
    }
    for (size_t i = 0; i < cfg->relays_count; i++) {
        struct trial *trial = add(all, &cfg->relays[i], "relay", "", NULL);

        if (trial == NULL)
            continue;
        trial->tls = p->gates->agent_tls; /* NULL: it could not be loaded, and only the connection is tried */
        trial->is_relay = true;
        trial->slot = (unsigned)i;
    }
}

/* -- trying --------------------------------------------------------------------------------------------------------------------
 */

static void end(struct trial *trial, enum reason why)
{
    if (trial->stream != NULL)
        stream_close(trial->stream, STREAM_CLOSE_ORDERLY);
    trial->stream = NULL;
    trial->why = why;
}

static void go(struct trial *trial, enum stage stage, long ms)
{
    trial->stage = stage;
    trial->until_ms = clock_ms() + (uint64_t)ms;
}

static void begin(struct trial *trial, long ms, struct chunk_pool *pool)
{
    const struct address *from = address_is_set(&trial->from) ? &trial->from : NULL;
    const struct port_range none = {0};
    int fd = trial->is_foreign && from != NULL ? socket_dial_as(&trial->to, from, none, &trial->why)
                                               : socket_dial(&trial->to, from, none, &trial->why);

    if (fd < 0)
        return;
    trial->stream = tcp_stream_connect(fd, &trial->to, ACCOUNT_OTHER, pool);
    trial->why = trial->stream != NULL ? REASON_NONE : REASON_NO_MEMORY;
    go(trial, CONNECTING, ms);
}

/* The connection is there. */
static void start_tls(struct trial *trial)
{
    struct stream *tcp = trial->stream;

    trial->stream = trial->is_relay ? tls_stream_connect(trial->tls, tcp, trial->slot)
                                    : tls_stream_connect_upstream(trial->tls, tcp, trial->host, trial->slot);
    if (trial->stream == NULL)
        trial->why = REASON_NO_MEMORY;
    else
        go(trial, GREETING, TLS_MS);
}

/* A relay that does not like our certificate says so now. It never speaks first otherwise. */
static void listen_on(struct trial *trial)
{
    uint8_t byte;
    ssize_t n = stream_read(trial->stream, &byte, 1);

    if (n != STREAM_AGAIN)
        end(trial, n == STREAM_FAILED ? trial->stream->why : n == STREAM_END ? REASON_TLS_GONE : REASON_NONE);
}

/* The question is small: a connection that does not take it at once is of no use. */
static void start_asking(struct trial *trial)
{
    size_t length = 0;

    trial->text = malloc(PROBE_HTTP_BYTES);
    if (trial->text != NULL)
        length = probe_http_ask(trial->web, trial->endpoint, trial->text, PROBE_HTTP_BYTES);
    if (length == 0) {
        end(trial, REASON_NO_MEMORY);
        return;
    }
    go(trial, ASKING, HTTP_MS);
    if (stream_write(trial->stream, trial->text, length) != (ssize_t)length)
        end(trial, trial->stream->why != REASON_NONE ? trial->stream->why : REASON_BACK_ERROR);
}

/* True if more may come. */
static bool read_answer(struct trial *trial)
{
    ssize_t n = stream_read(trial->stream, trial->text + trial->used, PROBE_HTTP_BYTES - trial->used);

    if (n == STREAM_AGAIN)
        return true;
    trial->used += n > 0 ? (size_t)n : 0;
    trial->answer = probe_http_look(trial->text, trial->used);
    trial->at_s = (int64_t)time(NULL);
    if (n <= 0 || trial->answer.kind != PROBE_HTTP_PART) {
        end(trial, REASON_NONE); /* also if it was reset: the answer tells more */
        return false;
    }
    return stream_has_pending(trial->stream) ? read_answer(trial) : true;
}

static void greeted(struct trial *trial)
{
    enum reason why;

    if (trial->stage == CONNECTING && trial->tls != NULL) {
        start_tls(trial);
        return;
    }
    if (trial->web != NULL) {
        start_asking(trial);
        return;
    }
    if (trial->stage == CONNECTING || !trial->is_relay) {
        end(trial, REASON_NONE);
        return;
    }
    why = identity_check_relay(trial->stream);
    if (why != REASON_NONE)
        end(trial, why);
    else
        go(trial, LISTENING, SECOND_THOUGHT_MS);
}

/* Goes as far as it can. */
static void step(struct trial *trial)
{
    enum stage before;

    do {
        before = trial->stage;
        if (trial->stage == LISTENING) {
            listen_on(trial);
            return;
        }
        if (trial->stage == ASKING) {
            (void)read_answer(trial);
            return;
        }
        switch (stream_greet(trial->stream)) {
        case STREAM_STEP_DONE:
            greeted(trial);
            break;
        case STREAM_STEP_FAILED:
            end(trial, trial->stream->why);
            break;
        default:
            return;
        }
    } while (trial->stream != NULL && trial->stage != before);
}

static void out_of_time(struct trial *trial)
{
    static const enum reason late[] = {[CONNECTING] = REASON_DIAL_TIMEOUT,
                                       [GREETING] = REASON_HANDSHAKE_TIMEOUT,
                                       [LISTENING] = REASON_NONE,
                                       [ASKING] = REASON_NONE};

    end(trial, late[trial->stage]);
}

/* Waits for something to happen to one of them. False when all are over. */
static bool turn(struct trial *list, size_t count)
{
    struct pollfd watched[BATCH];
    uint64_t now_ms = clock_ms(), until_ms = UINT64_MAX;

    for (size_t i = 0; i < count; i++) {
        const struct trial *trial = &list[i];
        unsigned wants = trial->stream != NULL ? stream_wants(trial->stream, STREAM_READ) : 0;

        watched[i] = (struct pollfd){.fd = trial->stream != NULL ? trial->stream->fd : -1};
        watched[i].events = (short)((wants & STREAM_READ ? POLLIN : 0) | (wants & STREAM_WRITE ? POLLOUT : 0));
        if (trial->stream != NULL && trial->until_ms < until_ms)
            until_ms = trial->until_ms;
    }
    if (until_ms == UINT64_MAX)
        return false;
    (void)poll(watched, count, until_ms > now_ms ? (int)(until_ms - now_ms) : 0);
    now_ms = clock_ms();
    for (size_t i = 0; i < count; i++) {
        if (list[i].stream != NULL && watched[i].revents != 0)
            step(&list[i]);
        if (list[i].stream != NULL && list[i].until_ms <= now_ms)
            out_of_time(&list[i]);
    }
    return true;
}

/* -- telling -------------------------------------------------------------------------------------------------------------------
 */

static void remedy(const struct probe *p, const struct trial *trial, enum reason why, char remedy[PROBE_REMEDY])
{
    char ip[ADDRESS_TEXT];

    address_format_ip(&trial->to, ip);
    switch (why) {
    case REASON_DIAL_REFUSED:
        snprintf(remedy, PROBE_REMEDY, "on that machine, start what listens on port %u; or correct the port here",
                 address_port(&trial->to));
        return;
    case REASON_DIAL_TIMEOUT:
        snprintf(remedy, PROBE_REMEDY, "%s%s%slet firewalls in between permit what this prints, run: georelay firewall -c %s",
                 trial->is_foreign ? "let the server's side route " : "",
                 trial->is_foreign ? address_format_ip(&trial->from, ip) : "", trial->is_foreign ? " to this machine, and " : "",
                 p->cfg->file);
        return;
    case REASON_DIAL_UNREACHABLE:
        snprintf(remedy, PROBE_REMEDY, "run: ip route add %s via GATEWAY", ip);
        return;
    case REASON_DIAL_NO_SOURCE:
        snprintf(remedy, PROBE_REMEDY, "run: ip address add %s/%d dev lo", address_format_ip(&trial->from, ip),
                 trial->from.sa.any.sa_family == AF_INET ? 32 : 128);
        return;
    case REASON_TLS_NOT_TLS:
        if (trial->is_relay) {
            snprintf(remedy, PROBE_REMEDY, "correct the port: set: relays = (\"HOST:PORT\")");
            return;
        }
        snprintf(remedy, PROBE_REMEDY, "set: upstream.tls = \"off\"; or correct the port");
        return;
    case REASON_HANDSHAKE_TIMEOUT:
        if (trial->is_relay) {
            snprintf(remedy, PROBE_REMEDY, "on that machine, run: systemctl restart georelay; or correct the port here");
            return;
        }
        snprintf(remedy, PROBE_REMEDY,
                 "on that machine, start the server anew; or, if it does not speak TLS, set: upstream.tls = \"off\"");
        return;
    case REASON_CERT_EXPIRED:
        snprintf(remedy, PROBE_REMEDY,
                 probe_clock_is_kept() ? "on that machine, get a new certificate"
                                       : "run: timedatectl set-ntp true; or get it a new certificate");
        return;
    case REASON_CERT_UNTRUSTED:
        snprintf(remedy, PROBE_REMEDY,
                 trial->is_relay ? "name the CA of that relay: set: ca = \"FILE\"" : "name its CA: set: upstream.ca = \"FILE\"");
        return;
    case REASON_CERT_WRONG_NAME:
        snprintf(remedy, PROBE_REMEDY, "name what its certificate is for: set: upstream.server_name = \"NAME\"");
        return;
    case REASON_TLS_REJECTED:
        if (trial->is_relay) {
            probe_new_agent_remedy(p->cfg, "", remedy);
            return;
        }
        /* fall through */
    default:
        if (reason_remedy(why) != NULL)
            snprintf(remedy, PROBE_REMEDY, "%s", reason_remedy(why));
        else if (trial->is_relay)
            snprintf(remedy, PROBE_REMEDY, "see what the relay logs at this moment");
        else
            snprintf(remedy, PROBE_REMEDY, "see what it says, run: openssl s_client -connect %s", trial->endpoint->text);
    }
}

static bool is_good_status(const struct cfg_health *health, unsigned status)
{
    for (size_t i = 0; i < health->status.count; i++)
        if (status >= health->status.list[i].first && status <= health->status.list[i].last)
            return true;
    return health->line == 0 || health->status.count == 0;
}

/* The connection was made, and the question asked. */
static void tell_answer(struct probe *p, const struct trial *trial)
{
    const struct cfg_health *health = &trial->web->health;
    const struct probe_http *answer = &trial->answer;
    char remedy[PROBE_REMEDY];

    if (answer->kind == PROBE_HTTP_TLS) {
        probe_say(p, PROBE_SERVER, PROBE_ERROR, "set: upstream.tls = \"verify\"", "%s speaks TLS, and is asked without",
                  trial->what);
    } else if (answer->kind != PROBE_HTTP_WHOLE) {
        snprintf(remedy, sizeof(remedy), "on that machine, start the web server anew; or correct the port here");
        probe_say(p, PROBE_SERVER, PROBE_ERROR, remedy, "%s takes connections, and %s", trial->what,
                  trial->used > 0 ? "its answer is not HTTP" : "does not answer over HTTP");
    } else if (!is_good_status(health, answer->status)) {
        snprintf(remedy, sizeof(remedy), "see the log of that server; if it is well, set: upstream.health.status = \"%s,%u\"",
                 health->status.text, answer->status);
        probe_say(p, PROBE_SERVER, PROBE_WARNING, remedy, "%s answers %u for %s: health checks find it ill", trial->what,
                  answer->status, health->path);
    } else {
        probe_say(p, PROBE_SERVER, PROBE_OK, NULL, "%s takes connections%s, and answers over HTTP with %u", trial->what,
                  trial->tls != NULL ? ", its certificate is good" : "", answer->status);
    }
    if (answer->kind == PROBE_HTTP_WHOLE && answer->date_s != 0)
        probe_clock_of(p, trial->what, answer->date_s, trial->at_s);
}

static void tell(struct probe *p, const struct trial *trial, enum reason why)
{
    char from[ADDRESS_TEXT], source[ADDRESS_TEXT + 8] = "", text[PROBE_REMEDY];
    enum probe_kind kind = trial->is_relay ? PROBE_RELAY : PROBE_SERVER;

    if (address_is_set(&trial->from))
        snprintf(source, sizeof(source), " from %s", address_format_ip(&trial->from, from));
    if (why != REASON_NONE) {
        remedy(p, trial, why, text);
        probe_say(p, kind, PROBE_ERROR, text, "%s can't be reached%s: %s", trial->what, source, reason_sentence(why));
    } else if (trial->web != NULL) {
        tell_answer(p, trial);
    } else {
        probe_say(p, kind, PROBE_OK, NULL, "%s takes connections%s%s", trial->what, source,
                  trial->tls == NULL ? ""
                  : trial->is_relay  ? ", and its certificate and ours are good to each other"
                                     : ", and its certificate is good");
    }
}

/* Who says nothing without TLS may want it. */
static void try_tls(struct trial *list, size_t count, struct chunk_pool *pool)
{
    const struct cfg_upstream anybody = {.tls = CFG_UPSTREAM_TLS_UNVERIFIED};
    struct tls_context *tls = tls_context_new_upstream(&anybody, no_problem, NULL);
    struct trial second[BATCH];

    for (size_t i = 0; i < count; i++) {
        const struct trial *first = &list[i];

        second[i] = (struct trial){.to = first->to, .host = first->host, .tls = tls};
        if (tls != NULL && first->web != NULL && first->tls == NULL && first->answer.kind != PROBE_HTTP_WHOLE &&
            (first->why == REASON_NONE || first->why == REASON_BACK_RESET || first->why == REASON_FRONT_RESET))
            begin(&second[i], TLS_MS, pool);
        else
            second[i].why = REASON_DIAL_FAILED;
    }
    while (turn(second, count))
        ;
    for (size_t i = 0; i < count; i++)
        if (second[i].why == REASON_NONE) {
            list[i].answer.kind = PROBE_HTTP_TLS;
            list[i].why = REASON_NONE;
        }
    tls_context_put(tls);
}

static void run_batch(struct probe *p, struct trial *list, size_t count, struct chunk_pool *pool)
{
    long ms = p->cfg->timeouts.dial_ms < PROBE_DIAL_MS ? p->cfg->timeouts.dial_ms : PROBE_DIAL_MS;

    for (size_t i = 0; i < count; i++) {
        begin(&list[i], ms, pool);
        if (list[i].stream != NULL)
            step(&list[i]);
    }
    while (turn(list, count))
        ;
    try_tls(list, count, pool);
    for (size_t i = 0; i < count; i++)
        tell(p, &list[i], list[i].why);
    for (size_t i = 0; i < count; i++)
        free(list[i].text);
}

void probe_peers(struct probe *p, const struct probe_names *names)
{
    struct trials all = {.names = names};
    struct chunk_pool pool = {0};

    collect(p, &all);
    for (size_t i = 0; i < all.count; i += BATCH)
        run_batch(p, all.list + i, all.count - i < BATCH ? all.count - i : BATCH, &pool);
    for (size_t i = 0; i < all.made_count; i++)
        tls_context_put(all.made[i]);
    chunk_pool_fini(&pool);
    free(all.list);
}
