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

void print_networks(const struct cfg_network *list, size_t count, FILE *out)
{
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s/%u", i > 0 ? ", " : "", address_format_ip(&list[i].network.base, text), list[i].network.prefix);
}

void print_range(const struct port_range *ports, FILE *out)
{
    fprintf(out, "%u", ports->first);
    if (ports->first != ports->last)
        fprintf(out, "-%u", ports->last);
}

void print_ports(const struct port_range *ports, FILE *out)
{
    fputs(ports->first == ports->last ? "port " : "ports ", out);
    print_range(ports, out);
}

static void print_server(const struct cfg_endpoint *server, FILE *out)
{
    if (server->agent)
        fprintf(out, "  to \"%s\" of the agent \"%s\", which connects to the server\n", server->host, server->agent);
    else if (server->has_any_port)
        fprintf(out, "  to %s, at the port that the client chose\n", server->host);
    else
        fprintf(out, "  to %s\n", server->text);
}

/* The listeners of a link over ranges take connections that were meant for other ports. */
static void print_ranges(const struct cfg_link *link, FILE *out)
{
    if (link->ports_count == 0)
        return;
    fputs("  over the ports ", out);
    for (size_t i = 0; i < link->ports_count; i++) {
        fputs(i > 0 ? ", " : "", out);
        print_range(&link->ports[i].range, out);
    }
    fprintf(out, "%s\n", link->listen_count > 0 ? ", which rules of \"georelay firewall\" lead to that listener" : "");
}

static void print_link(const struct cfg *cfg, const struct cfg_link *link, FILE *out)
{
    print_listeners(link->listen, link->listen_count, "link", link->name, out);
    if (link->listen_count == 0)
        fprintf(out, "no listener for the link \"%s\": for clients of agents only\n", link->name);
    print_ranges(link, out);
    print_admission(&link->admission, "  ", out);
    print_schedule(&link->schedule, "  ", out);
    if (cfg->role == CFG_ROLE_AGENT)
        return;
    print_server(&link->server, out);
    print_advise(cfg, link, out);
}

/* What an agent beside the server connects to. */
static void print_own_server(const struct cfg *cfg, const struct cfg_link *server, FILE *out)
{
    fprintf(out, "server \"%s\": relays ask for it as %s@%s\n", server->name, server->name, cfg->name);
    print_ranges(server, out);
    print_server(&server->server, out);
    print_advise(cfg, server, out);
}

static void print_rights(const struct cfg_agent *agent, FILE *out)
{
    if (agent->clients_count == 0) {
        fprintf(out, "  agent \"%s\" connects to servers beside it\n", agent->name);
        return;
    }
    fprintf(out, "  agent \"%s\" may open ", agent->name);
    if (agent->links_count == 0)
        fputs("no link", out);
    for (size_t i = 0; i < agent->links_count; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", agent->links[i].text);
    fputs(" and deliver advises, for clients of ", out);
    print_networks(agent->clients, agent->clients_count, out);
    fputc('\n', out);
}

static void print_agent(const struct cfg_agent *agent, FILE *out)
{
    print_rights(agent, out);
    print_schedule(&agent->schedule, "    ", out);
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
    if (tunnel->revoked != NULL || tunnel->crl != NULL)
        fprintf(out, "  revoked certificates in %s%s%s\n", tunnel->revoked != NULL ? tunnel->revoked : "",
                tunnel->revoked != NULL && tunnel->crl != NULL ? " and " : "", tunnel->crl != NULL ? tunnel->crl : "");
    print_admission(&tunnel->admission, "  ", out);
    fprintf(out, "  heartbeat each %ld s, %ld spare channels of each agent\n", tunnel->heartbeat_ms / 1000, tunnel->spares);
    for (size_t i = 0; i < tunnel->agents_count; i++)
        print_agent(&tunnel->agents[i], out);
}

static void print_delivery(const struct cfg *cfg, FILE *out)
{
    char text[ADDRESS_TEXT];

    fputs("deliver advises to ", out);
    print_ports(&cfg->advise_ports, out);
    fputs(" of ", out);
    print_networks(cfg->clients, cfg->clients_count, out);
    fputc('\n', out);
    if (address_is_set(&cfg->client_address))
        fprintf(out, "  clients on this machine are reached at %s\n", address_format_ip(&cfg->client_address, text));
}

static void print_agent_role(const struct cfg *cfg, FILE *out)
{
    fputs("connect to the relay ", out);
    print_endpoints(cfg->relays, cfg->relays_count, out);
    fprintf(out, "  certificate %s, key %s, CA %s\n", cfg->identity.chain, cfg->identity.key, cfg->ca);
    if (cfg->links_count > 0 || cfg->clients_line > 0)
        print_delivery(cfg, out);
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

static void print_nat(const struct cfg *cfg, FILE *out)
{
    if (cfg->nat_count == 0)
        return;
    fputs("several clients each stand behind ", out);
    print_networks(cfg->nat, cfg->nat_count, out);
    fputs(": from there links that need advises are refused\n", out);
}

static bool keeps_leases(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->served_count; i++)
        if (cfg->served[i].advise.addressing == CFG_ADDRESSING_ALIAS)
            return true;
    return false;
}

static void print_audit(const struct cfg_audit *audit, FILE *out)
{
    if (audit->line == 0)
        return;
    fprintf(out, "audit log to %s%s%s%s%s\n", audit->file ? audit->file : "", audit->file && audit->syslog.text ? " and " : "",
            audit->syslog.text ? audit->syslog.text : "", audit->key ? ", sealed with the key " : "",
            audit->key ? audit->key : "");
    fprintf(out, "  when a line can't be kept: %s\n",
            audit->on_failure == CFG_ON_FAILURE_STOP ? "stop" : "go on, and say so in the log");
}

static void print_process(const struct cfg *cfg, FILE *out)
{
    fprintf(out, "no connection is silent for longer than %ld s, so that firewalls which wait %ld s do not forget it\n",
            cfg->timeouts.firewall_idle_s / 3, cfg->timeouts.firewall_idle_s);
    fprintf(out, "log to %s, level %s, as %s\n", cfg->log.file ? cfg->log.file : "standard error", levels[cfg->log.level],
            formats[cfg->log.format]);
    print_audit(&cfg->audit, out);
    if (cfg->role == CFG_ROLE_RELAY || keeps_leases(cfg) || cfg->audit.line > 0)
        fprintf(out, "state in %s\n", cfg->state);
    if (cfg->admin.socket)
        fprintf(out, "control socket %s\n", cfg->admin.socket);
    else
        fputs("no control socket\n", out);
    for (size_t i = 0; i < cfg->admin.listen_count; i++) {
        char text[ADDRESS_TEXT];

        fprintf(out, "admin port %s, %s\n", address_format(&cfg->admin.listen[i].address, text),
                cfg->admin.identity.chain ? "TLS" : "plain");
    }
    fprintf(out, "run as %s\n", cfg->user ? cfg->user : "the user who starts it");
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
    for (size_t i = 0; i < cfg->servers_count; i++)
        print_own_server(cfg, &cfg->servers[i], out);
    print_nat(cfg, out);
    if (cfg->tunnel.line > 0)
        print_tunnel(cfg, out);
    if (cfg->role == CFG_ROLE_AGENT)
        print_agent_role(cfg, out);
    print_access(cfg, out);
    print_process(cfg, out);
}
