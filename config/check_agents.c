/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on the relay's agents and on who a client is: behind which agent, or behind which NAT. Caller's thread. */
#include "config/check_rules.h"
#include "config/serving.h"

const struct cfg_agent *check_find_agent(const struct cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (check_same_name(cfg->tunnel.agents[i].name, name))
            return &cfg->tunnel.agents[i];
    return NULL;
}

bool check_agent_has_link(const struct cfg_agent *agent, const char *link)
{
    for (size_t i = 0; i < agent->links_count; i++)
        if (check_same_name(agent->links[i].text, link))
            return true;
    return false;
}

static bool has_link(const struct cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        if (check_same_name(cfg->links[i].name, name))
            return true;
    return false;
}

static void check_name(const struct check *c, size_t index)
{
    const struct cfg_agent *agents = c->cfg->tunnel.agents;

    if (check_same_name(agents[index].name, "direct"))
        check_report(c, agents[index].line, "Choose another name",
                     "No agent may be called \"direct\": that stands for clients without an agent");
    for (size_t i = 0; i < index; i++)
        if (check_same_name(agents[index].name, agents[i].name)) {
            check_report(c, agents[index].line, "Give each its own name and certificate",
                         "There are two agents of one name: \"%s\"", agents[index].name);
            return;
        }
}

static void check_links(const struct check *c, const struct cfg_agent *agent)
{
    for (size_t i = 0; i < agent->links_count; i++) {
        const struct cfg_string *link = &agent->links[i];

        if (!has_link(c->cfg, link->text) && !c->cfg->is_partial)
            check_report(c, link->line, "Name one of \"links\"", "There is no link \"%s\"", link->text);
        for (size_t j = 0; j < i; j++)
            if (check_same_name(link->text, agent->links[j].text)) {
                check_report(c, link->line, "Remove one", "The link \"%s\" is named twice", link->text);
                break;
            }
    }
}

/* Beside clients it needs "clients"; beside a server somebody must name it. */
static void check_has_work(const struct check *c, const struct cfg_agent *agent)
{
    if (c->cfg->is_partial || agent->clients_count > 0)
        return;
    if (agent->links_count > 0)
        check_report(c, agent->line, "Add for example: clients = ( \"192.168.1.0/24\" );",
                     "The agent \"%s\" may open links, but speaks for no clients", agent->name);
    else if (!cfg_agent_serves(c->cfg, agent->name))
        check_report(
            c, agent->line,
            "Add \"clients\" and \"links\" if it is beside clients, or write NAME@AGENT as the server of a link or a web "
            "door if it is beside a server",
            "The agent \"%s\" can do nothing: it has no clients, and no server is reached through it", agent->name);
}

void check_agents(const struct check *c)
{
    for (size_t i = 0; i < c->cfg->tunnel.agents_count; i++) {
        check_name(c, i);
        check_links(c, &c->cfg->tunnel.agents[i]);
        check_has_work(c, &c->cfg->tunnel.agents[i]);
    }
}

static bool is_in(const struct cfg_network *list, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++)
        if (network_contains(&list[i].network, address))
            return true;
    return false;
}

static void check_direct_client(const struct check *c, const struct cfg_link *link, const struct address *client, unsigned place)
{
    char text[ADDRESS_TEXT];

    if (!address_is_set(client))
        return;
    if (link->listen_count == 0)
        check_report(c, place, "Name the agent that it comes through, or add \"listen\" to the link",
                     "The client %s comes without an agent, but the link \"%s\" has no \"listen\" for it",
                     address_format_ip(client, text), check_link_name(link));
    else if (is_in(c->cfg->nat, c->cfg->nat_count, client))
        check_report(c, place, "Let these clients come through an agent, and name that",
                     "%s is an address of \"nat\": several clients stand behind it, so no advise can find one of them",
                     address_format_ip(client, text));
}

void check_client(const struct check *c, const struct cfg_link *link, const char *name, const struct address *client,
                  unsigned place)
{
    const struct cfg_agent *agent = check_find_agent(c->cfg, name);
    char text[ADDRESS_TEXT];

    if (!name || c->cfg->is_partial || c->cfg->role == CFG_ROLE_AGENT)
        return; /* an agent beside the server does not know the relay's agents */
    if (check_same_name(name, "direct"))
        check_direct_client(c, link, client, place);
    else if (!agent)
        check_report(c, place, "Name one of the tunnel's agents, or \"direct\"", "There is no agent \"%s\"", name);
    else if (!check_agent_has_link(agent, link->name))
        check_report(c, place, "Add the link to \"links\" of the agent", "The agent \"%s\" may not open the link \"%s\"", name,
                     check_link_name(link));
    else if (!is_in(agent->clients, agent->clients_count, client))
        check_report(c, place, "Correct the address, or add its network to \"clients\" of the agent",
                     "%s is no client of the agent \"%s\"", address_format_ip(client, text), name);
}

static bool is_same(const struct network *a, const struct network *b)
{
    return a->prefix == b->prefix && address_same_ip(&a->base, &b->base);
}

void check_nat(const struct check *c)
{
    const struct cfg_network *nat = c->cfg->nat;
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < c->cfg->nat_count; i++)
        for (size_t j = 0; j < i; j++)
            if (is_same(&nat[i].network, &nat[j].network)) {
                check_report(c, nat[i].line, "Remove one", "%s/%u is named twice", address_format_ip(&nat[i].network.base, text),
                             nat[i].network.prefix);
                break;
            }
}
