/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the plan that `georelay check` shows. One noun, one function; nothing is opened here. Caller's thread. */
#include "config/print.h"
#include "config/print_rules.h"

static const char *const levels[] = {"error", "warn", "info", "debug"};
static const char *const formats[] = {"logfmt", "json", "w3c"};

bool print_has_listener(const struct cfg_listen *list, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++)
        if (address_port(address) != 0 && address_port(&list[i].address) == address_port(address) &&
            address_same_ip(&list[i].address, address))
            return true;
    return false;
}

void print_listeners(const struct cfg_listen *list, size_t count, const char *purpose, const char *name, FILE *out)
{
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < count; i++)
        fprintf(out, "listen %s for the %s \"%s\"%s\n", address_format(&list[i].address, text), purpose, name,
                address_port(&list[i].address) == 0 ? ", on a port that the system chooses" : "");
}

void print_endpoints(const struct cfg_endpoint *list, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i > 0 ? ", then " : "", list[i].text);
    fputc('\n', out);
}

static void print_networks(const struct cfg_network *list, size_t count, FILE *out)
{
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s/%u", i > 0 ? ", " : "", address_format_ip(&list[i].network.base, text), list[i].network.prefix);
}

static void print_ports(const struct port_range *ports, FILE *out)
{
    if (ports->first == ports->last)
        fprintf(out, "port %u", ports->first);
    else
        fprintf(out, "ports %u-%u", ports->first, ports->last);
}

static void print_pool(const struct cfg_advise *advise, FILE *out)
{
    char first[ADDRESS_TEXT], last[ADDRESS_TEXT];
    size_t size = 0;

    fputs("  pool ", out);
    for (size_t i = 0; i < advise->pool_count; i++) {
        const struct address_range *range = &advise->pool[i].range;

        address_format_ip(&range->first, first);
        fprintf(out, "%s%s", i > 0 ? ", " : "", first);
        if (!address_same_ip(&range->first, &range->last))
            fprintf(out, "-%s", address_format_ip(&range->last, last));
        size += address_range_count(range, SIZE_MAX - size);
    }
    fprintf(out, ": room for %zu client%s\n", size, size == 1 ? "" : "s");
}

static void print_advise(const struct cfg_link *link, FILE *out)
{
    const struct cfg_advise *advise = &link->advise;
    char client[ADDRESS_TEXT], address[ADDRESS_TEXT];

    if (advise->addressing == CFG_ADDRESSING_OFF) {
        fputs("  no advises\n", out);
        return;
    }
    print_pool(advise, out);
    fputs("  while a client holds an address of the pool, listen there on ", out);
    print_ports(&advise->ports, out);
    fprintf(out, " for advises from the server%s", advise->from_count > 0 ? " and " : "");
    print_networks(advise->from, advise->from_count, out);
    fprintf(out, ", and for %ld s after its last link\n", advise->grace_s);
    if (link->listen_count > 0)
        fprintf(out, "  advises for clients without an agent are delivered by %s\n",
                advise->delivery == CFG_DELIVERY_DIRECT ? "the relay itself" : "an agent near them");
    for (size_t i = 0; i < advise->pins_count; i++)
        fprintf(out, "  the client %s of \"%s\" always has %s\n", address_format_ip(&advise->pins[i].client, client),
                advise->pins[i].agent, address_format_ip(&advise->pins[i].address, address));
}

static void print_link(const struct cfg *cfg, const struct cfg_link *link, FILE *out)
{
    print_listeners(link->listen, link->listen_count, "link", link->name, out);
    if (cfg->role == CFG_ROLE_AGENT)
        return;
    if (link->listen_count == 0)
        fprintf(out, "no listener for the link \"%s\": for clients of agents only\n", link->name);
    fprintf(out, "  to %s\n", link->server.text);
    print_advise(link, out);
}

static void print_agent(const struct cfg_agent *agent, FILE *out)
{
    fprintf(out, "  agent \"%s\" may open ", agent->name);
    if (agent->links_count == 0)
        fputs("no link", out);
    for (size_t i = 0; i < agent->links_count; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", agent->links[i].text);
    fputs(" and deliver advises, for clients of ", out);
    print_networks(agent->clients, agent->clients_count, out);
    fputc('\n', out);
}

static void print_tunnel(const struct cfg *cfg, FILE *out)
{
    const struct cfg_tunnel *tunnel = &cfg->tunnel;
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < tunnel->listen_count; i++) {
        const struct address *address = &tunnel->listen[i].address;
        bool is_shared = false;

        for (size_t j = 0; j < cfg->web_count && !is_shared; j++)
            is_shared = print_has_listener(cfg->web[j].listen, cfg->web[j].listen_count, address);
        if (!is_shared)
            fprintf(out, "listen %s for agents%s\n", address_format(address, text),
                    address_port(address) == 0 ? ", on a port that the system chooses" : "");
    }
    fprintf(out, "tunnel\n  certificate %s, key %s, CA %s\n", tunnel->identity.chain, tunnel->identity.key, tunnel->ca);
    fprintf(out, "  heartbeat each %ld s, %ld spare channels of each agent\n", tunnel->heartbeat_ms / 1000, tunnel->spares);
    for (size_t i = 0; i < tunnel->agents_count; i++)
        print_agent(&tunnel->agents[i], out);
}

static void print_agent_role(const struct cfg *cfg, FILE *out)
{
    char text[ADDRESS_TEXT];

    fputs("connect to the relay ", out);
    print_endpoints(cfg->relays, cfg->relays_count, out);
    fprintf(out, "  certificate %s, key %s, CA %s\n", cfg->identity.chain, cfg->identity.key, cfg->ca);
    fputs("deliver advises to ", out);
    print_ports(&cfg->advise_ports, out);
    fputs(" of ", out);
    print_networks(cfg->clients, cfg->clients_count, out);
    fputc('\n', out);
    if (address_is_set(&cfg->client_address))
        fprintf(out, "  clients on this machine are reached at %s\n", address_format_ip(&cfg->client_address, text));
}

static bool has_http_door(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->web_count; i++)
        if (cfg->web[i].mode == CFG_WEB_HTTP)
            return true;
    return false;
}

static void print_access(const struct cfg *cfg, FILE *out)
{
    const struct cfg_access *access = &cfg->access;

    if (!has_http_door(cfg))
        return;
    if (access->lines == CFG_OFF)
        fputs("no line about each request\n", out);
    else if (access->file)
        fprintf(out, "a line about each request to %s, as %s%s\n", access->file, formats[access->format],
                access->query == CFG_ON ? ", with its query" : "");
    else
        fprintf(out, "a line about each request to the log%s\n", access->query == CFG_ON ? ", with its query" : "");
}

void cfg_print_plan(const struct cfg *cfg, FILE *out)
{
    if (cfg->role == CFG_ROLE_RELAY)
        fputs("role relay\n", out);
    else
        fprintf(out, "role agent, name \"%s\"\n", cfg->name);
    for (size_t i = 0; i < cfg->web_count; i++)
        print_web(cfg, &cfg->web[i], out);
    for (size_t i = 0; i < cfg->links_count; i++)
        print_link(cfg, &cfg->links[i], out);
    if (cfg->tunnel.line > 0)
        print_tunnel(cfg, out);
    if (cfg->role == CFG_ROLE_AGENT)
        print_agent_role(cfg, out);
    print_access(cfg, out);
    fprintf(out, "log to %s, level %s, as %s\n", cfg->log.file ? cfg->log.file : "standard error", levels[cfg->log.level],
            formats[cfg->log.format]);
    if (cfg->role == CFG_ROLE_RELAY)
        fprintf(out, "state in %s\n", cfg->state);
    fprintf(out, "run as %s\n", cfg->user ? cfg->user : "the user who starts it");
}
