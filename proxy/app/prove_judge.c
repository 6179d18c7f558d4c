/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing but what it is handed. Thread of the command. */
#include "proxy/app/prove_judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What "georelay firewall" lets a relay's machine count of connections towards the clients: those that the configuration needs,
 * and all others. */
static const char *const forbidden_counters[] = {"opened_towards_clients", "unexpected_towards_clients"};

static void find(struct prove_findings *f, const char *code, const char *sentence, ...) __attribute__((format(printf, 3, 4)));

static void find(struct prove_findings *f, const char *code, const char *sentence, ...)
{
    va_list arguments;

    if (f->count++ >= PROVE_FINDINGS)
        return;
    f->list[f->count - 1].code = code;
    va_start(arguments, sentence);
    vsnprintf(f->list[f->count - 1].sentence, sizeof(f->list[0].sentence), sentence, arguments);
    va_end(arguments);
}

/* -- who opened a connection ---------------------------------------------------------------------------------------------------
 */

static bool is_at_listener(const struct kernel_sockets *sockets, const struct address *local)
{
    for (size_t i = 0; i < sockets->count; i++) {
        const struct kernel_tcp *one = &sockets->list[i];

        if (one->state == KERNEL_TCP_LISTEN && address_port(&one->local) == address_port(local) &&
            (address_is_any(&one->local) || address_same_ip(&one->local, local)))
            return true;
    }
    return false;
}

static bool is_port_of_link(const struct cfg *cfg, uint16_t port)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        for (size_t k = 0; k < cfg->links[i].ports_count; k++)
            if (port_range_contains(&cfg->links[i].ports[k].range, port))
                return true;
    return false;
}

/* A rule of the firewall led it to us: its local end is no listener's. */
static bool is_intercepted(const struct prove_view *v, const struct kernel_tcp *s)
{
    bool is_servers = prove_peers_find(&v->peers, PROVE_SERVER, &s->remote) != NULL ||
                      prove_peers_find(&v->peers, PROVE_SERVER_SOURCE, &s->remote) != NULL;

    if (is_servers)
        return cfg_first_intercepted(v->cfg) != NULL && prove_peers_find_port(&v->peers, PROVE_SERVER, &s->remote) == NULL;
    return is_port_of_link(v->cfg, address_port(&s->local)) && prove_peers_find(&v->peers, PROVE_RELAY, &s->remote) == NULL;
}

/* The kernel's sockets don't say it, its connection tracking does. Without that: no listener's port is ever given to a connection
 * that is opened. */
static enum account_way way_of(const struct prove_view *v, const struct kernel_tcp *s)
{
    if (s->state == KERNEL_TCP_SYN_SENT)
        return ACCOUNT_OPENED;
    switch (v->has_conntrack ? conntrack_find(&v->conntrack, &s->local, &s->remote) : CONNTRACK_UNKNOWN) {
    case CONNTRACK_OPENED:
        return ACCOUNT_OPENED;
    case CONNTRACK_ACCEPTED:
        return ACCOUNT_ACCEPTED;
    default:
        return is_at_listener(&v->sockets, &s->local) || is_intercepted(v, s) ? ACCOUNT_ACCEPTED : ACCOUNT_OPENED;
    }
}

static int compare_groups(const void *a, const void *b)
{
    const struct prove_group *one = a, *two = b;
    int order;

    if (one->way != two->way)
        return one->way < two->way ? -1 : 1;
    order = address_compare_ip(&one->peer, &two->peer);
    return order != 0 ? order : (int)one->port - (int)two->port;
}

int prove_group(const struct prove_view *v, struct prove_groups *ret)
{
    struct prove_group *list = calloc(v->sockets.count + 1, sizeof(*list));
    size_t found = 0, count = 0;

    if (list == NULL)
        return -1;
    for (size_t i = 0; i < v->sockets.count; i++) {
        const struct kernel_tcp *s = &v->sockets.list[i];
        struct prove_group *group = &list[found];

        if (s->state == KERNEL_TCP_LISTEN || address_port(&s->remote) == 0)
            continue;
        *group = (struct prove_group){.way = way_of(v, s), .peer = s->remote, .count = 1};
        group->port = address_port(group->way == ACCOUNT_ACCEPTED ? &s->local : &s->remote);
        address_set_port(&group->peer, 0);
        found++;
    }
    qsort(list, found, sizeof(*list), compare_groups);
    for (size_t i = 0; i < found; i++) {
        if (count > 0 && compare_groups(&list[count - 1], &list[i]) == 0)
            list[count - 1].count++;
        else
            list[count++] = list[i];
    }
    *ret = (struct prove_groups){list, count};
    return 0;
}

/* -- both roles ----------------------------------------------------------------------------------------------------------------
 */

static uint64_t accounted(const struct accounts *a, enum account_way way, const struct address *peer)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < a->count; i++)
        if (a->rows[i].way == way && (!address_is_set(&a->rows[i].peer) || address_same_ip(&a->rows[i].peer, peer)))
            sum += a->rows[i].count;
    return sum;
}

/* Whether the process has counted what the kernel sees: an account that leaves something out proves nothing. */
static void judge_completeness(const struct prove_view *v, const struct prove_groups *groups, struct prove_findings *f)
{
    for (size_t i = 0; i < groups->count;) {
        const struct prove_group *first = &groups->list[i];
        char peer[ADDRESS_TEXT];
        uint64_t counted = accounted(&v->accounts, first->way, &first->peer);
        size_t seen = 0;

        for (; i < groups->count && groups->list[i].way == first->way && address_same_ip(&groups->list[i].peer, &first->peer);
             i++)
            seen += groups->list[i].count;
        if (seen > counted)
            find(f, "not_accounted", "the kernel knows %zu %s connections with %s, the accounts %" PRIu64 "%s", seen,
                 account_way_name(first->way), address_format_ip(&first->peer, peer), counted,
                 v->sockets.is_by_user ? "; they may be another program's of the same user: run this as root to tell" : "");
    }
}

static bool is_forbidden(const char *counter)
{
    for (size_t i = 0; i < sizeof(forbidden_counters) / sizeof(forbidden_counters[0]); i++)
        if (strcmp(forbidden_counters[i], counter) == 0)
            return true;
    return false;
}

static void judge_counters(const struct nft_counters *counters, struct prove_findings *f)
{
    for (size_t i = 0; i < counters->count; i++) {
        const struct nft_counter *c = &counters->list[i];

        if (is_forbidden(c->name) && c->packets > 0)
            find(f, "counter", "the firewall's counter %s %s %s stands at %" PRIu64, c->family, c->table, c->name, c->packets);
    }
}

static void judge_sources(const struct prove_view *v, struct prove_findings *f)
{
    if (v->other_config != NULL)
        find(f, "other_configuration", "the process runs with %s: prove that one", v->other_config);
    if (v->files == PROVE_FILES_CHANGED)
        find(f, "configuration_changed", "the configuration on disk is not the one in use: reload it, or restart georelay");
    if (v->files == PROVE_FILES_UNKNOWN)
        find(f, "configuration_changed",
             "whether the configuration on disk is the one in use could not be found out: restart georelay");
    if (strcmp(v->accounts.role, v->cfg->role == CFG_ROLE_RELAY ? "relay" : "agent") != 0)
        find(f, "other_configuration", "the process has the role \"%s\"", v->accounts.role);
    if (!v->has_sockets)
        find(f, "kernel_unread", "the process's connections could not be read from the kernel, so its own word is all there is");
}

static void find_others(struct prove_findings *f, const struct account_row *row)
{
    find(f, "too_many_peers",
         "%" PRIu64 " connections were %s (%s) for which the accounts had no row left: with whom is not known", row->count,
         account_way_name(row->way), account_purpose_name(row->purpose));
}

/* -- a relay -------------------------------------------------------------------------------------------------------------------
 */

static bool has_networks(const struct prove_peers *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].kind == PROVE_CLIENTS)
            return true;
    return false;
}

static void judge_delivery(const struct prove_view *v, struct prove_findings *f)
{
    for (size_t i = 0; i < v->cfg->links_count; i++) {
        const struct cfg_link *link = &v->cfg->links[i];
        bool has_advises = link->advise.addressing != CFG_ADDRESSING_OFF || link->server.agent != NULL;

        if (has_advises && link->advise.delivery == CFG_DELIVERY_DIRECT && link->listen_count > 0)
            find(f, "direct_delivery",
                 "link %s has delivery = \"direct\": to clients without an agent the relay opens advises itself, as configured",
                 link->name);
    }
    if (!has_networks(&v->peers))
        find(f, "no_networks", "no networks of clients are named: give the agents of \"tunnel\" their \"clients\"");
}

static void judge_relay_account(const struct prove_view *v, const struct account_row *row, struct prove_findings *f)
{
    const struct prove_peer *network = prove_peers_find(&v->peers, PROVE_CLIENTS, &row->peer);
    char peer[ADDRESS_TEXT];

    if (row->way != ACCOUNT_OPENED)
        return;
    if (!address_is_set(&row->peer))
        find_others(f, row);
    else if (row->purpose == ACCOUNT_CLIENT)
        find(f, "opened_towards_clients", "the accounts have %" PRIu64 " advises that the relay opened to the client %s",
             row->count, address_format_ip(&row->peer, peer));
    else if (network != NULL)
        find(f, "opened_towards_clients",
             "the accounts have %" PRIu64 " connections (%s) opened to %s, which is in a network of the clients of %s",
             row->count, account_purpose_name(row->purpose), address_format_ip(&row->peer, peer), network->text);
}

static void judge_relay_socket(const struct prove_view *v, const struct prove_group *group, struct prove_findings *f)
{
    const struct prove_peer *network = prove_peers_find(&v->peers, PROVE_CLIENTS, &group->peer);
    char peer[ADDRESS_TEXT];

    if (group->way == ACCOUNT_OPENED && network != NULL)
        find(f, "opened_towards_clients",
             "the kernel knows %zu connections opened to %s port %u, which is in a network of the clients of %s", group->count,
             address_format_ip(&group->peer, peer), group->port, network->text);
}

/* -- an agent ------------------------------------------------------------------------------------------------------------------
 */

static bool is_client(const struct prove_view *v, const struct address *peer)
{
    return prove_peers_find(&v->peers, PROVE_CLIENTS, peer) != NULL;
}

/* Who may read at the admin port is for its keys to say, not for addresses. */
static bool may_be_accepted(const struct prove_view *v, enum account_purpose purpose, const struct address *peer)
{
    switch (purpose) {
    case ACCOUNT_ADMIN:
        return true;
    case ACCOUNT_ADVISE:
        return prove_peers_find(&v->peers, PROVE_SERVER, peer) != NULL ||
               prove_peers_find(&v->peers, PROVE_SERVER_SOURCE, peer) != NULL;
    default:
        return is_client(v, peer);
    }
}

static bool is_admin_port(const struct cfg *cfg, uint16_t port)
{
    for (size_t i = 0; i < cfg->admin.listen_count; i++)
        if (address_port(&cfg->admin.listen[i].address) == port)
            return true;
    return false;
}

static bool may_be_opened(const struct prove_view *v, enum account_purpose purpose, const struct address *peer)
{
    switch (purpose) {
    case ACCOUNT_RELAY:
        return prove_peers_find(&v->peers, PROVE_RELAY, peer) != NULL;
    case ACCOUNT_CLIENT:
        return is_client(v, peer);
    case ACCOUNT_SERVER:
        return prove_peers_find(&v->peers, PROVE_SERVER, peer) != NULL;
    case ACCOUNT_SYSLOG:
        return prove_peers_find(&v->peers, PROVE_RECEIVER, peer) != NULL;
    default:
        return false;
    }
}

/* The accounts go back to the start, the configuration perhaps only to the last reload. */
static const char *or_former(const struct prove_view *v)
{
    return v->accounts.generation > 1 ? "; there was a reload since the start, so it may be a peer of a former configuration"
                                      : "";
}

static void judge_agent_account(const struct prove_view *v, const struct account_row *row, struct prove_findings *f)
{
    char peer[ADDRESS_TEXT];

    if (!address_is_set(&row->peer))
        find_others(f, row);
    else if (row->way == ACCOUNT_ACCEPTED && !may_be_accepted(v, row->purpose, &row->peer))
        find(f, "accepted_from_stranger",
             "the accounts have %" PRIu64
             " connections (%s) accepted from %s, which is none of %s; it gets nothing, but it reaches "
             "the port%s",
             row->count, account_purpose_name(row->purpose), address_format_ip(&row->peer, peer),
             row->purpose == ACCOUNT_ADVISE ? "its servers" : "its clients", or_former(v));
    else if (row->way == ACCOUNT_OPENED && !may_be_opened(v, row->purpose, &row->peer))
        find(f, "opened_to_stranger",
             "the accounts have %" PRIu64 " connections (%s) opened to %s, which the configuration does not name for that%s",
             row->count, account_purpose_name(row->purpose), address_format_ip(&row->peer, peer), or_former(v));
}

static void judge_agent_socket(const struct prove_view *v, const struct prove_group *group, struct prove_findings *f)
{
    struct address at = group->peer;
    char peer[ADDRESS_TEXT];

    if (group->way == ACCOUNT_ACCEPTED) {
        if (!is_client(v, &at) && !may_be_accepted(v, ACCOUNT_ADVISE, &at) && !is_admin_port(v->cfg, group->port))
            find(f, "accepted_from_stranger", "the kernel knows %zu connections accepted from %s at port %u%s", group->count,
                 address_format_ip(&at, peer), group->port, or_former(v));
        return;
    }
    address_set_port(&at, group->port);
    if (prove_peers_find_port(&v->peers, PROVE_RELAY, &at) == NULL &&
        prove_peers_find_port(&v->peers, PROVE_SERVER, &at) == NULL &&
        prove_peers_find_port(&v->peers, PROVE_RECEIVER, &at) == NULL &&
        !(is_client(v, &at) && port_range_contains(&v->cfg->advise_ports, group->port)))
        find(f, "opened_to_stranger",
             "the kernel knows %zu connections opened to %s port %u, which the configuration does not name%s", group->count,
             address_format_ip(&at, peer), group->port, or_former(v));
}

void prove_judge(const struct prove_view *v, const struct prove_groups *groups, struct prove_findings *ret)
{
    bool is_relay = v->cfg->role == CFG_ROLE_RELAY;

    if (is_relay)
        judge_delivery(v, ret);
    if (!v->has_accounts)
        return;
    judge_sources(v, ret);
    if (is_relay && v->has_counters)
        judge_counters(&v->counters, ret);
    for (size_t i = 0; i < v->accounts.count; i++)
        (is_relay ? judge_relay_account : judge_agent_account)(v, &v->accounts.rows[i], ret);
    for (size_t i = 0; i < groups->count; i++)
        (is_relay ? judge_relay_socket : judge_agent_socket)(v, &groups->list[i], ret);
    judge_completeness(v, groups, ret);
}
