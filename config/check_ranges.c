/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rules on links over ranges of ports. A rule of the firewall leads every connection to these ports of the listener's
 * address to the listener, so nothing else on that address can be reached there. Caller's thread.
 */
#include "config/check_rules.h"

static void check_server(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_endpoint *server = &link->server;

    if (c->cfg->is_partial || !server->text)
        return;
    if (server->has_any_port && link->ports_count == 0)
        check_report(c, server->line, "Add for example: ports = ( \"1025-5000\" );",
                     "The server \"%s\" has the port that clients choose, but the %s \"%s\" has no \"ports\"", server->text,
                     check_served_word(c), check_link_name(link));
    if (link->ports_count > 0 && !server->has_any_port && !server->agent)
        check_report(c, server->line, "Write \"*\" in place of the port, or remove \"ports\"",
                     "The %s \"%s\" has \"ports\", each for the same port of the server, but its server is \"%s\"",
                     check_served_word(c), check_link_name(link), server->text);
    if (link->ports_count > 0 && link->advise.addressing != CFG_ADDRESSING_OFF && !server->agent)
        check_report(c, link->advise.addressing_line, "Remove it: legacy clients need a link of their own, without \"ports\"",
                     "The %s \"%s\" has \"ports\", and a link over ranges of ports has no advises", check_served_word(c),
                     check_link_name(link));
}

static void check_overlap(const struct check *c, const struct cfg_link *link)
{
    char text[CHECK_PORTS_TEXT], other[CHECK_PORTS_TEXT];

    for (size_t i = 0; i < link->ports_count; i++)
        for (size_t j = 0; j < i; j++)
            if (check_ports_overlap(&link->ports[i].range, &link->ports[j].range)) {
                check_report(c, link->ports[i].line, "Write each port once", "The ports %s overlap with %s",
                             check_ports_format(&link->ports[i].range, text), check_ports_format(&link->ports[j].range, other));
                break;
            }
}

static bool is_at(const struct cfg_link *link, const struct address *address)
{
    for (size_t i = 0; i < link->listen_count; i++)
        if (check_same_place(&link->listen[i].address, address))
            return true;
    return false;
}

/* The range of the link that holds a port, or NULL. */
static const struct cfg_ports *range_with(const struct cfg_link *link, uint16_t port)
{
    for (size_t i = 0; i < link->ports_count; i++)
        if (port_range_contains(&link->ports[i].range, port))
            return &link->ports[i];
    return NULL;
}

static void check_other_listeners(const struct check *c, const struct cfg_link *link, const struct check_listeners *all)
{
    char text[ADDRESS_TEXT], ports[CHECK_PORTS_TEXT];

    for (size_t i = 0; i < all->count; i++) {
        const struct cfg_listen *listen = all->list[i].listen;
        uint16_t port = address_port(&listen->address);
        const struct cfg_ports *range = port > 0 ? range_with(link, port) : NULL;

        if (!range || !is_at(link, &listen->address))
            continue;
        address_format(&listen->address, text);
        check_ports_format(&range->range, ports);
        if (all->list[i].link == link)
            check_report(c, listen->line, "Listen on a port outside of them",
                         "%s is one of the ports %s of its own link: connections to these are led to it", text, ports);
        else
            check_report(c, listen->line, "Choose another port or address, or take it out of these \"ports\"",
                         "%s can't be reached: connections to the ports %s are led to the link \"%s\"", text, ports,
                         check_link_name(link));
    }
}

static bool meets_advises(const struct cfg_link *link, const struct port_range *ports, const struct cfg_advise *advise)
{
    for (size_t i = 0; i < link->listen_count; i++)
        if (check_takes_advises_at(advise, &link->listen[i].address, ports))
            return true;
    return false;
}

static void check_advise_ports(const struct check *c, const struct cfg_link *link)
{
    char text[CHECK_PORTS_TEXT];

    for (size_t i = 0; i < link->ports_count; i++)
        for (size_t j = 0; j < c->cfg->served_count; j++)
            if (meets_advises(link, &link->ports[i].range, &c->cfg->served[j].advise)) {
                check_report(c, link->ports[i].line, "Listen on another address, or take them out of these \"ports\"",
                             "The ports %s hold some that advises of the %s \"%s\" need",
                             check_ports_format(&link->ports[i].range, text), check_served_word(c),
                             check_link_name(&c->cfg->served[j]));
                break;
            }
}

static bool share_an_address(const struct cfg_link *a, const struct cfg_link *b)
{
    for (size_t i = 0; i < a->listen_count; i++)
        if (is_at(b, &a->listen[i].address))
            return true;
    return false;
}

/* The links before this one. One problem is enough. */
static void check_other_ranges(const struct check *c, size_t index)
{
    const struct cfg_link *link = &c->cfg->links[index];
    char text[CHECK_PORTS_TEXT], other[CHECK_PORTS_TEXT];

    for (size_t i = 0; i < index; i++) {
        const struct cfg_link *before = &c->cfg->links[i];

        if (before->ports_count == 0 || !share_an_address(link, before))
            continue;
        for (size_t j = 0; j < link->ports_count * before->ports_count; j++) {
            const struct cfg_ports *a = &link->ports[j / before->ports_count], *b = &before->ports[j % before->ports_count];

            if (!check_ports_overlap(&a->range, &b->range))
                continue;
            check_report(c, a->line, "Listen on another address, or give each port to one link",
                         "The ports %s overlap with %s of the link \"%s\", which listens on the same address",
                         check_ports_format(&a->range, text), check_ports_format(&b->range, other), check_link_name(before));
            return;
        }
    }
}

void check_ranges(const struct check *c, const struct check_listeners *all)
{
    for (size_t i = 0; i < c->cfg->served_count; i++)
        check_server(c, &c->cfg->served[i]);
    for (size_t i = 0; i < c->cfg->servers_count; i++)
        check_overlap(c, &c->cfg->servers[i]);
    for (size_t i = 0; i < c->cfg->links_count; i++) {
        const struct cfg_link *link = &c->cfg->links[i];

        check_overlap(c, link);
        check_other_listeners(c, link, all);
        check_advise_ports(c, link);
        check_other_ranges(c, i);
    }
}
