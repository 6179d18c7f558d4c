/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rules for links over ranges of ports: one listener, to which connections to all these ports are led. That nothing else
 * is to arrive there, the check of the configuration has seen to (check_ranges.c). Caller's thread.
 */
#include "config/firewall_rules.h"

/* Addresses of this machine that stand for clients. */
static void add_stand_ins(const struct cfg *cfg, struct firewall_end *end)
{
    for (size_t i = 0; i < cfg->served_count; i++) {
        const struct cfg_advise *advise = &cfg->served[i].advise;

        for (size_t k = 0; k < advise->pool_count; k++)
            firewall_end_add(end, &advise->pool[k].range);
        if (address_is_set(&advise->address))
            firewall_end_add_address(end, &advise->address);
    }
}

static void lead_to(struct firewall_maker *m, const struct cfg_link *link, const struct address *listen,
                    const struct firewall_end *clients, const struct firewall_end *own, enum firewall_towards towards)
{
    struct firewall_rule *rule =
        firewall_rule_new(m, FIREWALL_HOST, towards, firewall_text("link %s", link->name),
                          firewall_text("Clients open the link \"%s\" over ranges of ports, which are led to port %u.",
                                        link->name, address_port(listen)));

    if (!rule)
        return;
    rule->means = FIREWALL_LEAD;
    firewall_rule_from(rule, "clients");
    rule->listen = *listen;
    if (!address_is_loopback(listen))
        firewall_end_add_all(&rule->source, clients);
    if (!address_is_any(listen))
        firewall_end_add_address(&rule->destination, listen);
    else
        firewall_end_add_all(&rule->destination, own);
    if (firewall_end_is_any(&rule->destination))
        add_stand_ins(m->cfg, &rule->beside);
    firewall_add_ranges(&rule->ports, link);
}

void firewall_lead(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *clients,
                   const struct firewall_end *own, enum firewall_towards towards)
{
    for (size_t i = 0; i < link->listen_count; i++)
        lead_to(m, link, &link->listen[i].address, clients, own, towards);
}
