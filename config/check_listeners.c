/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rules on addresses that are listened on: none twice, none where an advise is to arrive, none dialled by ourselves.
 * A listener on port 0 gets its port from the kernel and meets nothing. IPv6 listeners take no IPv4 (IPV6_V6ONLY), so
 * 0.0.0.0 and [::] are neighbours, not rivals. Caller's thread.
 */
#include "config/check_rules.h"
#include "config/memory.h"

#include <stdlib.h>

enum owner { OWNER_WEB, OWNER_PLAIN, OWNER_LINK, OWNER_TUNNEL };

struct listener {
    const struct cfg_listen *listen;
    enum owner owner;
};

struct listeners {
    struct listener *list;
    size_t count;
};

static void collect(struct listeners *all, const struct cfg_listen *list, size_t count, enum owner owner)
{
    for (size_t i = 0; i < count; i++) {
        all->list = cfg_grow(all->list, all->count, sizeof(*all->list));
        all->list[all->count++] = (struct listener){&list[i], owner};
    }
}

static void collect_all(struct listeners *all, const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->web_count; i++) {
        collect(all, cfg->web[i].listen, cfg->web[i].listen_count, OWNER_WEB);
        collect(all, cfg->web[i].plain, cfg->web[i].plain_count, OWNER_PLAIN);
        collect(all, cfg->web[i].redirect_from, cfg->web[i].redirect_from_count, OWNER_PLAIN);
    }
    for (size_t i = 0; i < cfg->links_count; i++)
        collect(all, cfg->links[i].listen, cfg->links[i].listen_count, OWNER_LINK);
    collect(all, cfg->tunnel.listen, cfg->tunnel.listen_count, OWNER_TUNNEL);
}

static bool same_family(const struct address *a, const struct address *b)
{
    return a->sa.any.sa_family == b->sa.any.sa_family;
}

static bool overlap(const struct address *a, const struct address *b)
{
    return address_port(a) != 0 && address_port(a) == address_port(b) && same_family(a, b) &&
           (address_is_any(a) || address_is_any(b) || address_same_ip(a, b));
}

/* The one overlap that has a meaning: ALPN parts agents from browsers, where there is TLS. */
static bool is_shared(const struct listener *a, const struct listener *b)
{
    bool is_tunnel_and_web =
        (a->owner == OWNER_TUNNEL && b->owner == OWNER_WEB) || (a->owner == OWNER_WEB && b->owner == OWNER_TUNNEL);

    return is_tunnel_and_web && address_same_ip(&a->listen->address, &b->listen->address);
}

static void check_overlap(const struct check *c, const struct listener *new, const struct listener *old)
{
    const char *remedy = "Choose another port or address";
    char text[ADDRESS_TEXT], other[ADDRESS_TEXT];

    address_format(&new->listen->address, text);
    address_format(&old->listen->address, other);
    if (new->owner == OWNER_TUNNEL && old->owner == OWNER_WEB)
        remedy = "Write the same address in both to share it, or choose another port";
    if (address_same_ip(&new->listen->address, &old->listen->address))
        check_report(c, new->listen->line, remedy, "%s is listened on twice", text);
    else
        check_report(c, new->listen->line, remedy, "The listeners %s and %s overlap", text, other);
}

static void check_overlaps(const struct check *c, const struct listeners *all)
{
    for (size_t i = 0; i < all->count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct listener *new = &all->list[i], *old = &all->list[j];

            if (!overlap(&new->listen->address, &old->listen->address) || is_shared(new, old))
                continue;
            check_overlap(c, new, old);
            break;
        }
    }
}

/* True if a listener stands where an advise of this link is to arrive. */
static bool meets_advise(const struct address *listen, const struct cfg_advise *advise)
{
    if (advise->addressing != CFG_ADDRESSING_ALIAS || !port_range_contains(&advise->ports, address_port(listen)))
        return false;
    for (size_t i = 0; i < advise->pool_count; i++) {
        const struct address_range *range = &advise->pool[i].range;

        if (address_is_any(listen) ? same_family(listen, &range->first) : address_range_contains(range, listen))
            return true;
    }
    return false;
}

static void check_advise_ports(const struct check *c, const struct listeners *all)
{
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < all->count; i++) {
        for (size_t j = 0; j < c->cfg->links_count; j++) {
            if (!meets_advise(&all->list[i].listen->address, &c->cfg->links[j].advise))
                continue;
            check_report(c, all->list[i].listen->line, "Listen on one address outside of the pool, or on another port",
                         "%s takes a port that advises of the link \"%s\" need",
                         address_format(&all->list[i].listen->address, text),
                         c->cfg->links[j].name ? c->cfg->links[j].name : "?");
            break;
        }
    }
}

/* Beside an agent the clients want their Sockets range for themselves. */
static void check_client_ports(const struct check *c, const struct listeners *all)
{
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < all->count; i++)
        if (port_range_contains(&c->cfg->advise_ports, address_port(&all->list[i].listen->address)))
            check_report(c, all->list[i].listen->line, "Choose another port", "%s takes a port of \"advise_ports\"",
                         address_format(&all->list[i].listen->address, text));
}

static bool is_own(const struct listeners *all, const struct cfg_endpoint *endpoint)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct address *listen = &all->list[i].listen->address;

        if (endpoint->text && !endpoint->is_name && address_port(listen) == endpoint->port &&
            (address_same_ip(listen, &endpoint->address) ||
             (address_is_any(listen) && same_family(listen, &endpoint->address) && address_is_loopback(&endpoint->address))))
            return true;
    }
    return false;
}

static void check_loops(const struct check *c, const struct listeners *all, const struct cfg_endpoint *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_own(all, &list[i]))
            check_report(c, list[i].line, "Name the server's own address and port",
                         "\"%s\" is listened on here: georelay would connect to itself", list[i].text);
}

static void check_web_loops(const struct check *c, const struct listeners *all, const struct cfg_web *web)
{
    check_loops(c, all, web->upstream.servers, web->upstream.servers_count);
    for (size_t i = 0; i < web->upstreams_count; i++)
        check_loops(c, all, web->upstreams[i].servers, web->upstreams[i].servers_count);
}

void check_listeners(const struct check *c)
{
    const struct cfg *cfg = c->cfg;
    struct listeners all = {0};

    collect_all(&all, cfg);
    check_overlaps(c, &all);
    if (cfg->role == CFG_ROLE_RELAY)
        check_advise_ports(c, &all);
    if (cfg->role == CFG_ROLE_AGENT)
        check_client_ports(c, &all);
    for (size_t i = 0; i < cfg->web_count; i++)
        check_web_loops(c, &all, &cfg->web[i]);
    for (size_t i = 0; i < cfg->links_count; i++)
        check_loops(c, &all, &cfg->links[i].server, 1);
    check_loops(c, &all, cfg->relays, cfg->relays_count);
    free(all.list);
}
