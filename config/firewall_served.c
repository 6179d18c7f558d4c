/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules of the server side of links: dialling servers, taking up what they dial back. Relay and agent alike. Caller's
 * thread. */
#include "config/firewall_rules.h"

#include <string.h>

/* How each addressing dials, and how it is dialled back; for the reasons. */
static const char *const dials[] = {
    [CFG_ADDRESSING_OFF] = "",
    [CFG_ADDRESSING_ALIAS] = ", from the client's address of the pool",
    [CFG_ADDRESSING_TRANSPARENT] = ", from the client's own address",
    [CFG_ADDRESSING_PORTS] = ", from its address towards the server",
    [CFG_ADDRESSING_REWRITE] = ", from its address towards the server",
};
static const char *const answers[] = {
    [CFG_ADDRESSING_OFF] = "",
    [CFG_ADDRESSING_ALIAS] = ", to each at its address of the pool",
    [CFG_ADDRESSING_TRANSPARENT] = ", to their own addresses, which are routed to this machine",
    [CFG_ADDRESSING_PORTS] = ", to each at its own ports",
    [CFG_ADDRESSING_REWRITE] = ", to the ports that stand for theirs",
};

static bool may_open(const struct cfg_agent *agent, const char *link)
{
    for (size_t i = 0; i < agent->links_count; i++)
        if (strcmp(agent->links[i].text, link) == 0)
            return true;
    return false;
}

/* The clients' own addresses, as far as they are known. */
static void add_clients(const struct firewall_maker *m, const struct cfg_link *link, struct firewall_end *end)
{
    const struct cfg_tunnel *tunnel = &m->cfg->tunnel;
    bool all_deliver = link->listen_count > 0 && link->advise.delivery == CFG_DELIVERY_AGENT;

    for (size_t i = 0; i < tunnel->agents_count; i++)
        if (all_deliver || may_open(&tunnel->agents[i], link->name))
            firewall_add_networks(end, tunnel->agents[i].clients, tunnel->agents[i].clients_count);
    if (link->listen_count > 0 || m->cfg->role == CFG_ROLE_AGENT)
        firewall_end_add_all(end, &m->asked->clients);
}

/* A rule with addresses that the server sees the clients at: the pool, ours, or theirs. */
static void add_stand_ins(const struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *own,
                          struct firewall_end *end)
{
    const struct cfg_advise *advise = &link->advise;

    switch (advise->addressing) {
    case CFG_ADDRESSING_ALIAS:
        for (size_t i = 0; i < advise->pool_count; i++)
            firewall_end_add(end, &advise->pool[i].range);
        break;
    case CFG_ADDRESSING_TRANSPARENT:
        add_clients(m, link, end);
        break;
    default:
        if (address_is_set(&advise->address) && advise->addressing != CFG_ADDRESSING_OFF)
            firewall_end_add_address(end, &advise->address);
        else
            firewall_end_add_all(end, own);
        break;
    }
}

static void add_advise_ports(const struct cfg_advise *advise, struct firewall_ports *ports)
{
    switch (advise->addressing) {
    case CFG_ADDRESSING_PORTS:
        for (size_t i = 0; i < advise->clients_count; i++)
            firewall_ports_add(ports, advise->clients[i].ports);
        break;
    case CFG_ADDRESSING_REWRITE:
        firewall_ports_add(ports, advise->relay_ports);
        break;
    case CFG_ADDRESSING_TRANSPARENT:
        break;
    default:
        firewall_ports_add(ports, advise->ports);
        break;
    }
}

static const char *us(const struct firewall_maker *m)
{
    return m->cfg->role == CFG_ROLE_RELAY ? "relay" : "agent";
}

static void dial_at(struct firewall_maker *m, int place, const struct cfg_link *link, const struct firewall_end *own)
{
    struct firewall_rule *rule = firewall_rule_new(
        m, place, TOWARDS_SERVER, firewall_text("link %s", link->name),
        firewall_text("The %s opens the link \"%s\" to the server%s.", us(m), link->name, dials[link->advise.addressing]));

    if (!rule)
        return;
    add_stand_ins(m, link, own, &rule->source);
    firewall_end_add_endpoint(&rule->destination, &link->server);
    firewall_add_ranges(&rule->ports, link);
    if (link->ports_count == 0)
        firewall_ports_add_one(&rule->ports, link->server.port);
}

static struct firewall_rule *advise_at(struct firewall_maker *m, int place, const struct cfg_link *link,
                                       const struct firewall_end *own)
{
    const struct cfg_advise *advise = &link->advise;
    struct firewall_rule *rule = firewall_rule_new(
        m, place, m->cfg->role == CFG_ROLE_RELAY ? TOWARDS_RELAY : TOWARDS_AGENT, firewall_text("advise %s", link->name),
        firewall_text("The server dials back to clients of the link \"%s\"%s.", link->name, answers[advise->addressing]));

    if (!rule)
        return NULL;
    firewall_rule_from(rule, "server");
    firewall_end_add_endpoint(&rule->source, &link->server);
    for (size_t i = 0; i < advise->from_count; i++)
        firewall_end_add_network(&rule->source, &advise->from[i].network);
    add_stand_ins(m, link, own, &rule->destination);
    add_advise_ports(advise, &rule->ports);
    return rule;
}

/* TPROXY leads to one port. */
static void intercept(const struct firewall_maker *m, struct firewall_rule *rule, enum firewall_means means)
{
    rule->means = means;
    rule->listen.sa.any.sa_family = AF_INET;
    address_set_port(&rule->listen, (uint16_t)m->cfg->intercept_port);
}

/* What can't be intercepted must be said: rules for "anybody" would take what is none of ours. */
static void tell_unknown(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_rule *rule)
{
    bool is_direct = m->cfg->role == CFG_ROLE_AGENT || (link->listen_count > 0 && link->advise.delivery == CFG_DELIVERY_DIRECT);

    if (!firewall_end_is_any(&rule->destination) && !(is_direct && firewall_end_is_any(&m->asked->clients)))
        return;
    firewall_note(m, "The configuration does not say which addresses clients have whose own addresses the server is to see: "
                     "--clients NETWORK does.");
    if (rule->place == FIREWALL_HOST && !m->f->unknown)
        m->f->unknown = firewall_text(
            "\"%s\" has addressing \"transparent\", but it is not known which clients it serves. Name their networks: --clients "
            "192.168.1.0/24",
            link->name);
}

static void advise_host(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *own)
{
    struct firewall_rule *rule = advise_at(m, FIREWALL_HOST, link, own);

    if (!rule)
        return;
    if (link->advise.addressing == CFG_ADDRESSING_TRANSPARENT) {
        intercept(m, rule, FIREWALL_INTERCEPT);
        tell_unknown(m, link, rule);
        return;
    }
    if (!cfg_is_intercepted(&link->advise))
        return;
    rule = advise_at(m, FIREWALL_HOST, link, own);
    intercept(m, rule, FIREWALL_TAKE);
    rule->except = rule->ports;
    rule->ports = (struct firewall_ports){0};
}

static void advise_inner(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *own)
{
    struct firewall_rule *rule = advise_at(m, FIREWALL_INNER, link, own);

    if (!rule)
        return;
    if (cfg_is_intercepted(&link->advise))
        firewall_ports_fini(&rule->ports);
    if (link->advise.addressing != CFG_ADDRESSING_TRANSPARENT)
        return;
    tell_unknown(m, link, rule);
    if (m->f->places == (FIREWALL_OUTER | FIREWALL_INNER))
        firewall_note(
            m,
            "With addressing \"transparent\" such a firewall must route what servers send to clients to the relay, and no longer "
            "check by which "
            "interface clients' addresses come in; and --interface must name the clients' side. \"alias\" needs none of this.");
}

void firewall_serve(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *own)
{
    bool is_relay = m->cfg->role == CFG_ROLE_RELAY;

    if (link->server.agent || (!link->server.is_name && address_is_loopback(&link->server.address)))
        return;
    dial_at(m, FIREWALL_HOST, link, own);
    if (is_relay)
        dial_at(m, FIREWALL_INNER, link, own);
    if (link->advise.addressing == CFG_ADDRESSING_OFF)
        return;
    advise_host(m, link, own);
    if (is_relay)
        advise_inner(m, link, own);
}
