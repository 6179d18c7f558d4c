/* SPDX-License-Identifier: Apache-2.0 */
/* Owns listening sockets until they are given to workers, and the TLS contexts. Main thread. */
#include "proxy/app/doors.h"

#include "config/place.h"
#include "proxy/app/certificate_files.h"
#include "proxy/app/handed.h"
#include "proxy/base/log.h"
#include "proxy/link/client_side.h"
#include "proxy/net/socket.h"
#include "proxy/session/web.h"
#include "proxy/tunnel/relay_accept.h"
#include "proxy/tunnel/renewing.h"
#include "proxy/web/conversation.h"
#include "tls/revoked.h"

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
    g->list[g->count] = (struct gate){.address = listen->address, .line = listen->line, .is_chosen = port == 0};
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

int gates_load_revoked(struct gates *g, struct cfg_problems *problems)
{
    const struct cfg_tunnel *tunnel = &g->cfg->tunnel;
    struct problem_sink sink = {.problems = problems, .cfg = g->cfg};

    g->revoked = tls_revoked_new();
    if (g->revoked == NULL) {
        take_problem(&sink, tunnel->line, "there is no memory left for revoked certificates");
        return -1;
    }
    return tls_revoked_load(g->revoked, tunnel, take_problem, &sink);
}

int gates_load(struct gates *g, const struct cfg *cfg, struct tls_tickets *tickets, struct cfg_problems *problems)
{
    struct problem_sink sink = {.problems = problems, .cfg = cfg};
    size_t before = problems->count;

    *g = (struct gates){.cfg = cfg, .tickets = tickets};
    certificate_files_note(cfg, g->note);
    g->list = calloc(count_listens(cfg) + 1, sizeof(*g->list));
    if (g->list == NULL) {
        cfg_problems_add(problems, cfg->file, 0, "free some memory and try again", "there is no memory left");
        return -1;
    }
    collect(g, cfg);
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];

        if (is_tls(gate))
            gate->tls = tls_context_new_door(gate->web, gate->web != NULL, gate->tunnel, g->tickets, take_problem, &sink);
    }
    if (cfg->tls.ticket_keys != NULL)
        g->ticket_keys = tls_shared_keys_read(cfg->tls.ticket_keys, cfg->tls.ticket_keys_line, take_problem, &sink);
    if (cfg->role == CFG_ROLE_AGENT)
        g->agent_tls = renewing_context(cfg, take_problem, &sink);
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
        return "ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE; a running georelay has given its rights "
               "up: restart it";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files: see ulimit -n";
    default:
        return "see the system's log";
    }
}

/* A socket that was handed to us for this address is as good as one of our own, and needs no right. */
static int listen_for(struct gate *gate, unsigned worker)
{
    int fd = handed_take(&gate->address, worker);

    gate->is_handed = fd >= 0;
    return fd >= 0 ? fd : socket_listen(&gate->address, true);
}

static int open_gate(const struct gates *g, struct gate *gate, struct cfg_problems *problems)
{
    gate->is_owner = true;
    for (unsigned i = 0; i < g->workers; i++) {
        char text[ADDRESS_TEXT];
        int fd = listen_for(gate, i);

        if (fd < 0) {
            int error = errno;

            cfg_problems_add(problems, cfg_place_file(g->cfg, gate->line), cfg_place_line(gate->line), open_remedy(error),
                             "cannot listen on %s: %s", address_format(&gate->address, text), strerror(error));
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

static const struct gate *find_gate(const struct gates *g, const struct address *at)
{
    for (size_t i = 0; g != NULL && i < g->count; i++)
        if (address_same_ip(&g->list[i].address, at) && address_port(&g->list[i].address) == address_port(at))
            return &g->list[i];
    return NULL;
}

static const char *gate_name(const struct gate *gate)
{
    if (gate->link != NULL)
        return gate->link->name;
    return gate->web != NULL ? gate->web->name : "tunnel";
}

/* A port that the kernel chose stays with the listener of that name. */
static bool is_same_choice(const struct gate *a, const struct gate *b)
{
    return a->is_chosen && b->is_chosen && address_same_ip(&a->address, &b->address) && a->web_kind == b->web_kind &&
           strcmp(gate_name(a), gate_name(b)) == 0;
}

static const struct gate *gate_before(const struct gates *before, const struct gate *gate)
{
    if (!gate->is_chosen)
        return find_gate(before, &gate->address);
    for (size_t i = 0; before != NULL && i < before->count; i++)
        if (is_same_choice(&before->list[i], gate))
            return &before->list[i];
    return NULL;
}

static void inherit_gate(const struct gates *g, struct gate *gate, const struct gate *before)
{
    gate->is_inherited = true;
    gate->is_handed = before->is_handed;
    gate->address = before->address;
    memcpy(gate->fds, before->fds, g->workers * sizeof(*gate->fds));
}

int gates_open(struct gates *g, const struct gates *before, unsigned workers, struct cfg_problems *problems)
{
    int result = 0;

    g->workers = workers;
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];
        const struct gate *old = gate_before(before, gate);

        gate->fds = malloc(workers * sizeof(*gate->fds));
        gate->doors = calloc(workers, sizeof(*gate->doors));
        if (gate->fds == NULL || gate->doors == NULL) {
            cfg_problems_add(problems, g->cfg->file, 0, "free some memory and try again", "there is no memory left");
            return -1;
        }
        for (unsigned k = 0; k < workers; k++)
            gate->fds[k] = -1;
        if (old != NULL)
            inherit_gate(g, gate, old);
        else if (open_gate(g, gate, problems) != 0)
            result = -1; /* and tell of the others too */
    }
    return result;
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
    if (gate->is_handed)
        log_text(&l, "socket", "handed");
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

static int attach_gate(const struct gates *g, struct gate *gate, struct worker *const *workers)
{
    const struct web_rules *rules = gate->web != NULL ? g->rules[gate->web - g->cfg->web] : NULL;

    for (unsigned i = 0; i < g->workers; i++) {
        struct door *door = &gate->doors[i];

        *door =
            (struct door){.worker = workers[i], .tls = gate->tls, .name = gate_name(gate), .web = gate->web, .link = gate->link};
        door->purpose = gate_account(gate);
        door->tunnel = gate->tunnel;
        door->rules = rules;
        door->plain_ops = plain_ops(gate);
        door->web_ops = rules != NULL ? &conversation_front : &web_front;
        door->tunnel_ops = &relay_accept_front;
        if (door_open(door, gate->fds[i]) != 0)
            return -1;
    }
    return 0;
}

int gates_attach(struct gates *g, struct worker *const *workers)
{
    for (size_t i = 0; i < g->count; i++)
        if (attach_gate(g, &g->list[i], workers) != 0)
            return -1;
    return 0;
}

void gates_log(const struct gates *g)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct gate *gate = &g->list[i];

        if (gate->is_inherited)
            continue;
        if (gate->web != NULL)
            log_listen(gate, web_purpose(gate), gate->web->name);
        if (gate->tunnel != NULL)
            log_listen(gate, "tunnel", "tunnel");
        if (gate->link != NULL)
            log_listen(gate, "link", gate->link->name);
    }
}

static void swap_tls(struct tls_context **used, struct tls_context **fresh)
{
    struct tls_context *old = *used;

    __atomic_store_n(used, *fresh, __ATOMIC_RELEASE);
    *fresh = old;
}

static void swap_rules(struct web_rules *used, struct web_rules *fresh)
{
    for (size_t i = 0; used != NULL && i < used->upstreams_count; i++)
        swap_tls(&used->upstreams[i].tls, &fresh->upstreams[i].tls);
}

static void swap_keys(struct gates *g, struct gates *fresh)
{
    struct tls_shared_keys *old = g->ticket_keys;

    g->ticket_keys = fresh->ticket_keys;
    fresh->ticket_keys = old;
}

void gates_swap_tls(struct gates *g, struct gates *fresh, struct worker *const *workers)
{
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];

        swap_tls(&gate->tls, &fresh->list[i].tls);
        for (unsigned k = 0; k < g->workers; k++)
            __atomic_store_n(&gate->doors[k].tls, gate->tls, __ATOMIC_RELEASE);
    }
    for (size_t i = 0; i < g->cfg->web_count; i++)
        swap_rules(g->rules[i], fresh->rules[i]);
    swap_tls(&g->agent_tls, &fresh->agent_tls);
    memcpy(g->note, fresh->note, sizeof(g->note));
    swap_keys(g, fresh);
    for (unsigned k = 0; k < g->workers; k++)
        __atomic_store_n(&workers[k]->agent_tls, g->agent_tls, __ATOMIC_RELEASE);
}

void gates_look(const struct gates *g, gate_look_fn *found, void *arg)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct gate *gate = &g->list[i];

        if (gate->web != NULL)
            found(arg, web_purpose(gate), gate->web->name, &gate->address);
        if (gate->tunnel != NULL)
            found(arg, "tunnel", "tunnel", &gate->address);
        if (gate->link != NULL)
            found(arg, "link", gate->link->name, &gate->address);
    }
}

void gates_close_worker(struct gates *g, unsigned worker)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->list[i].doors != NULL)
            door_close(&g->list[i].doors[worker]);
}

void gates_retire_worker(struct gates *g, unsigned worker)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->list[i].doors == NULL)
            continue;
        if (g->list[i].is_owner)
            door_finish(&g->list[i].doors[worker]);
        else
            door_close(&g->list[i].doors[worker]);
    }
}

void gates_pass_on(struct gates *g, struct gates *newer)
{
    for (size_t i = 0; i < newer->count; i++)
        newer->list[i].is_owner = true;
    for (size_t i = 0; i < g->count; i++)
        g->list[i].is_owner = find_gate(newer, &g->list[i].address) == NULL;
}

static void close_gate(struct gate *gate, unsigned workers)
{
    for (unsigned k = 0; gate->fds != NULL && k < workers; k++) {
        if (gate->fds[k] >= 0)
            close(gate->fds[k]);
        gate->fds[k] = -1;
    }
}

void gates_close_sockets(struct gates *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->list[i].is_owner)
            close_gate(&g->list[i], g->workers);
}

void gates_fini(struct gates *g)
{
    gates_close_sockets(g);
    for (size_t i = 0; i < g->count; i++) {
        struct gate *gate = &g->list[i];

        free(gate->fds);
        free(gate->doors);
        tls_context_put(gate->tls);
    }
    for (size_t i = 0; g->rules != NULL && i < g->cfg->web_count; i++)
        web_rules_free(g->rules[i]);
    free(g->rules);
    free(g->list);
    tls_context_put(g->agent_tls);
    tls_shared_keys_free(g->ticket_keys);
    tls_revoked_free(g->revoked);
    *g = (struct gates){0};
}
