/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rules on addressing "ports", and on ports of one address that stand for clients: those of "clients" and of
 * "relay_ports". Links may share an address as long as each of its ports stands for one client. Caller's thread.
 */
#include "config/check_rules.h"
#include "config/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536, OWNER_TEXT = 256 };

/* Whom a port stands for: the client of an entry, or whoever gets it of `relay_ports` if `client` is NULL. */
struct owner {
    const struct cfg_link *link; /* NULL: nobody */
    const struct cfg_port_client *client;
};

/* The ports of one address. */
struct owners {
    struct owner list[PORTS];
    const struct address *address;
};

static bool same_client(const struct cfg_port_client *a, const struct cfg_port_client *b)
{
    return check_same_name(a->agent, b->agent) && address_is_set(&a->client) && address_same_ip(&a->client, &b->client);
}

void check_port_clients(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < advise->clients_count; i++) {
        const struct cfg_port_client *client = &advise->clients[i];

        for (size_t j = 0; j < i; j++)
            if (same_client(client, &advise->clients[j])) {
                check_report(c, client->line, "Remove one", "The client %s of \"%s\" is named twice",
                             address_format_ip(&client->client, text), client->agent);
                break;
            }
        check_client(c, link, client->agent, &client->client, client->line);
    }
}

/* "5510-5519 of the client 192.168.1.20 of "site-a"". */
static const char *owner_format(const struct owner *owner, char text[OWNER_TEXT])
{
    char ports[CHECK_PORTS_TEXT], client[ADDRESS_TEXT];

    if (owner->client)
        snprintf(text, OWNER_TEXT, "%s of the client %s of \"%s\"", check_ports_format(&owner->client->ports, ports),
                 address_format_ip(&owner->client->client, client), owner->client->agent ? owner->client->agent : "?");
    else
        snprintf(text, OWNER_TEXT, "%s, the relay_ports of \"%s\"", check_ports_format(&owner->link->advise.relay_ports, ports),
                 check_link_name(owner->link));
    return text;
}

static void report_shared(const struct check *c, const struct owners *owners, const struct owner *new, const struct owner *old)
{
    char text[OWNER_TEXT], other[OWNER_TEXT], address[ADDRESS_TEXT];
    unsigned place = new->link->advise.relay_ports_line > 0 ? new->link->advise.relay_ports_line : new->link->advise.line;

    check_report(c, new->client ? new->client->line : place,
                 new->client ? "Give each client ports of its own"
                             : "Give each link its own \"relay_ports\", or its own \"address\"",
                 "At %s the ports %s overlap with %s", address_format_ip(owners->address, address), owner_format(new, text),
                 owner_format(old, other));
}

static bool may_share(const struct owner *new, const struct owner *old)
{
    return !old->link || (new->client && old->client &&same_client(new->client, old->client));
}

/* A range of ports for an owner; the first port that is somebody else's is reported. */
static void claim(const struct check *c, struct owners *owners, const struct port_range *ports, struct owner new)
{
    bool is_free = true;

    for (unsigned port = ports->first; port <= ports->last && port > 0; port++) {
        struct owner *old = &owners->list[port];

        if (is_free && !may_share(&new, old)) {
            report_shared(c, owners, &new, old);
            is_free = false;
        }
        if (!old->link)
            *old = new;
    }
}

static void claim_all(const struct check *c, struct owners *owners, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;

    for (size_t i = 0; i < advise->clients_count && advise->addressing == CFG_ADDRESSING_PORTS; i++)
        claim(c, owners, &advise->clients[i].ports, (struct owner){link, &advise->clients[i]});
    if (advise->addressing == CFG_ADDRESSING_REWRITE)
        claim(c, owners, &advise->relay_ports, (struct owner){link, NULL});
}

/* True if this link is the first with its address. */
static bool is_first_with_address(const struct cfg *cfg, size_t index)
{
    const struct address *address = &cfg->served[index].advise.address;

    if (!address_is_set(address))
        return false;
    for (size_t i = 0; i < index; i++)
        if (address_same_ip(&cfg->served[i].advise.address, address))
            return false;
    return true;
}

void check_port_owners(const struct check *c)
{
    const struct cfg *cfg = c->cfg;
    struct owners *owners = cfg_alloc(1, sizeof(*owners));

    for (size_t i = 0; i < cfg->served_count; i++) {
        if (!is_first_with_address(cfg, i))
            continue;
        memset(owners, 0, sizeof(*owners));
        owners->address = &cfg->served[i].advise.address;
        for (size_t j = i; j < cfg->served_count; j++)
            if (address_same_ip(&cfg->served[j].advise.address, owners->address))
                claim_all(c, owners, &cfg->served[j]);
    }
    free(owners);
}
