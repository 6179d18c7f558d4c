/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules of a relay besides those of its server side: browsers, clients, agents, web servers, delivery. Caller's thread.
 */
#include "config/firewall_rules.h"
#include "config/serving.h"

#include <stdlib.h>
#include <string.h>

/* One rule for each port of a list of listeners, at one place. */
static void listens_at(struct firewall_maker *m, int place, const struct cfg_listen *list, size_t count,
                       const struct firewall_end *source, const char *from, const char *label, const char *reason)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t port = address_port(&list[i].address);
        struct firewall_rule *rule;
        bool is_known = false;

        for (size_t k = 0; k < i; k++)
            is_known |= address_port(&list[k].address) == port;
        rule =
            is_known ? NULL : firewall_rule_new(m, place, TOWARDS_RELAY, firewall_text("%s", label), firewall_text("%s", reason));
        if (!rule)
            continue;
        firewall_rule_from(rule, from);
        firewall_end_add_all(&rule->source, source);
        firewall_ports_add_one(&rule->ports, port);
        if (!firewall_add_listens(m, &rule->destination, list, count, port, &m->asked->relay))
            firewall_rule_drop(m);
    }
}

/* Clients without an agent, at the outer firewall and here. */
static void listens(struct firewall_maker *m, const struct cfg_listen *list, size_t count, const char *label, const char *format,
                    const char *name)
{
    char *reason = firewall_text("%s \"%s\".", format, name), *full = firewall_text("%s %s", label, name);
    static const int places[] = {FIREWALL_OUTER, FIREWALL_HOST};

    if (count > 0 && firewall_end_is_any(&m->asked->clients))
        firewall_note(m, "Who connects without an agent is not in the configuration, so such rules are for anybody: --clients "
                         "NETWORK narrows them.");
    for (size_t i = 0; i < 2; i++)
        listens_at(m, places[i], list, count, &m->asked->clients, "clients", full, reason);
    free(reason);
    free(full);
}

/* -- the web -------------------------------------------------------------------------------------------------------------------
 */

static void web_servers_at(struct firewall_maker *m, int place, const struct cfg_web *web, const struct cfg_upstream *upstream,
                           const struct firewall_end *own)
{
    for (size_t i = 0; i < upstream->servers_count; i++) {
        const struct cfg_endpoint *server = &upstream->servers[i];
        struct firewall_rule *rule;

        if (server->agent || (!server->is_name && address_is_loopback(&server->address)))
            continue;
        rule = firewall_rule_new(m, place, TOWARDS_SERVER, firewall_text("web %s", web->name),
                                 firewall_text("The relay passes on requests to the web door \"%s\".", web->name));
        if (!rule)
            continue;
        firewall_end_add_all(&rule->source, own);
        firewall_end_add_endpoint(&rule->destination, server);
        firewall_ports_add_one(&rule->ports, server->port);
    }
}

static void web_at(struct firewall_maker *m, int place, const struct cfg_web *web, const struct firewall_end *own)
{
    web_servers_at(m, place, web, &web->upstream, own);
    for (size_t i = 0; i < web->upstreams_count; i++)
        web_servers_at(m, place, web, &web->upstreams[i], own);
}

static void web(struct firewall_maker *m, const struct cfg_web *web, const struct firewall_end *own)
{
    listens(m, web->listen, web->listen_count, "web", "Browsers reach the web door", web->name);
    listens(m, web->plain, web->plain_count, "web", "Browsers reach, without TLS, the web door", web->name);
    listens(m, web->redirect_from, web->redirect_from_count, "web", "Browsers that come without TLS are sent on to the web door",
            web->name);
    web_at(m, FIREWALL_HOST, web, own);
    web_at(m, FIREWALL_INNER, web, own);
}

/* -- agents --------------------------------------------------------------------------------------------------------------------
 */

static bool is_at(const struct cfg *cfg, const struct cfg_agent *agent, int place)
{
    bool has_servers = cfg_agent_serves(cfg, agent->name); /* then it is on their side */

    if (place == FIREWALL_INNER)
        return has_servers;
    return place == FIREWALL_HOST || !has_servers || agent->links_count > 0 || agent->clients_count > 0;
}

static void agents_at(struct firewall_maker *m, int place)
{
    const struct cfg_tunnel *tunnel = &m->cfg->tunnel;
    char *names = firewall_text("%s", "");
    size_t count = 0;
    char *reason;

    for (size_t i = 0; i < tunnel->agents_count; i++) {
        char *before = names;

        if (!is_at(m->cfg, &tunnel->agents[i], place))
            continue;
        names = firewall_text("%s%s\"%s\"", before, count++ > 0 ? ", " : "", tunnel->agents[i].name);
        free(before);
    }
    reason = firewall_text("The agent%s %s connect%s to the relay; all that %s carr%s travels inside.", count > 1 ? "s" : "",
                           names, count > 1 ? "" : "s", count > 1 ? "they" : "it", count > 1 ? "y" : "ies");
    if (count > 0)
        listens_at(m, place, tunnel->listen, tunnel->listen_count, &m->asked->agent, "agents", "tunnel", reason);
    if (count > 0 && (m->f->places & place) && firewall_end_is_any(&m->asked->agent))
        firewall_note(
            m, "Where agents are is not in the configuration, so rules for them are for anybody: --agent ADDRESS narrows them.");
    free(reason);
    free(names);
}

/* -- links ---------------------------------------------------------------------------------------------------------------------
 */

static void add_direct_ports(const struct cfg_advise *advise, struct firewall_rule *rule)
{
    if (advise->addressing == CFG_ADDRESSING_PORTS) {
        for (size_t i = 0; i < advise->clients_count; i++) {
            if (strcmp(advise->clients[i].agent, "direct") != 0)
                continue;
            firewall_end_add_address(&rule->destination, &advise->clients[i].client);
            firewall_ports_add(&rule->ports, advise->clients[i].ports);
        }
    } else if (!cfg_is_intercepted(advise)) {
        firewall_ports_add(&rule->ports, advise->ports);
    }
}

/* The only rules that open anything towards clients. */
static void deliver_at(struct firewall_maker *m, int place, const struct cfg_link *link, const struct firewall_end *own)
{
    struct firewall_rule *rule = firewall_rule_new(
        m, place, TOWARDS_CLIENTS, firewall_text("deliver %s", link->name),
        firewall_text("The relay itself delivers advises of the link \"%s\" to clients that come without an agent.", link->name));

    if (!rule)
        return;
    firewall_end_add_all(&rule->source, own);
    add_direct_ports(&link->advise, rule);
    if (link->advise.addressing == CFG_ADDRESSING_PORTS && rule->ports.count == 0) {
        firewall_rule_drop(m);
        return;
    }
    if (firewall_end_is_any(&rule->destination))
        firewall_end_add_all(&rule->destination, &m->asked->clients);
}

static void ranges(struct firewall_maker *m, const struct cfg_link *link)
{
    struct firewall_rule *rule;

    firewall_lead(m, link, &m->asked->clients, &m->asked->relay, TOWARDS_RELAY);
    rule = firewall_rule_new(m, FIREWALL_OUTER, TOWARDS_RELAY, firewall_text("link %s", link->name),
                             firewall_text("Clients open the link \"%s\" over ranges of ports.", link->name));
    if (!rule)
        return;
    firewall_rule_from(rule, "clients");
    firewall_end_add_all(&rule->source, &m->asked->clients);
    firewall_add_ranges(&rule->ports, link);
    for (size_t i = 0; i < link->listen_count; i++) {
        uint16_t port = address_port(&link->listen[i].address);

        if (i > 0 && port == address_port(&link->listen[0].address))
            continue;
        if (!firewall_add_listens(m, &rule->destination, link->listen, link->listen_count, port, &m->asked->relay)) {
            firewall_rule_drop(m);
            return;
        }
    }
}

static void link_rules(struct firewall_maker *m, const struct cfg_link *link, const struct firewall_end *own)
{
    bool dials_back = link->server.agent || link->advise.addressing != CFG_ADDRESSING_OFF;

    if (link->ports_count > 0 && link->listen_count > 0)
        ranges(m, link);
    else
        listens(m, link->listen, link->listen_count, "link", "Clients open the link", link->name);
    firewall_serve(m, link, own);
    if (link->listen_count > 0 && dials_back && link->advise.delivery == CFG_DELIVERY_DIRECT) {
        deliver_at(m, FIREWALL_HOST, link, own);
        deliver_at(m, FIREWALL_OUTER, link, own);
    }
}

/* -- all -----------------------------------------------------------------------------------------------------------------------
 */

/* Adds listeners' addresses; false if one is on all addresses. */
static bool add_own(struct firewall_end *own, const struct cfg_listen *list, size_t count)
{
    bool is_whole = true;

    for (size_t i = 0; i < count; i++) {
        if (address_is_any(&list[i].address))
            is_whole = false;
        else if (!address_is_loopback(&list[i].address))
            firewall_end_add_address(own, &list[i].address);
    }
    return is_whole;
}

/* From where the relay dials if nothing else is said: the addresses that it was told, or listens on if it is not on all of them.
 */
static void find_own(struct firewall_maker *m, struct firewall_end *own)
{
    const struct cfg *cfg = m->cfg;
    bool is_whole = add_own(own, cfg->tunnel.listen, cfg->tunnel.listen_count);

    for (size_t i = 0; i < cfg->web_count; i++) {
        is_whole &= add_own(own, cfg->web[i].listen, cfg->web[i].listen_count);
        is_whole &= add_own(own, cfg->web[i].plain, cfg->web[i].plain_count);
        is_whole &= add_own(own, cfg->web[i].redirect_from, cfg->web[i].redirect_from_count);
    }
    for (size_t i = 0; i < cfg->links_count; i++)
        is_whole &= add_own(own, cfg->links[i].listen, cfg->links[i].listen_count);
    if (!is_whole || !firewall_end_is_any(&m->asked->relay))
        firewall_end_fini(own);
    firewall_end_add_all(own, &m->asked->relay);
}

void firewall_relay(struct firewall_maker *m)
{
    const struct cfg *cfg = m->cfg;
    struct firewall_end own = {0};

    find_own(m, &own);
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        (void)firewall_add_networks(&m->f->clients, cfg->tunnel.agents[i].clients, cfg->tunnel.agents[i].clients_count);
    for (size_t i = 0; i < cfg->web_count; i++)
        web(m, &cfg->web[i], &own);
    for (int place = FIREWALL_OUTER; place <= FIREWALL_INNER; place <<= 1)
        agents_at(m, place);
    for (size_t i = 0; i < cfg->links_count; i++)
        link_rules(m, &cfg->links[i], &own);
    firewall_end_fini(&own);
}
