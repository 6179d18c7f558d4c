/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on addressing: pools that overlap, pins that contradict each other, advises that nobody could deliver. */
#include "config/check_rules.h"

enum { POOL_LARGEST = 65536, POOL_TEXT = 2 * ADDRESS_TEXT };

static const char *link_name(const struct cfg_link *link)
{
    return link->name ? link->name : "?";
}

static const char *pool_format(const struct cfg_pool *pool, char text[POOL_TEXT])
{
    char first[ADDRESS_TEXT], last[ADDRESS_TEXT];

    address_format_ip(&pool->range.first, first);
    address_format_ip(&pool->range.last, last);
    if (address_same_ip(&pool->range.first, &pool->range.last))
        snprintf(text, POOL_TEXT, "%s", first);
    else
        snprintf(text, POOL_TEXT, "%s-%s", first, last);
    return text;
}

/* One range against all that come before it, in this link and in those before it. */
static void check_pool_overlap(const struct check *c, size_t link, size_t index)
{
    const struct cfg_pool *pool = &c->cfg->links[link].advise.pool[index];
    char text[POOL_TEXT], other[POOL_TEXT];

    for (size_t i = 0; i <= link; i++) {
        const struct cfg_advise *advise = &c->cfg->links[i].advise;
        size_t end = i == link ? index : advise->pool_count;

        for (size_t j = 0; j < end; j++) {
            if (!address_range_overlaps(&pool->range, &advise->pool[j].range))
                continue;
            check_report(c, pool->line, "Give each address to one pool", "The pool %s overlaps with %s of the link \"%s\"",
                         pool_format(pool, text), pool_format(&advise->pool[j], other), link_name(&c->cfg->links[i]));
            return;
        }
    }
}

static void check_pool(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_endpoint *server = &link->server;
    bool has_address = server->text && !server->is_name;
    char text[POOL_TEXT];
    size_t size = 0;

    for (size_t i = 0; i < link->advise.pool_count; i++) {
        const struct cfg_pool *pool = &link->advise.pool[i];

        size += address_range_count(&pool->range, POOL_LARGEST + 1);
        if (size > POOL_LARGEST) {
            check_report(c, pool->line, "Write a smaller range", "The pool of the link \"%s\" has more than %d addresses",
                         link_name(link), POOL_LARGEST);
            return;
        }
        if (has_address && pool->range.first.sa.any.sa_family != server->address.sa.any.sa_family)
            check_report(c, pool->line, "Take addresses of the server's family",
                         "The server %s can't be dialled from the pool %s: one is IPv4, the other IPv6", server->text,
                         pool_format(pool, text));
        else if (has_address && address_range_contains(&pool->range, &server->address))
            check_report(c, pool->line, "Take addresses of this machine that nobody else has",
                         "The pool %s holds the server's own address", pool_format(pool, text));
    }
}

static bool is_in_pool(const struct cfg_advise *advise, const struct address *address)
{
    for (size_t i = 0; i < advise->pool_count; i++)
        if (address_range_contains(&advise->pool[i].range, address))
            return true;
    return false;
}

static bool is_client_of(const struct cfg_agent *agent, const struct address *client)
{
    for (size_t i = 0; i < agent->clients_count; i++)
        if (network_contains(&agent->clients[i].network, client))
            return true;
    return false;
}

static void check_pins_agent(const struct check *c, const struct cfg_link *link, const struct cfg_pin *pin)
{
    const struct cfg_agent *agent = check_find_agent(c->cfg, pin->agent);
    char text[ADDRESS_TEXT];

    if (!pin->agent || check_same_name(pin->agent, "direct") || c->cfg->is_partial)
        return;
    if (!agent)
        check_report(c, pin->line, "Name one of the tunnel's agents, or \"direct\"", "There is no agent \"%s\"", pin->agent);
    else if (!check_agent_has_link(agent, link->name))
        check_report(c, pin->line, "Add the link to \"links\" of the agent", "The agent \"%s\" may not open the link \"%s\"",
                     pin->agent, link_name(link));
    else if (!is_client_of(agent, &pin->client))
        check_report(c, pin->line, "Correct the address, or add its network to \"clients\" of the agent",
                     "%s is no client of the agent \"%s\"", address_format_ip(&pin->client, text), pin->agent);
}

/* Pins that came before this one. One problem is enough. */
static void check_pin_is_unique(const struct check *c, const struct cfg_advise *advise, size_t index)
{
    const struct cfg_pin *pin = &advise->pins[index];
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < index; i++) {
        const struct cfg_pin *other = &advise->pins[i];

        if (address_is_set(&pin->address) && address_same_ip(&pin->address, &other->address)) {
            check_report(c, pin->line, "Give each client its own address", "Two pins have the address %s",
                         address_format_ip(&pin->address, text));
            return;
        }
        if (address_is_set(&pin->client) && address_same_ip(&pin->client, &other->client) &&
            check_same_name(pin->agent, other->agent)) {
            check_report(c, pin->line, "Remove one", "Two pins are for the client %s of \"%s\"",
                         address_format_ip(&pin->client, text), pin->agent);
            return;
        }
    }
}

static void check_pins(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < advise->pins_count; i++) {
        const struct cfg_pin *pin = &advise->pins[i];

        if (address_is_set(&pin->address) && !c->cfg->is_partial && advise->pool_count > 0 && !is_in_pool(advise, &pin->address))
            check_report(c, pin->line, "Take an address of the pool", "The pin's address %s is not in the pool of \"%s\"",
                         address_format_ip(&pin->address, text), link_name(link));
        check_pin_is_unique(c, advise, i);
        check_pins_agent(c, link, pin);
    }
}

static void check_off(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;
    const char *name = advise->pool_count > 0 ? "pool" : advise->pins_count > 0 ? "pins" : advise->from_count > 0 ? "from" : NULL;

    if (name && !c->cfg->is_partial)
        check_report(c, advise->line, "Write addressing = \"alias\", or remove it",
                     "The link \"%s\" has \"%s\", but its addressing is \"off\"", link_name(link), name);
}

static void check_alias(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;

    if (c->cfg->is_partial)
        return;
    if (advise->pool_count == 0)
        check_report(c, advise->line, "Add for example: pool = ( \"10.20.0.32-10.20.0.63\" );",
                     "The link \"%s\" has addressing \"alias\" and an empty pool", link_name(link));
    if (advise->delivery == CFG_DELIVERY_AGENT && c->cfg->tunnel.agents_count == 0)
        check_report(c, advise->line, "Add a tunnel with agents, or write delivery = \"direct\"",
                     "Advises of the link \"%s\" are delivered by agents, but there are none", link_name(link));
}

void check_advises(const struct check *c)
{
    for (size_t i = 0; i < c->cfg->links_count; i++) {
        const struct cfg_link *link = &c->cfg->links[i];

        if (c->cfg->role == CFG_ROLE_AGENT)
            continue;
        if (link->advise.addressing == CFG_ADDRESSING_OFF)
            check_off(c, link);
        else
            check_alias(c, link);
        for (size_t j = 0; j < link->advise.pool_count; j++)
            check_pool_overlap(c, i, j);
        check_pool(c, link);
        check_pins(c, link);
    }
}
