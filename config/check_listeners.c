/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rules on addresses that are listened on: none twice, none where an advise is to arrive, none dialled by ourselves.
 * A listener on port 0 gets its port from the kernel and meets nothing. IPv6 listeners take no IPv4 (IPV6_V6ONLY), so
 * 0.0.0.0 and [::] are neighbours, not rivals. Caller's thread.
 */
#include "config/check_rules.h"
#include "config/memory.h"

#include <stdlib.h>

static void collect(struct check_listeners *all, const struct cfg_listen *list, size_t count, enum check_owner owner,
                    const struct cfg_link *link)
{
    for (size_t i = 0; i < count; i++) {
        all->list = cfg_grow(all->list, all->count, sizeof(*all->list));
        all->list[all->count++] = (struct check_listener){&list[i], owner, link};
    }
}

static void collect_all(struct check_listeners *all, const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->web_count; i++) {
        const struct cfg_web *web = &cfg->web[i];

        collect(all, web->listen, web->listen_count, CHECK_OWNER_WEB, NULL);
        collect(all, web->plain, web->plain_count, CHECK_OWNER_PLAIN, NULL);
        collect(all, web->redirect_from, web->redirect_from_count, CHECK_OWNER_PLAIN, NULL);
    }
    for (size_t i = 0; i < cfg->links_count; i++)
        collect(all, cfg->links[i].listen, cfg->links[i].listen_count, CHECK_OWNER_LINK, &cfg->links[i]);
    collect(all, cfg->tunnel.listen, cfg->tunnel.listen_count, CHECK_OWNER_TUNNEL, NULL);
    collect(all, cfg->admin.listen, cfg->admin.listen_count, CHECK_OWNER_ADMIN, NULL);
}

static bool overlap(const struct address *a, const struct address *b)
{
    return address_port(a) != 0 && address_port(a) == address_port(b) && check_same_place(a, b);
}

/* The one overlap that has a meaning: ALPN parts agents from browsers, where there is TLS. */
static bool is_shared(const struct check_listener *a, const struct check_listener *b)
{
    bool is_tunnel_and_web = (a->owner == CHECK_OWNER_TUNNEL && b->owner == CHECK_OWNER_WEB) ||
                             (a->owner == CHECK_OWNER_WEB && b->owner == CHECK_OWNER_TUNNEL);

    return is_tunnel_and_web && address_same_ip(&a->listen->address, &b->listen->address);
}

static void check_overlap(const struct check *c, const struct check_listener *new, const struct check_listener *old)
{
    const char *remedy = "Choose another port or address";
    char text[ADDRESS_TEXT], other[ADDRESS_TEXT];

    address_format(&new->listen->address, text);
    address_format(&old->listen->address, other);
    if (new->owner == CHECK_OWNER_TUNNEL && old->owner == CHECK_OWNER_WEB)
        remedy = "Write the same address in both to share it, or choose another port";
    if (address_same_ip(&new->listen->address, &old->listen->address))
        check_report(c, new->listen->line, remedy, "%s is listened on twice", text);
    else
        check_report(c, new->listen->line, remedy, "The listeners %s and %s overlap", text, other);
}

static void check_overlaps(const struct check *c, const struct check_listeners *all)
{
    for (size_t i = 0; i < all->count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct check_listener *new = &all->list[i], *old = &all->list[j];

            if (!overlap(&new->listen->address, &old->listen->address) || is_shared(new, old))
                continue;
            check_overlap(c, new, old);
            break;
        }
    }
}

static void check_advise_ports(const struct check *c, const struct check_listeners *all)
{
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < all->count; i++) {
        const struct cfg_listen *listen = all->list[i].listen;
        struct port_range port = {address_port(&listen->address), address_port(&listen->address)};

        for (size_t j = 0; j < c->cfg->served_count; j++) {
            const struct cfg_link *link = &c->cfg->served[j];

            if (!check_takes_advises_at(&link->advise, &listen->address, &port))
                continue;
            check_report(c, listen->line,
                         link->advise.addressing == CFG_ADDRESSING_ALIAS
                             ? "Listen on one address outside of the pool, or on another port"
                             : "Choose another port or address",
                         "%s takes a port that advises of the %s \"%s\" need", address_format(&listen->address, text),
                         check_served_word(c), check_link_name(link));
            break;
        }
    }
}

/* Beside an agent the clients want their Sockets range for themselves. Clients that take any port take a free one. */
static void check_client_ports(const struct check *c, const struct check_listeners *all)
{
    char text[ADDRESS_TEXT];

    if (check_is_wide(&c->cfg->advise_ports))
        return;
    for (size_t i = 0; i < all->count; i++)
        if (port_range_contains(&c->cfg->advise_ports, address_port(&all->list[i].listen->address)))
            check_report(c, all->list[i].listen->line, "Choose another port", "%s takes a port of \"advise_ports\"",
                         address_format(&all->list[i].listen->address, text));
}

static bool is_own(const struct check_listeners *all, const struct cfg_endpoint *endpoint)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct address *listen = &all->list[i].listen->address;

        if (check_has_address(endpoint) && endpoint->port != 0 && address_port(listen) == endpoint->port &&
            (address_same_ip(listen, &endpoint->address) ||
             (address_is_any(listen) && check_same_family(listen, &endpoint->address) &&
              address_is_loopback(&endpoint->address))))
            return true;
    }
    return false;
}

static void check_loops(const struct check *c, const struct check_listeners *all, const struct cfg_endpoint *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_own(all, &list[i]))
            check_report(c, list[i].line, "Name the server's own address and port",
                         "\"%s\" is listened on here: georelay would connect to itself", list[i].text);
}

static void check_web_loops(const struct check *c, const struct check_listeners *all, const struct cfg_web *web)
{
    check_loops(c, all, web->upstream.servers, web->upstream.servers_count);
    for (size_t i = 0; i < web->upstreams_count; i++)
        check_loops(c, all, web->upstreams[i].servers, web->upstreams[i].servers_count);
}

void check_listeners(const struct check *c)
{
    const struct cfg *cfg = c->cfg;
    struct check_listeners all = {0};

    collect_all(&all, cfg);
    check_overlaps(c, &all);
    check_advise_ports(c, &all);
    check_intercept(c, &all);
    check_ranges(c, &all);
    if (cfg->role == CFG_ROLE_AGENT)
        check_client_ports(c, &all);
    for (size_t i = 0; i < cfg->web_count; i++)
        check_web_loops(c, &all, &cfg->web[i]);
    for (size_t i = 0; i < cfg->served_count; i++)
        check_loops(c, &all, &cfg->served[i].server, 1);
    check_loops(c, &all, cfg->relays, cfg->relays_count);
    free(all.list);
}
