/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on addressing "alias": pools that overlap, pins that contradict each other. Caller's thread. */
#include "config/check_rules.h"

#include <stdio.h>

enum { POOL_LARGEST = 65536 };

static const char *pool_format(const struct cfg_pool *pool, char text[CHECK_POOL_TEXT])
{
    char first[ADDRESS_TEXT], last[ADDRESS_TEXT];

    address_format_ip(&pool->range.first, first);
    address_format_ip(&pool->range.last, last);
    if (address_same_ip(&pool->range.first, &pool->range.last))
        snprintf(text, CHECK_POOL_TEXT, "%s", first);
    else
        snprintf(text, CHECK_POOL_TEXT, "%s-%s", first, last);
    return text;
}

/* One range against all that come before it, in this link and in those before it. */
static void check_overlap(const struct check *c, size_t link, size_t index)
{
    const struct cfg_pool *pool = &c->cfg->served[link].advise.pool[index];
    char text[CHECK_POOL_TEXT], other[CHECK_POOL_TEXT];

    for (size_t i = 0; i <= link; i++) {
        const struct cfg_advise *advise = &c->cfg->served[i].advise;
        size_t end = i == link ? index : advise->pool_count;

        for (size_t j = 0; j < end; j++) {
            if (!address_range_overlaps(&pool->range, &advise->pool[j].range))
                continue;
            check_report(c, pool->line, "Give each address to one pool", "The pool %s overlaps with %s of the %s \"%s\"",
                         pool_format(pool, text), pool_format(&advise->pool[j], other), check_served_word(c),
                         check_link_name(&c->cfg->served[i]));
            return;
        }
    }
}

/* The address of a link with "ports" or "rewrite" is no client's. */
static void check_foreign_address(const struct check *c, const struct cfg_pool *pool)
{
    char text[CHECK_POOL_TEXT], address[ADDRESS_TEXT];

    for (size_t i = 0; i < c->cfg->served_count; i++) {
        const struct cfg_link *other = &c->cfg->served[i];

        if (!address_is_set(&other->advise.address) || !address_range_contains(&pool->range, &other->advise.address))
            continue;
        check_report(c, pool->line, "Take an address outside of the pool there, or leave it out here",
                     "The pool %s holds %s, which is the \"address\" of the %s \"%s\"", pool_format(pool, text),
                     address_format_ip(&other->advise.address, address), check_served_word(c), check_link_name(other));
        return;
    }
}

static void check_server(const struct check *c, const struct cfg_link *link, const struct cfg_pool *pool)
{
    const struct cfg_endpoint *server = &link->server;
    char text[CHECK_POOL_TEXT];

    if (!check_has_address(server))
        return;
    if (!check_same_family(&pool->range.first, &server->address))
        check_report(c, pool->line, "Take addresses of the server's family",
                     "The server %s can't be dialled from the pool %s: one is IPv4, the other IPv6", server->text,
                     pool_format(pool, text));
    else if (address_range_contains(&pool->range, &server->address))
        check_report(c, pool->line, "Take addresses of this machine that nobody else has",
                     "The pool %s holds the server's own address", pool_format(pool, text));
}

/* Each is a listener for each client. */
static void check_ports(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;
    char text[CHECK_PORTS_TEXT];

    if (advise->addressing == CFG_ADDRESSING_ALIAS && check_is_wide(&advise->ports))
        check_report(c, advise->ports_line, "Write the range that clients use most, and any_port = \"on\" for all others",
                     "The %s \"%s\" has the ports %s, but \"alias\" listens on at most %d", check_served_word(c),
                     check_link_name(link), check_ports_format(&advise->ports, text), CHECK_PORTS_LISTENED);
}

static void check_pool(const struct check *c, const struct cfg_link *link)
{
    size_t size = 0;

    for (size_t i = 0; i < link->advise.pool_count; i++) {
        const struct cfg_pool *pool = &link->advise.pool[i];

        size += address_range_count(&pool->range, POOL_LARGEST + 1);
        if (size > POOL_LARGEST) {
            check_report(c, pool->line, "Write a smaller range", "The pool of the %s \"%s\" has more than %d addresses",
                         check_served_word(c), check_link_name(link), POOL_LARGEST);
            return;
        }
        check_server(c, link, pool);
        check_foreign_address(c, pool);
    }
}

static bool is_in_pool(const struct cfg_advise *advise, const struct address *address)
{
    for (size_t i = 0; i < advise->pool_count; i++)
        if (address_range_contains(&advise->pool[i].range, address))
            return true;
    return false;
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
                         address_format_ip(&pin->address, text), check_link_name(link));
        check_pin_is_unique(c, advise, i);
        check_client(c, link, pin->agent, &pin->client, pin->line);
    }
}

void check_pools(const struct check *c, size_t index)
{
    const struct cfg_link *link = &c->cfg->served[index];

    for (size_t i = 0; i < link->advise.pool_count; i++)
        check_overlap(c, index, i);
    check_pool(c, link);
    check_ports(c, link);
    check_pins(c, link);
}
