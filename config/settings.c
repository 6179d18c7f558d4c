/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of settings and finds rows in it. Constant data, any thread. */
#include "config/settings.h"
#include "config/model.h"

#include <string.h>

enum { RELAY = CFG_FOR_RELAY, AGENT = CFG_FOR_AGENT, BOTH = CFG_FOR_BOTH, NAME_LONGEST = 32 };

static const char *const roles[] = {"relay", "agent", NULL};
static const char *const tls_policies[] = {"intermediate", "modern", NULL};
static const char *const web_modes[] = {"http", "tcp", NULL};
static const char *const addressings[] = {"off", "alias", NULL};
static const char *const deliveries[] = {"agent", "direct", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};

#define VALUE(type_, struct_, member_)   .type = (type_), .offset = offsetof(struct struct_, member_)
#define LIST(type_, struct_, member_)    VALUE(type_, struct_, member_), .is_list = true, COUNT(struct_, member_)
#define COUNT(struct_, member_)          .count_offset = offsetof(struct struct_, member_##_count)
#define GROUP(child_, struct_, member_)  VALUE(CFG_GROUP, struct_, member_), .child = (child_)
#define GROUPS(child_, struct_, member_) LIST(CFG_GROUP, struct_, member_), .child = (child_)
#define PLACE(struct_, member_)          .line_offset = offsetof(struct struct_, member_)
#define SECONDS(struct_, member_)        VALUE(CFG_NUMBER, struct_, member_), .unit = "seconds", .scale = 1
#define SECONDS_AS_MS(struct_, member_)  VALUE(CFG_NUMBER, struct_, member_), .unit = "seconds", .scale = 1000
#define BOUNDS(min_, max_)               .min = (min_), .max = (max_)
#define REQUIRED                         .is_required = true

/* One setting, one paragraph. */
/* clang-format off */
const struct cfg_setting cfg_settings[] = {
    /* Outside of all groups. */
    {CFG_IN_TOP, "role", VALUE(CFG_CHOICE, cfg, role), .choices = roles, .first_choice = CFG_ROLE_RELAY, REQUIRED, .roles = BOTH,
     .example = "role = \"relay\";",
     .about = "What this georelay is: the relay in the DMZ, or an agent that connects out to relays."},
    {CFG_IN_TOP, "name", VALUE(CFG_NAME, cfg, name), PLACE(cfg, name_line), REQUIRED, .roles = AGENT,
     .example = "name = \"site-a\";",
     .about = "The agent's name, as in its certificate."},
    {CFG_IN_TOP, "workers", VALUE(CFG_NUMBER, cfg, workers), .scale = 1, BOUNDS(0, 64), .preset = "0", .unit = "threads",
     .roles = BOTH, .example = "workers = 0;",
     .about = "How many threads move data; 0 is one for each processor."},
    {CFG_IN_TOP, "user", VALUE(CFG_TEXT, cfg, user), .roles = BOTH, .example = "user = \"georelay\";",
     .about = "The user to become after addresses and keys are open; without it georelay stays who it is."},
    {CFG_IN_TOP, "state", VALUE(CFG_PATH, cfg, state), PLACE(cfg, state_line), .preset = "/var/lib/georelay", .roles = RELAY,
     .example = "state = \"/var/lib/georelay\";",
     .about = "The folder in which the relay remembers which client holds which address."},
    {CFG_IN_TOP, "web", GROUPS(CFG_IN_WEB, cfg, web), BOUNDS(0, 64), .roles = RELAY,
     .example = "web = ( { name = \"main\"; ... } );",
     .about = "The web front doors."},
    {CFG_IN_TOP, "links", GROUPS(CFG_IN_LINK, cfg, links), BOUNDS(0, 256), .roles = BOTH,
     .example = "links = ( { name = \"node-a\"; ... } );",
     .about = "The links, one for each server node."},
    {CFG_IN_TOP, "tunnel", GROUP(CFG_IN_TUNNEL, cfg, tunnel), .roles = RELAY,
     .example = "tunnel = { listen = \"0.0.0.0:443\"; ... };",
     .about = "Where agents connect, and which agents there are."},
    {CFG_IN_TOP, "relays", LIST(CFG_ENDPOINT, cfg, relays), BOUNDS(1, 16), REQUIRED, .roles = AGENT,
     .example = "relays = ( \"relay.example:443\" );",
     .about = "The relays to keep a tunnel to, the preferred one first."},
    {CFG_IN_TOP, "chain", VALUE(CFG_PATH, cfg, identity.chain), PLACE(cfg, identity.chain_line), REQUIRED, .roles = AGENT,
     .example = "chain = \"site-a.crt\";",
     .about = "The agent's certificate, a PEM file."},
    {CFG_IN_TOP, "key", VALUE(CFG_PATH, cfg, identity.key), PLACE(cfg, identity.key_line), REQUIRED, .roles = AGENT,
     .example = "key = \"site-a.key\";",
     .about = "The agent's private key, a PEM file that nobody else may read."},
    {CFG_IN_TOP, "ca", VALUE(CFG_PATH, cfg, ca), PLACE(cfg, ca_line), REQUIRED, .roles = AGENT,
     .example = "ca = \"ca.crt\";",
     .about = "The certificate of the tunnel's own CA, a PEM file."},
    {CFG_IN_TOP, "clients", LIST(CFG_NETWORK, cfg, clients), BOUNDS(1, 256), .preset = "127.0.0.1/32 ::1/128", .roles = AGENT,
     .example = "clients = ( \"127.0.0.1\", \"192.168.1.0/24\" );",
     .about = "The clients that may use the agent's links, and to which it may deliver an advise."},
    {CFG_IN_TOP, "advise_ports", VALUE(CFG_PORTS, cfg, advise_ports), PLACE(cfg, advise_ports_line), .max = 100, .unit = "ports",
     .preset = "5500-5509", .roles = AGENT, .example = "advise_ports = \"5500-5509\";",
     .about = "The ports of a client to which the agent may deliver an advise."},
    {CFG_IN_TOP, "client_address", VALUE(CFG_ADDRESS, cfg, client_address), PLACE(cfg, client_address_line), .roles = AGENT,
     .example = "client_address = \"192.168.1.20\";",
     .about = "The address on which clients on the agent's own machine listen, if it is not 127.0.0.1."},
    {CFG_IN_TOP, "log", GROUP(CFG_IN_LOG, cfg, log), .roles = BOTH, .example = "log = { level = \"info\"; };",
     .about = "What is logged, how and where."},
    {CFG_IN_TOP, "limits", GROUP(CFG_IN_LIMITS, cfg, limits), .roles = BOTH, .example = "limits = { per_client = 256; };",
     .about = "How many connections are accepted."},
    {CFG_IN_TOP, "timeouts", GROUP(CFG_IN_TIMEOUTS, cfg, timeouts), .roles = BOTH, .example = "timeouts = { dial = 3; };",
     .about = "How long to wait for what."},

    {CFG_IN_WEB, "name", VALUE(CFG_NAME, cfg_web, name), REQUIRED, .roles = RELAY, .example = "name = \"main\";",
     .about = "The door's name, for the log."},
    {CFG_IN_WEB, "listen", LIST(CFG_LISTEN, cfg_web, listen), BOUNDS(1, 64), REQUIRED, .roles = RELAY,
     .example = "listen = ( \"0.0.0.0:443\", \"[::]:443\" );",
     .about = "The addresses that browsers connect to."},
    {CFG_IN_WEB, "certificates", GROUPS(CFG_IN_CERTIFICATE, cfg_web, certificates), BOUNDS(1, 64), REQUIRED, .roles = RELAY,
     .example = "certificates = ( { chain = \"web.crt\"; key = \"web.key\"; } );",
     .about = "The door's certificates; the host name that a browser asks for chooses one, the first is for all others."},
    {CFG_IN_WEB, "tls", VALUE(CFG_CHOICE, cfg_web, tls), .choices = tls_policies, .preset = "intermediate", .roles = RELAY,
     .example = "tls = \"intermediate\";",
     .about = "TLS 1.2 and 1.3, or with \"modern\" 1.3 alone."},
    {CFG_IN_WEB, "mode", VALUE(CFG_CHOICE, cfg_web, mode), PLACE(cfg_web, mode_line), .choices = web_modes, .preset = "http",
     .roles = RELAY, .example = "mode = \"tcp\";",
     .about = "Whether HTTP is understood, or bytes are passed on as they come."},
    {CFG_IN_WEB, "servers", LIST(CFG_ENDPOINT, cfg_web, servers), BOUNDS(1, 16), REQUIRED, .roles = RELAY,
     .example = "servers = ( \"10.10.0.5:8080\" );",
     .about = "The web ports of the servers, the preferred one first."},

    {CFG_IN_CERTIFICATE, "chain", VALUE(CFG_PATH, cfg_certificate, chain), PLACE(cfg_certificate, chain_line), REQUIRED,
     .roles = RELAY, .example = "chain = \"web.crt\";",
     .about = "The certificate and then its intermediates, a PEM file."},
    {CFG_IN_CERTIFICATE, "key", VALUE(CFG_PATH, cfg_certificate, key), PLACE(cfg_certificate, key_line), REQUIRED,
     .roles = RELAY, .example = "key = \"web.key\";",
     .about = "The private key, a PEM file that nobody else may read."},

    {CFG_IN_LINK, "name", VALUE(CFG_NAME, cfg_link, name), REQUIRED, .roles = BOTH, .example = "name = \"node-a\";",
     .about = "The link's name, the same at the relay and at its agents."},
    {CFG_IN_LINK, "listen", LIST(CFG_LISTEN, cfg_link, listen), BOUNDS(0, 64), .roles = RELAY,
     .example = "listen = ( \"0.0.0.0:5481\" );",
     .about = "The addresses for clients that reach the relay without an agent."},
    {CFG_IN_LINK, "listen", LIST(CFG_LISTEN, cfg_link, listen), BOUNDS(1, 64), REQUIRED, .roles = AGENT,
     .example = "listen = ( \"127.0.0.1:5481\" );",
     .about = "The addresses that clients use in place of the server's."},
    {CFG_IN_LINK, "server", VALUE(CFG_ENDPOINT, cfg_link, server), PLACE(cfg_link, server.line), REQUIRED, .roles = RELAY,
     .example = "server = \"10.10.0.5:5481\";",
     .about = "The server node."},
    {CFG_IN_LINK, "advise", GROUP(CFG_IN_ADVISE, cfg_link, advise), .roles = RELAY,
     .example = "advise = { addressing = \"alias\"; ... };",
     .about = "How the server's dial-back finds its client."},

    {CFG_IN_ADVISE, "addressing", VALUE(CFG_CHOICE, cfg_advise, addressing), .choices = addressings, .preset = "off",
     .roles = RELAY, .example = "addressing = \"alias\";",
     .about = "Whether servers dial back: \"off\" if they don't, \"alias\" to give each client an address of a pool."},
    {CFG_IN_ADVISE, "delivery", VALUE(CFG_CHOICE, cfg_advise, delivery), .choices = deliveries, .preset = "agent",
     .roles = RELAY, .example = "delivery = \"agent\";",
     .about = "Who takes an advise to a client that came without an agent: an agent near it, or the relay itself."},
    {CFG_IN_ADVISE, "ports", VALUE(CFG_PORTS, cfg_advise, ports), PLACE(cfg_advise, ports_line), .max = 100, .unit = "ports",
     .preset = "5500-5509", .roles = RELAY, .example = "ports = \"5500-5509\";",
     .about = "The ports that servers dial back to: the Sockets range of the clients."},
    {CFG_IN_ADVISE, "pool", LIST(CFG_POOL, cfg_advise, pool), BOUNDS(0, 64), .roles = RELAY,
     .example = "pool = ( \"10.20.0.32-10.20.0.63\" );",
     .about = "The addresses of the relay's machine that stand for clients, one for each client machine."},
    {CFG_IN_ADVISE, "pins", GROUPS(CFG_IN_PIN, cfg_advise, pins), BOUNDS(0, 4096), .roles = RELAY,
     .example = "pins = ( { agent = \"site-a\"; client = \"192.168.1.20\"; address = \"10.20.0.40\"; } );",
     .about = "Clients that always get the same address of the pool."},
    {CFG_IN_ADVISE, "from", LIST(CFG_NETWORK, cfg_advise, from), BOUNDS(0, 64), .roles = RELAY,
     .example = "from = ( \"10.10.0.6\" );",
     .about = "Addresses from which the server may dial back besides its own."},
    {CFG_IN_ADVISE, "grace", SECONDS(cfg_advise, grace_s), BOUNDS(0, 86400), .preset = "30", .roles = RELAY,
     .example = "grace = 30;",
     .about = "How long a client keeps its address and its advises after its last link has ended."},

    {CFG_IN_PIN, "agent", VALUE(CFG_NAME, cfg_pin, agent), .preset = "direct", .roles = RELAY, .example = "agent = \"site-a\";",
     .about = "The agent that the client comes through, or \"direct\"."},
    {CFG_IN_PIN, "client", VALUE(CFG_ADDRESS, cfg_pin, client), REQUIRED, .roles = RELAY, .example = "client = \"192.168.1.20\";",
     .about = "The client's own address."},
    {CFG_IN_PIN, "address", VALUE(CFG_ADDRESS, cfg_pin, address), REQUIRED, .roles = RELAY, .example = "address = \"10.20.0.40\";",
     .about = "The address of the pool that it gets."},

    {CFG_IN_TUNNEL, "listen", LIST(CFG_LISTEN, cfg_tunnel, listen), BOUNDS(1, 64), REQUIRED, .roles = RELAY,
     .example = "listen = ( \"0.0.0.0:443\" );",
     .about = "The addresses that agents connect to; one that a web door has too is shared with it."},
    {CFG_IN_TUNNEL, "chain", VALUE(CFG_PATH, cfg_tunnel, identity.chain), PLACE(cfg_tunnel, identity.chain_line), REQUIRED,
     .roles = RELAY, .example = "chain = \"relay.crt\";",
     .about = "The relay's certificate, a PEM file."},
    {CFG_IN_TUNNEL, "key", VALUE(CFG_PATH, cfg_tunnel, identity.key), PLACE(cfg_tunnel, identity.key_line), REQUIRED,
     .roles = RELAY, .example = "key = \"relay.key\";",
     .about = "The relay's private key, a PEM file that nobody else may read."},
    {CFG_IN_TUNNEL, "ca", VALUE(CFG_PATH, cfg_tunnel, ca), PLACE(cfg_tunnel, ca_line), REQUIRED, .roles = RELAY,
     .example = "ca = \"ca.crt\";",
     .about = "The certificate of the tunnel's own CA, a PEM file."},
    {CFG_IN_TUNNEL, "agents", GROUPS(CFG_IN_AGENT, cfg_tunnel, agents), BOUNDS(0, 1024), .roles = RELAY,
     .example = "agents = ( { name = \"site-a\"; links = \"node-a\"; clients = \"192.168.1.0/24\"; } );",
     .about = "The agents that may connect, and what each may ask for."},
    {CFG_IN_TUNNEL, "heartbeat", SECONDS_AS_MS(cfg_tunnel, heartbeat_ms), BOUNDS(1, 60), .preset = "5", .roles = RELAY,
     .example = "heartbeat = 5;",
     .about = "The pause between two heartbeats; an end unheard of for three of them is taken for dead."},
    {CFG_IN_TUNNEL, "spares", VALUE(CFG_NUMBER, cfg_tunnel, spares), .scale = 1, BOUNDS(1, 256), .preset = "8", .unit = "channels",
     .roles = RELAY, .example = "spares = 8;",
     .about = "How many spare channels each agent keeps open, ready for an advise."},

    {CFG_IN_AGENT, "name", VALUE(CFG_NAME, cfg_agent, name), REQUIRED, .roles = RELAY, .example = "name = \"site-a\";",
     .about = "The agent's name, as in its certificate."},
    {CFG_IN_AGENT, "links", LIST(CFG_NAME, cfg_agent, links), BOUNDS(0, 256), .roles = RELAY, .example = "links = ( \"node-a\" );",
     .about = "The names of the links that it may open."},
    {CFG_IN_AGENT, "clients", LIST(CFG_NETWORK, cfg_agent, clients), BOUNDS(1, 256), REQUIRED, .roles = RELAY,
     .example = "clients = ( \"192.168.1.0/24\" );",
     .about = "The addresses of the clients that it may speak for, and to which it delivers."},

    {CFG_IN_LOG, "level", VALUE(CFG_CHOICE, cfg_log, level), .choices = log_levels, .preset = "info", .roles = BOTH,
     .example = "level = \"info\";",
     .about = "The least severe lines that are wanted."},
    {CFG_IN_LOG, "format", VALUE(CFG_CHOICE, cfg_log, format), .choices = log_formats, .preset = "logfmt", .roles = BOTH,
     .example = "format = \"logfmt\";",
     .about = "Lines of key=value, or of JSON with the same keys."},
    {CFG_IN_LOG, "file", VALUE(CFG_PATH, cfg_log, file), PLACE(cfg_log, file_line), .roles = BOTH,
     .example = "file = \"/var/log/georelay/georelay.log\";",
     .about = "The file to append to; without it lines go to standard error."},

    {CFG_IN_LIMITS, "connections", VALUE(CFG_NUMBER, cfg_limits, connections), .scale = 1, BOUNDS(1, 1000000), .preset = "20000",
     .unit = "connections", .roles = BOTH, .example = "connections = 20000;",
     .about = "Accepted connections at one time, all listeners together."},
    {CFG_IN_LIMITS, "per_client", VALUE(CFG_NUMBER, cfg_limits, per_client), .scale = 1, BOUNDS(1, 1000000), .preset = "256",
     .unit = "connections", .roles = BOTH, .example = "per_client = 256;",
     .about = "How many of these may come from one client."},
    {CFG_IN_LIMITS, "greeting", VALUE(CFG_NUMBER, cfg_limits, greeting), .scale = 1, BOUNDS(1, 100000), .preset = "5000",
     .unit = "connections", .roles = BOTH, .example = "greeting = 5000;",
     .about = "How many of these may still be in their TLS handshake or before their first frame."},

    {CFG_IN_TIMEOUTS, "handshake", SECONDS(cfg_timeouts, handshake_s), BOUNDS(1, 300), .preset = "10", .roles = BOTH,
     .example = "handshake = 10;",
     .about = "For the TLS handshake and the first frame."},
    {CFG_IN_TIMEOUTS, "dial", SECONDS_AS_MS(cfg_timeouts, dial_ms), BOUNDS(1, 120), .preset = "3", .roles = BOTH,
     .example = "dial = 3;",
     .about = "For one attempt to connect."},
    {CFG_IN_TIMEOUTS, "dead_peer", SECONDS(cfg_timeouts, dead_peer_s), BOUNDS(5, 3600), .preset = "30", .roles = BOTH,
     .example = "dead_peer = 30;",
     .about = "Until a peer that has vanished without a word is given up."},
    {CFG_IN_TIMEOUTS, "idle", SECONDS(cfg_timeouts, idle_s), BOUNDS(0, 604800), .preset = "0", .roles = BOTH,
     .example = "idle = 0;",
     .about = "Until a connection on which nothing moves is closed; 0 is never."},
    {CFG_IN_TIMEOUTS, "half_closed", SECONDS(cfg_timeouts, half_closed_s), BOUNDS(0, 604800), .preset = "3600", .roles = BOTH,
     .example = "half_closed = 3600;",
     .about = "The same, once one direction has ended; 0 is never."},
    {CFG_IN_TIMEOUTS, "drain", SECONDS(cfg_timeouts, drain_s), BOUNDS(0, 3600), .preset = "5", .roles = BOTH,
     .example = "drain = 5;",
     .about = "How long connections may go on after georelay was told to stop."},
    {CFG_IN_TIMEOUTS, "resolve", SECONDS(cfg_timeouts, resolve_s), BOUNDS(1, 3600), .preset = "30", .roles = BOTH,
     .example = "resolve = 30;",
     .about = "The pause between two look-ups of a host name."},
};
/* clang-format on */

const size_t cfg_settings_count = sizeof(cfg_settings) / sizeof(cfg_settings[0]);

#define PLACED(type_) sizeof(struct type_), offsetof(struct type_, line)

const struct cfg_group_info cfg_groups[CFG_GROUPS] = {
    [CFG_IN_TOP] = {"top", "the file", sizeof(struct cfg), 0},
    [CFG_IN_WEB] = {"web", "this web door", PLACED(cfg_web)},
    [CFG_IN_CERTIFICATE] = {"certificate", "this certificate", PLACED(cfg_certificate)},
    [CFG_IN_LINK] = {"link", "this link", PLACED(cfg_link)},
    [CFG_IN_ADVISE] = {"advise", "this group \"advise\"", PLACED(cfg_advise)},
    [CFG_IN_PIN] = {"pin", "this pin", PLACED(cfg_pin)},
    [CFG_IN_TUNNEL] = {"tunnel", "the group \"tunnel\"", PLACED(cfg_tunnel)},
    [CFG_IN_AGENT] = {"agent", "this agent", PLACED(cfg_agent)},
    [CFG_IN_LOG] = {"log", "the group \"log\"", sizeof(struct cfg_log), 0},
    [CFG_IN_LIMITS] = {"limits", "the group \"limits\"", sizeof(struct cfg_limits), 0},
    [CFG_IN_TIMEOUTS] = {"timeouts", "the group \"timeouts\"", sizeof(struct cfg_timeouts), 0},
};

const struct cfg_setting *cfg_setting_find(enum cfg_group group, const char *name, unsigned for_roles)
{
    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];

        if (row->group == group && (row->roles & for_roles) && strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added or dropped to turn one name into the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_LONGEST + 1];
    size_t width = strlen(b);

    if (strlen(a) > NAME_LONGEST || width > NAME_LONGEST)
        return NAME_LONGEST;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t above = row[j + 1];

            row[j + 1] = least(diagonal + (a[i] != b[j]), least(above, row[j]) + 1);
            diagonal = above;
        }
    }
    return row[width];
}

const struct cfg_setting *cfg_setting_nearest(enum cfg_group group, const char *name, unsigned for_roles)
{
    const struct cfg_setting *nearest = NULL;
    size_t smallest = 1 + (strlen(name) + 2) / 3; /* a third of the letters may be wrong */

    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];

        if (row->group == group && (row->roles & for_roles) && distance(name, row->name) < smallest) {
            smallest = distance(name, row->name);
            nearest = row;
        }
    }
    for (size_t i = 0; i < cfg_settings_count && !nearest; i++)
        if ((cfg_settings[i].roles & for_roles) && strcmp(cfg_settings[i].name, name) == 0)
            nearest = &cfg_settings[i];
    return nearest;
}
