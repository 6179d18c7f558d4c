/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules of an agent besides those of its server side: relays, clients' links, delivery. Caller's thread. */
#include "config/firewall_rules.h"

/* Both firewalls are the one between the agent and the relay. */
static void relays_at(struct firewall_maker *m, int place)
{
    const struct cfg *cfg = m->cfg;

    for (size_t i = 0; i < cfg->relays_count; i++) {
        const struct cfg_endpoint *relay = &cfg->relays[i];
        struct firewall_rule *rule;

        if (!relay->is_name && address_is_loopback(&relay->address))
            continue;
        rule = firewall_rule_new(
            m, place, TOWARDS_RELAY, firewall_text("tunnel"),
            firewall_text("The agent \"%s\" connects to the relay; all that it carries travels inside.", cfg->name));
        if (!rule)
            continue;
        firewall_end_add_all(&rule->source, &m->asked->agent);
        if (firewall_end_is_any(&m->asked->relay))
            firewall_end_add_endpoint(&rule->destination, relay);
        else
            firewall_end_add_all(&rule->destination, &m->asked->relay);
        firewall_ports_add_one(&rule->ports, relay->port);
    }
    if ((m->f->places & place) && place != FIREWALL_HOST && firewall_end_is_any(&m->asked->agent))
        firewall_note(m, "Which address the agent has is not in the configuration, so rules for it are for anybody: --agent "
                         "ADDRESS narrows them.");
}

static void link_listens(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *clients)
{
    for (size_t i = 0; i < link->listen_count; i++) {
        uint16_t port = address_port(&link->listen[i].address);
        struct firewall_rule *rule;
        bool is_known = false;

        for (size_t k = 0; k < i; k++)
            is_known |= address_port(&link->listen[k].address) == port;
        rule = is_known ? NULL
                        : firewall_rule_new(m, FIREWALL_HOST, TOWARDS_AGENT, firewall_text("link %s", link->name),
                                            firewall_text("Clients open the link \"%s\".", link->name));
        if (!rule)
            continue;
        firewall_rule_from(rule, "clients");
        firewall_end_add_all(&rule->source, clients);
        firewall_ports_add_one(&rule->ports, port);
        if (!firewall_add_listens(m, &rule->destination, link->listen, link->listen_count, port, &m->asked->agent))
            firewall_rule_drop(m);
    }
}

static void deliver(struct firewall_maker *m, const struct firewall_end *clients)
{
    const struct cfg *cfg = m->cfg;
    struct firewall_rule *rule = firewall_rule_new(m, FIREWALL_HOST, TOWARDS_CLIENTS, firewall_text("deliver"),
                                                   firewall_text("The agent \"%s\" delivers advises to clients.", cfg->name));

    if (!rule)
        return;
    firewall_end_add_all(&rule->source, &m->asked->agent);
    firewall_end_add_all(&rule->destination, clients);
    firewall_ports_add(&rule->ports, cfg->advise_ports);
}

void firewall_agent(struct firewall_maker *m)
{
    const struct cfg *cfg = m->cfg;
    struct firewall_end clients = {0};
    bool has_clients = firewall_add_networks(&clients, cfg->clients, cfg->clients_count);

    firewall_end_add_all(&m->f->clients, &clients);
    for (int place = FIREWALL_OUTER; place <= FIREWALL_INNER; place <<= 1)
        relays_at(m, place);
    for (size_t i = 0; i < cfg->links_count; i++) {
        if (cfg->links[i].ports_count > 0)
            firewall_lead(m, &cfg->links[i], &clients, &m->asked->agent, TOWARDS_AGENT);
        else if (has_clients)
            link_listens(m, &cfg->links[i], &clients);
    }
    if (has_clients)
        deliver(m, &clients);
    for (size_t i = 0; i < cfg->servers_count; i++)
        firewall_serve(m, &cfg->servers[i], &m->asked->agent);
    firewall_end_fini(&clients);
}
