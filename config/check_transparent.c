/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rules on addressing "transparent": an address must stand for one client. Agents at the relay say whose clients have
 * which addresses; an agent beside the server knows nothing of that. Caller's thread.
 */
#include "config/check_rules.h"
#include "config/memory.h"

#include <stdlib.h>

static bool is_transparent(const struct cfg_link *link)
{
    return link->advise.addressing == CFG_ADDRESSING_TRANSPARENT;
}

static bool has_transparent_link(const struct cfg *cfg, const struct cfg_agent *agent)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        if (is_transparent(&cfg->links[i]) && check_agent_has_link(agent, cfg->links[i].name))
            return true;
    return false;
}

/* A network of clients that may use a transparent link. */
struct claim {
    const struct cfg_network *network;
    const struct cfg_agent *agent;
};

/* A network stands right behind those that it lies in. */
static int compare(const void *a, const void *b)
{
    const struct claim *one = a, *other = b;
    const struct network *n = &one->network->network, *m = &other->network->network;
    int order = address_compare_ip(&n->base, &m->base);

    if (order == 0)
        order = (n->prefix > m->prefix) - (n->prefix < m->prefix);
    return order != 0 ? order : (one->agent > other->agent) - (one->agent < other->agent);
}

/* The inner network lies in the outer one. Told where the later agent stands. */
static void report_shared(const struct check *c, const struct claim *outer, const struct claim *inner)
{
    bool is_outer_later = outer->agent > inner->agent;
    const struct claim *later = is_outer_later ? outer : inner;
    const struct claim *earlier = is_outer_later ? inner : outer;
    char text[ADDRESS_TEXT];

    check_report(
        c, later->network->line, "Write addressing = \"alias\", which tells such clients apart, or renumber one of the networks",
        "The agents \"%s\" and \"%s\" may both have clients of %s/%u, and with addressing \"transparent\" nothing but the "
        "address tells clients apart",
        earlier->agent->name, later->agent->name, address_format_ip(&inner->network->network.base, text),
        inner->network->network.prefix);
}

/* Networks lie in each other or beside each other, so the last one that a network lies in tells enough. */
static void check_sorted(const struct check *c, const struct claim *list, size_t count)
{
    const struct claim **around = cfg_alloc(count + 1, sizeof(*around));
    size_t depth = 0;

    for (size_t i = 0; i < count; i++) {
        while (depth > 0 && !network_contains(&around[depth - 1]->network->network, &list[i].network->network.base))
            depth--;
        if (depth > 0 && around[depth - 1]->agent != list[i].agent)
            report_shared(c, around[depth - 1], &list[i]);
        around[depth++] = &list[i];
    }
    free(around);
}

static void check_agents_differ(const struct check *c)
{
    const struct cfg_tunnel *tunnel = &c->cfg->tunnel;
    struct claim *list = NULL;
    size_t count = 0;

    for (size_t i = 0; i < tunnel->agents_count; i++) {
        const struct cfg_agent *agent = &tunnel->agents[i];
        bool may_come = has_transparent_link(c->cfg, agent);

        for (size_t j = 0; j < agent->clients_count && may_come; j++) {
            list = cfg_grow(list, count, sizeof(*list));
            list[count++] = (struct claim){&agent->clients[j], agent};
        }
    }
    if (count > 0)
        qsort(list, count, sizeof(*list), compare);
    check_sorted(c, list, count);
    free(list);
}

/* Clients of agents that come without them are found through their agent too, unless the relay dials them itself. */
static void check_direct_differ(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_tunnel *tunnel = &c->cfg->tunnel;

    if (link->listen_count == 0 || link->advise.delivery != CFG_DELIVERY_DIRECT)
        return;
    for (size_t i = 0; i < tunnel->agents_count; i++) {
        if (tunnel->agents[i].clients_count == 0 || !has_transparent_link(c->cfg, &tunnel->agents[i]))
            continue;
        check_report(
            c, link->advise.line, "Write addressing = \"alias\", which tells them apart, or delivery = \"agent\"",
            "A client that comes to the link \"%s\" without an agent may have the address of a client of \"%s\", and with "
            "addressing \"transparent\" nothing else tells them apart",
            check_link_name(link), tunnel->agents[i].name);
        return;
    }
}

void check_transparent(const struct check *c)
{
    check_agents_differ(c);
    for (size_t i = 0; i < c->cfg->links_count; i++)
        if (is_transparent(&c->cfg->links[i]))
            check_direct_differ(c, &c->cfg->links[i]);
}
