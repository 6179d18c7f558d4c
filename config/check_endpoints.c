/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on whom we connect to: servers named once, agents that exist, what a link through an agent may say. Caller's
 * thread. */
#include "config/check_rules.h"

#include <string.h>

static void check_agent_exists(const struct check *c, const struct cfg_endpoint *endpoint)
{
    if (endpoint->agent && !check_find_agent(c->cfg, endpoint->agent) && !c->cfg->is_partial)
        check_report(c, endpoint->line, "Name one of the tunnel's agents behind the \"@\"", "There is no agent \"%s\"",
                     endpoint->agent);
}

void check_endpoints(const struct check *c, const struct cfg_endpoint *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_agent_exists(c, &list[i]);
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(list[i].text, list[j].text) == 0) {
                check_report(c, list[i].line, "Remove one", "\"%s\" is named twice", list[i].text);
                break;
            }
    }
}

/* A setting of `advise` that has its place beside the server, or NULL. */
static const char *foreign_setting(const struct cfg_advise *advise, unsigned *ret_place)
{
    const struct {
        const char *name;
        bool is_set;
        unsigned place;
    } settings[] = {
        {"addressing", advise->addressing != CFG_ADDRESSING_OFF, advise->addressing_line},
        {"pool", advise->pool_count > 0, advise->pool_count > 0 ? advise->pool[0].line : 0},
        {"pins", advise->pins_count > 0, advise->pins_count > 0 ? advise->pins[0].line : 0},
        {"any_port", advise->any_port_line > 0, advise->any_port_line},
        {"address", advise->address_line > 0, advise->address_line},
        {"clients", advise->clients_count > 0, advise->clients_count > 0 ? advise->clients[0].line : 0},
        {"relay_ports", advise->relay_ports_line > 0, advise->relay_ports_line},
        {"rule", advise->rule.line > 0, advise->rule.line},
        {"on_mismatch", advise->on_mismatch_line > 0, advise->on_mismatch_line},
        {"from", advise->from_count > 0, advise->from_count > 0 ? advise->from[0].line : 0},
        {"grace", advise->grace_line > 0, advise->grace_line},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (settings[i].is_set) {
            *ret_place = settings[i].place;
            return settings[i].name;
        }
    return NULL;
}

static void check_link_through_agent(const struct check *c, const struct cfg_link *link)
{
    unsigned place = 0;
    const char *name = foreign_setting(&link->advise, &place);

    if (name && !c->cfg->is_partial)
        check_report(c, place,
                     "Write it at that agent, in \"advise\" of its \"servers\"; here only \"delivery\" and \"ports\" may stand",
                     "The server of the link \"%s\" is dialled by the agent \"%s\", so \"%s\" has its place there",
                     check_link_name(link), link->server.agent, name);
}

void check_link_servers(const struct check *c)
{
    for (size_t i = 0; i < c->cfg->served_count; i++) {
        const struct cfg_link *link = &c->cfg->served[i];

        check_agent_exists(c, &link->server);
        if (link->server.agent)
            check_link_through_agent(c, link);
    }
}
