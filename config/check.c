/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on names, on what belongs together, and the order in which all rules are asked. Caller's thread. */
#include "config/check.h"
#include "config/check_rules.h"
#include "config/place.h"

#include <stdarg.h>
#include <string.h>

enum { SENTENCE_BYTES = 1024 };

void check_report(const struct check *c, unsigned place, const char *remedy, const char *sentence, ...)
{
    char text[SENTENCE_BYTES];
    va_list args;

    va_start(args, sentence);
    vsnprintf(text, sizeof(text), sentence, args);
    va_end(args);
    cfg_problems_add(c->problems, cfg_place_file(c->cfg, place), cfg_place_line(place), remedy, "%s", text);
}

bool check_same_name(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

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

static bool is_used_by_an_agent(const struct cfg *cfg, const char *link)
{
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (check_agent_has_link(&cfg->tunnel.agents[i], link))
            return true;
    return false;
}

static void check_web_names(const struct check *c)
{
    for (size_t i = 0; i < c->cfg->web_count; i++)
        for (size_t j = 0; j < i; j++)
            if (check_same_name(c->cfg->web[i].name, c->cfg->web[j].name)) {
                check_report(c, c->cfg->web[i].line, "Give each its own name", "There are two web doors of one name: \"%s\"",
                             c->cfg->web[i].name);
                break;
            }
}

static void check_link_names(const struct check *c)
{
    for (size_t i = 0; i < c->cfg->links_count; i++)
        for (size_t j = 0; j < i; j++)
            if (check_same_name(c->cfg->links[i].name, c->cfg->links[j].name)) {
                check_report(c, c->cfg->links[i].line, "Give each its own name", "There are two links of one name: \"%s\"",
                             c->cfg->links[i].name);
                break;
            }
}

static void check_agent_names(const struct check *c)
{
    const struct cfg_tunnel *tunnel = &c->cfg->tunnel;

    for (size_t i = 0; i < tunnel->agents_count; i++) {
        if (check_same_name(tunnel->agents[i].name, "direct"))
            check_report(c, tunnel->agents[i].line, "Choose another name",
                         "No agent may be called \"direct\": that stands for clients without an agent");
        for (size_t j = 0; j < i; j++)
            if (check_same_name(tunnel->agents[i].name, tunnel->agents[j].name)) {
                check_report(c, tunnel->agents[i].line, "Give each its own name and certificate",
                             "There are two agents of one name: \"%s\"", tunnel->agents[i].name);
                break;
            }
    }
}

static void check_links_of_agent(const struct check *c, const struct cfg_agent *agent)
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

void check_endpoints(const struct check *c, const struct cfg_endpoint *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(list[i].text, list[j].text) == 0) {
                check_report(c, list[i].line, "Remove one", "\"%s\" is named twice", list[i].text);
                break;
            }
}

static void check_relay(const struct check *c)
{
    const struct cfg *cfg = c->cfg;

    check_web_names(c);
    check_link_names(c);
    check_agent_names(c);
    check_web(c);
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        check_links_of_agent(c, &cfg->tunnel.agents[i]);
    if (cfg->is_partial)
        return;
    if (cfg->web_count == 0 && cfg->links_count == 0)
        check_report(c, 0, "Add a web door (\"web\"), or a link (\"links\")", "The relay has nothing to do");
    for (size_t i = 0; i < cfg->links_count; i++)
        if (cfg->links[i].listen_count == 0 && !is_used_by_an_agent(cfg, cfg->links[i].name))
            check_report(c, cfg->links[i].line, "Add \"listen\", or the link's name to \"links\" of an agent",
                         "Nobody can reach the link \"%s\"", cfg->links[i].name);
}

static bool serves_loopback_only(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->clients_count; i++)
        if (!address_is_loopback(&cfg->clients[i].network.base))
            return false;
    return true;
}

/* A listener for other machines, while "clients" lets none of them in. */
static void check_link_is_usable(const struct check *c, const struct cfg_link *link)
{
    for (size_t i = 0; i < link->listen_count; i++) {
        char text[ADDRESS_TEXT];

        if (!address_is_loopback(&link->listen[i].address))
            check_report(c, link->listen[i].line, "Add the clients' network to \"clients\", or listen on 127.0.0.1",
                         "%s is for other machines, but \"clients\" has none besides this one",
                         address_format(&link->listen[i].address, text));
    }
}

static void check_agent(const struct check *c)
{
    const struct cfg *cfg = c->cfg;

    check_link_names(c);
    check_endpoints(c, cfg->relays, cfg->relays_count);
    if (check_same_name(cfg->name, "direct"))
        check_report(c, cfg->name_line, "Choose another name",
                     "No agent may be called \"direct\": that stands for clients without an agent");
    if (!cfg->is_partial && serves_loopback_only(cfg))
        for (size_t i = 0; i < cfg->links_count; i++)
            check_link_is_usable(c, &cfg->links[i]);
}

int cfg_check(struct cfg *cfg, struct cfg_problems *problems)
{
    struct check c = {.cfg = cfg, .problems = problems};
    size_t before = problems->count;

    check_link_routes(cfg);
    if (cfg->role == CFG_ROLE_RELAY)
        check_relay(&c);
    else if (cfg->role == CFG_ROLE_AGENT)
        check_agent(&c);
    check_listeners(&c);
    check_advises(&c);
    check_files(&c);
    return problems->count == before ? 0 : -1;
}
