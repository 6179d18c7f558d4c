/* SPDX-License-Identifier: Apache-2.0 */
/* Owns listening sockets until they are given to workers, and the TLS contexts. Main thread. */
#include "proxy/app/doors.h"

#include "config/place.h"
#include "proxy/base/log.h"
#include "proxy/link/client_side.h"
#include "proxy/net/socket.h"
#include "proxy/session/web.h"
#include "proxy/tunnel/relay_accept.h"
#include "proxy/web/conversation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- collecting ----------------------------------------------------------------------------------------------------------------
 */

static struct gate *gate_at(struct gates *g, const struct cfg_listen *listen)
{
    uint16_t port = address_port(&listen->address);

    for (size_t i = 0; i < g->count && port != 0; i++)
        if (address_same_ip(&g->list[i].address, &listen->address) && address_port(&g->list[i].address) == port)
            return &g->list[i];
    g->list[g->count] = (struct gate){.address = listen->address, .line = listen->line};
    return &g->list[g->count++];
}

static size_t count_listens(const struct cfg *cfg)
{
    size_t count = cfg->tunnel.listen_count;

    for (size_t i = 0; i < cfg->web_count; i++)
        count += cfg->web[i].listen_count + cfg->web[i].plain_count + cfg->web[i].redirect_from_count;
    for (size_t i = 0; i < cfg->links_count; i++)
        count += cfg->links[i].listen_count;
    return count;
}

static void collect_web(struct gates *g, const struct cfg_web *web, const struct cfg_listen *listens, size_t count,
                        enum gate_web kind)
{
    for (size_t i = 0; i < count; i++) {
        struct gate *gate = gate_at(g, &listens[i]);

        gate->web = web;
        gate->web_kind = kind;
    }
}

static void collect(struct gates *g, const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->web_count; i++) {
        const struct cfg_web *web = &cfg->web[i];

        collect_web(g, web, web->listen, web->listen_count, GATE_WEB_TLS);
        collect_web(g, web, web->plain, web->plain_count, GATE_WEB_PLAIN);
        collect_web(g, web, web->redirect_from, web->redirect_from_count, GATE_WEB_REDIRECT);
    }
    for (size_t i = 0; i < cfg->tunnel.listen_count; i++)
        gate_at(g, &cfg->tunnel.listen[i])->tunnel = &cfg->tunnel;
    for (size_t i = 0; i < cfg->links_count; i++)
        for (size_t k = 0; k < cfg->links[i].listen_count; k++)
            gate_at(g, &cfg->links[i].listen[k])->link = &cfg->links[i];
}

/* -- TLS -----------------------------------------------------------------------------------------------------------------------
 */

struct problem_sink {
    struct cfg_problems *problems;
    const struct cfg *cfg;
};

/* Two listeners of one front door load the same files: a problem is told once. */
static void take_problem(void *arg, unsigned place, const char *sentence)
{
    struct problem_sink *sink = arg;
    const char *file = cfg_place_file(sink->cfg, place);
    unsigned line = cfg_place_line(place);

    for (size_t i = 0; i < sink->problems->kept; i++)
        if (sink->problems->list[i].line == line && strcmp(sink->problems->list[i].sentence, sentence) == 0)
            return;
    cfg_problems_add(sink->problems, file, line, NULL, "%s", sentence);
}

static bool is_tls(const struct gate *gate)
{
    return gate->link == NULL && (gate->tunnel != NULL || gate->web_kind == GATE_WEB_TLS);
}

static bool load_rules(struct gates *g, struct problem_sink *sink)
{
    bool is_good = true;

    g->rules = calloc(g->cfg->web_count + 1, sizeof(*g->rules));
    for (size_t i = 0; i < g->cfg->web_count && g->rules != NULL; i++) {
        if (g->cfg->web[i].mode != CFG_WEB_HTTP)
            continue;
        g->rules[i] = web_rules_new(g->cfg, &g->cfg->web[i], take_problem, sink);
        is_good &= g->rules[i] != NULL;
    }
    return is_good && g->rules != NULL;
}

int gates_load(struct gates *g, const struct cfg *cfg, struct cfg_problems *problems)
{
    struct problem_sink sink = {.problems = problems, .cfg = cfg};
    size_t before = problems->count;

    *g = (struct gates){.cfg = cfg};
    g->list = calloc(count_listens(cfg) + 1, sizeof(*g->list));
    g->tickets = tls_tickets_new();
    if (g->list == NULL || g->tickets == NULL) {
        cfg_problems_add(problems, cfg->file, 0, "free some memory and try again", "there is no memory left");
        return -1;
    }
    collect(g, cfg);
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];

        if (is_tls(gate))
            gate->tls = tls_context_new_door(gate->web, gate->web != NULL, gate->tunnel, g->tickets, take_problem, &sink);
    }
    if (cfg->role == CFG_ROLE_AGENT)
        g->agent_tls = tls_context_new_agent(&cfg->identity, cfg->ca, take_problem, &sink);
    return load_rules(g, &sink) && problems->count == before ? 0 : -1;
}

/* -- sockets -------------------------------------------------------------------------------------------------------------------
 */

static const char *open_remedy(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program listens there: see ss -ltnp";
    case EADDRNOTAVAIL:
        return "this machine has no such address: see ip address";
    case EACCES:
        return "ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files: see ulimit -n";
    default:
        return "see the system's log";
    }
}

static int open_gate(const struct gates *g, struct gate *gate)
{
    for (unsigned i = 0; i < g->workers; i++) {
        char text[ADDRESS_TEXT];
        int fd = socket_listen(&gate->address, true);

        if (fd < 0) {
            fprintf(stderr, "%s:%u: cannot listen on %s: %s. %s.\n", cfg_place_file(g->cfg, gate->line),
                    cfg_place_line(gate->line), address_format(&gate->address, text), strerror(errno), open_remedy(errno));
            return -1;
        }
        gate->fds[i] = fd;
        if (address_port(&gate->address) == 0) { /* the other workers get the port that the kernel chose for the first */
            struct sockaddr_storage storage;
            socklen_t len = sizeof(storage);

            if (getsockname(fd, (struct sockaddr *)&storage, &len) == 0)
                address_from_sockaddr(&gate->address, (struct sockaddr *)&storage, len);
        }
    }
    return 0;
}

int gates_open(struct gates *g, unsigned workers)
{
    int result = 0;

    g->workers = workers;
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];

        gate->fds = malloc(workers * sizeof(*gate->fds));
        gate->doors = calloc(workers, sizeof(*gate->doors));
        if (gate->fds == NULL || gate->doors == NULL)
            return -1;
        for (unsigned k = 0; k < workers; k++)
            gate->fds[k] = -1;
        if (open_gate(g, gate) != 0)
            result = -1; /* and tell of the others too */
    }
    return result;
}

static const char *gate_name(const struct gate *gate)
{
    if (gate->link != NULL)
        return gate->link->name;
    return gate->web != NULL ? gate->web->name : "tunnel";
}

/* The ports that a rule of the firewall leads here. */
static void log_ports(struct log_line *l, const struct cfg_link *link)
{
    char text[sizeof("65535-65535,") * 64] = "";
    size_t used = 0;

    if (link->ports_count == 0)
        return;
    for (size_t i = 0; i < link->ports_count && used < sizeof(text); i++) {
        const struct port_range *range = &link->ports[i].range;

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u-%u", i > 0 ? "," : "", range->first, range->last);
    }
    log_text(l, "ports", text);
}

static void log_listen(const struct gate *gate, const char *purpose, const char *name)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "listen"))
        return;
    log_text(&l, "purpose", purpose);
    log_text(&l, "name", name);
    log_address(&l, "address", &gate->address);
    if (gate->link != NULL)
        log_ports(&l, gate->link);
    log_end(&l);
}

static const struct session_front *plain_ops(const struct gate *gate)
{
    if (gate->link != NULL)
        return &client_side_front;
    return gate->web_kind == GATE_WEB_REDIRECT ? &conversation_redirect_front : &conversation_front;
}

static const char *web_purpose(const struct gate *gate)
{
    static const char *const purposes[] = {[GATE_WEB_TLS] = "web", [GATE_WEB_PLAIN] = "plain", [GATE_WEB_REDIRECT] = "redirect"};

    return purposes[gate->web_kind];
}

static enum account_purpose gate_account(const struct gate *gate)
{
    static const enum account_purpose purposes[] = {
        [GATE_WEB_TLS] = ACCOUNT_WEB, [GATE_WEB_PLAIN] = ACCOUNT_PLAIN, [GATE_WEB_REDIRECT] = ACCOUNT_REDIRECT};

    if (gate->link != NULL)
        return ACCOUNT_LINK;
    if (gate->web == NULL)
        return ACCOUNT_TUNNEL;
    return gate->tunnel != NULL ? ACCOUNT_SHARED : purposes[gate->web_kind];
}

static int attach_gate(const struct gates *g, struct gate *gate, struct site *site)
{
    const struct web_rules *rules = gate->web != NULL ? g->rules[gate->web - g->cfg->web] : NULL;

    for (unsigned i = 0; i < site->workers_count; i++) {
        struct door *door = &gate->doors[i];
        int fd = gate->fds[i];

        *door = (struct door){
            .worker = &site->workers[i], .tls = gate->tls, .name = gate_name(gate), .web = gate->web, .link = gate->link};
        door->purpose = gate_account(gate);
        door->tunnel = gate->tunnel;
        door->rules = rules;
        door->plain_ops = plain_ops(gate);
        door->web_ops = rules != NULL ? &conversation_front : &web_front;
        door->tunnel_ops = &relay_accept_front;
        gate->fds[i] = -1;
        if (door_open(door, fd) != 0)
            return -1;
    }
    return 0;
}

int gates_attach(struct gates *g, struct site *site)
{
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];

        if (attach_gate(g, gate, site) != 0)
            return -1;
        if (gate->web != NULL)
            log_listen(gate, web_purpose(gate), gate->web->name);
        if (gate->tunnel != NULL)
            log_listen(gate, "tunnel", "tunnel");
        if (gate->link != NULL)
            log_listen(gate, "link", gate->link->name);
    }
    return 0;
}

void gates_close_worker(struct gates *g, unsigned worker)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->list[i].doors != NULL)
            door_close(&g->list[i].doors[worker]);
}

void gates_fini(struct gates *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];

        for (unsigned k = 0; gate->fds != NULL && k < g->workers; k++)
            if (gate->fds[k] >= 0)
                close(gate->fds[k]);
        free(gate->fds);
        free(gate->doors);
        tls_context_put(gate->tls);
    }
    for (size_t i = 0; g->rules != NULL && i < g->cfg->web_count; i++)
        web_rules_free(g->rules[i]);
    free(g->rules);
    free(g->list);
    tls_context_put(g->agent_tls);
    tls_tickets_free(g->tickets);
    *g = (struct gates){0};
}
