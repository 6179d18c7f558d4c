/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on names of doors and links, on whether there is anything to do, and the order in which all rules are asked; and
 * what these have in common. Caller's thread. */
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

const char *check_link_name(const struct cfg_link *link)
{
    return link->name ? link->name : "?";
}

const char *check_served_word(const struct check *c)
{
    return c->cfg->role == CFG_ROLE_AGENT ? "server" : "link";
}

bool check_has_address(const struct cfg_endpoint *endpoint)
{
    return endpoint->text && !endpoint->is_name && !endpoint->agent;
}

bool check_same_family(const struct address *a, const struct address *b)
{
    return a->sa.any.sa_family == b->sa.any.sa_family;
}

bool check_same_place(const struct address *a, const struct address *b)
{
    return check_same_family(a, b) && (address_is_any(a) || address_is_any(b) || address_same_ip(a, b));
}

bool check_ports_overlap(const struct port_range *a, const struct port_range *b)
{
    return a->first != 0 && b->first != 0 && a->first <= b->last && b->first <= a->last;
}

bool check_is_wide(const struct port_range *ports)
{
    return ports->last - ports->first >= CHECK_PORTS_LISTENED;
}

const char *check_ports_format(const struct port_range *ports, char text[CHECK_PORTS_TEXT])
{
    if (ports->first == ports->last)
        snprintf(text, CHECK_PORTS_TEXT, "%u", ports->first);
    else
        snprintf(text, CHECK_PORTS_TEXT, "%u-%u", ports->first, ports->last);
    return text;
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

/* `what` is "links" or "servers". */
static void check_link_names(const struct check *c, const struct cfg_link *list, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (check_same_name(list[i].name, list[j].name)) {
                check_report(c, list[i].line, "Give each its own name", "There are two %s of one name: \"%s\"", what,
                             list[i].name);
                break;
            }
}

static void check_relay(const struct check *c)
{
    const struct cfg *cfg = c->cfg;

    check_web_names(c);
    check_link_names(c, cfg->links, cfg->links_count, "links");
    check_web(c);
    check_agents(c);
    check_nat(c);
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

/* With "clients" alone it delivers advises to clients that reach the relay without it. */
static void check_agent_has_work(const struct check *c)
{
    const struct cfg *cfg = c->cfg;

    if (cfg->links_count == 0 && cfg->servers_count == 0 && cfg->clients_line == 0)
        check_report(
            c, 0,
            "Add \"links\" for clients that connect to the agent, \"clients\" that it delivers advises to, or \"servers\" "
            "that relays may ask it for",
            "The agent has nothing to do");
}

static void check_agent(const struct check *c)
{
    const struct cfg *cfg = c->cfg;

    check_link_names(c, cfg->links, cfg->links_count, "links");
    check_link_names(c, cfg->servers, cfg->servers_count, "servers");
    check_endpoints(c, cfg->relays, cfg->relays_count);
    if (check_same_name(cfg->name, "direct"))
        check_report(c, cfg->name_line, "Choose another name",
                     "No agent may be called \"direct\": that stands for clients without an agent");
    if (cfg->is_partial)
        return;
    check_agent_has_work(c);
    if (serves_loopback_only(cfg))
        for (size_t i = 0; i < cfg->links_count; i++)
            check_link_is_usable(c, &cfg->links[i]);
}

static void check_settings(const struct check *c, struct cfg *cfg)
{
    check_link_routes(cfg);
    if (cfg->role == CFG_ROLE_RELAY)
        check_relay(c);
    else if (cfg->role == CFG_ROLE_AGENT)
        check_agent(c);
    check_link_servers(c);
    check_admin(c);
    check_listeners(c);
    check_advises(c);
    check_audit(c);
}

int cfg_check_settings(struct cfg *cfg, struct cfg_problems *problems)
{
    struct check c = {.cfg = cfg, .problems = problems};
    size_t before = problems->count;

    check_settings(&c, cfg);
    return problems->count == before ? 0 : -1;
}

int cfg_check(struct cfg *cfg, struct cfg_problems *problems)
{
    struct check c = {.cfg = cfg, .problems = problems};
    size_t before = problems->count;

    check_settings(&c, cfg);
    check_files(&c);
    return problems->count == before ? 0 : -1;
}
