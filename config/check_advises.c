/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on addressing as a whole: what each kind needs, what belongs to another kind, and who delivers. Each kind has a
 * file of its own for the rest. Caller's thread. */
#include "config/check_rules.h"

#include <stdio.h>

/* Bits of enum cfg_addressing. */
enum {
    ALIAS = 1 << CFG_ADDRESSING_ALIAS,
    TRANSPARENT = 1 << CFG_ADDRESSING_TRANSPARENT,
    PORTS = 1 << CFG_ADDRESSING_PORTS,
    REWRITE = 1 << CFG_ADDRESSING_REWRITE
};

static const char *const titles[] = {
    [CFG_ADDRESSING_OFF] = "off",     [CFG_ADDRESSING_ALIAS] = "alias",     [CFG_ADDRESSING_TRANSPARENT] = "transparent",
    [CFG_ADDRESSING_PORTS] = "ports", [CFG_ADDRESSING_REWRITE] = "rewrite",
};

/* A setting that only some kinds have. */
struct owned {
    const char *name;
    unsigned kinds;
    bool is_set;
    unsigned place;
    const char *remedy;
};

#define FIRST_LINE(list_) ((list_##_count) > 0 ? (list_)[0].line : 0)

/* With "off" alone no such setting may stand: somebody who writes a pool wants addressing. */
static void check_owned(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *a = &link->advise;
    const char *alias = "Write addressing = \"alias\", or remove it";
    const char *rewrite = "Write addressing = \"rewrite\", or remove it";
    const struct owned settings[] = {
        {"pool", ALIAS, a->pool_count > 0, FIRST_LINE(a->pool), alias},
        {"pins", ALIAS, a->pins_count > 0, FIRST_LINE(a->pins), alias},
        {"any_port", ALIAS, a->any_port_line > 0, a->any_port_line, alias},
        {"address", PORTS | REWRITE, a->address_line > 0, a->address_line,
         "Write addressing = \"ports\" or \"rewrite\", or remove it"},
        {"clients", PORTS, a->clients_count > 0, FIRST_LINE(a->clients), "Write addressing = \"ports\", or remove it"},
        {"relay_ports", REWRITE, a->relay_ports_line > 0, a->relay_ports_line, rewrite},
        {"rule", REWRITE, a->rule.line > 0, a->rule.line, rewrite},
        {"on_mismatch", REWRITE, a->on_mismatch_line > 0, a->on_mismatch_line, rewrite},
        {"from", ALIAS | TRANSPARENT | PORTS | REWRITE, a->from_count > 0, FIRST_LINE(a->from),
         "Write the addressing, or remove it"},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (settings[i].is_set && !(settings[i].kinds & 1u << a->addressing))
            check_report(c, settings[i].place, settings[i].remedy, "The %s \"%s\" has \"%s\", but its addressing is \"%s\"",
                         check_served_word(c), check_link_name(link), settings[i].name, titles[a->addressing]);
}

static void check_needed(const struct check *c, const struct cfg_link *link, const char *name, bool is_there, const char *example)
{
    if (!is_there)
        check_report(c, link->advise.line, example, "The %s \"%s\" has addressing \"%s\", but no \"%s\"", check_served_word(c),
                     check_link_name(link), titles[link->advise.addressing], name);
}

static void check_needs(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *a = &link->advise;
    bool is_ports = a->addressing == CFG_ADDRESSING_PORTS;
    bool is_rewrite = a->addressing == CFG_ADDRESSING_REWRITE;

    if (a->addressing == CFG_ADDRESSING_ALIAS)
        check_needed(c, link, "pool", a->pool_count > 0, "Add for example: pool = ( \"10.20.0.32-10.20.0.63\" );");
    if (is_ports || is_rewrite)
        check_needed(c, link, "address", a->address_line > 0, "Add for example: address = \"10.20.0.10\";");
    if (is_ports)
        check_needed(c, link, "clients", a->clients_count > 0,
                     "Add for example: clients = ( { agent = \"site-a\"; client = \"192.168.1.20\"; ports = \"5510-5519\"; } );");
    if (is_rewrite)
        check_needed(c, link, "rule", a->rule.line > 0,
                     "Let \"georelay learn\" find it, and add for example: rule = { offset = 12; };");
}

static bool has_deliverer(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (cfg->tunnel.agents[i].clients_count > 0)
            return true;
    return false;
}

/* Beside the server nobody delivers: relays do. */
static void check_delivery(const struct check *c, const struct cfg_link *link)
{
    if (c->cfg->role == CFG_ROLE_RELAY && link->advise.delivery == CFG_DELIVERY_AGENT && !has_deliverer(c->cfg))
        check_report(c, link->advise.line, "Add a tunnel with agents, or write delivery = \"direct\"",
                     "Advises of the link \"%s\" are delivered by agents, but there are none beside clients",
                     check_link_name(link));
}

/* Ours towards the server. */
static void check_address(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;
    const struct cfg_endpoint *server = &link->server;
    char text[ADDRESS_TEXT];

    if (!address_is_set(&advise->address) || !check_has_address(server))
        return;
    address_format_ip(&advise->address, text);
    if (!check_same_family(&advise->address, &server->address))
        check_report(c, advise->address_line, "Take an address of the server's family",
                     "The server %s can't be dialled from %s: one is IPv4, the other IPv6", server->text, text);
    else if (address_same_ip(&advise->address, &server->address) && !address_is_loopback(&server->address))
        check_report(c, advise->address_line, "Take an address of this machine", "%s is the server's own address", text);
}

static void check_advise(const struct check *c, size_t index)
{
    const struct cfg_link *link = &c->cfg->served[index];

    if (!c->cfg->is_partial) {
        check_owned(c, link);
        check_needs(c, link);
        if (link->advise.addressing != CFG_ADDRESSING_OFF)
            check_delivery(c, link);
    }
    check_pools(c, index);
    check_address(c, link);
    check_port_clients(c, link);
    check_rewrite(c, link);
}

void check_advises(const struct check *c)
{
    for (size_t i = 0; i < c->cfg->served_count; i++)
        if (!c->cfg->served[i].server.agent)
            check_advise(c, i);
    check_port_owners(c);
    check_transparent(c);
}

bool check_takes_advises_at(const struct cfg_advise *advise, const struct address *listen, const struct port_range *ports)
{
    switch (advise->addressing) {
    case CFG_ADDRESSING_ALIAS:
        for (size_t i = 0; i < advise->pool_count && check_ports_overlap(&advise->ports, ports); i++) {
            const struct address_range *range = &advise->pool[i].range;

            if (address_is_any(listen) ? check_same_family(listen, &range->first) : address_range_contains(range, listen))
                return true;
        }
        return false;
    case CFG_ADDRESSING_PORTS:
        for (size_t i = 0; i < advise->clients_count && check_same_place(listen, &advise->address); i++)
            if (check_ports_overlap(&advise->clients[i].ports, ports))
                return true;
        return false;
    case CFG_ADDRESSING_REWRITE:
        return check_same_place(listen, &advise->address) && check_ports_overlap(&advise->relay_ports, ports);
    default:
        return false;
    }
}
