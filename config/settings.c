/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of settings. Constant data, any thread. */
#include "config/settings.h"
#include "config/model.h"

enum { RELAY = CFG_FOR_RELAY, AGENT = CFG_FOR_AGENT, BOTH = CFG_FOR_BOTH };

static const char *const roles[] = {"relay", "agent", NULL};
static const char *const tls_policies[] = {"intermediate", "modern", NULL};
static const char *const web_modes[] = {"http", "tcp", NULL};
static const char *const client_certs[] = {"off", "optional", "required", NULL};
static const char *const upstream_tls[] = {"off", "verify", "unverified", NULL};
static const char *const tls_mins[] = {"1.2", "1.3", NULL};
static const char *const headers[] = {"append", "replace", "arr", "off", NULL};
static const char *const web_links[] = {"rewrite", "keep", NULL};
static const char *const cookie_secure[] = {"auto", "always", "never", NULL};
static const char *const cookie_http_only[] = {"keep", "add", NULL};
static const char *const cookie_same_site[] = {"keep", "lax", "strict", "none", NULL};
static const char *const addressings[] = {"off", "alias", "transparent", "ports", "rewrite", NULL};
static const char *const port_forms[] = {"u16le", "u16be", "decimal", NULL};
static const char *const mismatches[] = {"pass", "refuse", NULL};
static const char *const deliveries[] = {"agent", "direct", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const access_formats[] = {"logfmt", "json", "w3c", NULL};
static const char *const on_failures[] = {"continue", "stop", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const hours_ends[] = {"keep", "close", NULL};

#define VALUE(type_, struct_, member_)     .type = (type_), .offset = offsetof(struct struct_, member_)
#define LIST(type_, struct_, member_)      VALUE(type_, struct_, member_), .is_list = true, COUNT(struct_, member_)
#define COUNT(struct_, member_)            .count_offset = offsetof(struct struct_, member_##_count)
#define GROUP(child_, struct_, member_)    VALUE(CFG_GROUP, struct_, member_), .child = (child_)
#define GROUPS(child_, struct_, member_)   LIST(CFG_GROUP, struct_, member_), .child = (child_)
#define PLACE(struct_, member_)            .line_offset = offsetof(struct struct_, member_)
#define CHOICE(choices_, struct_, member_) VALUE(CFG_CHOICE, struct_, member_), .choices = (choices_)
#define BYTES(struct_, member_)            VALUE(CFG_NUMBER, struct_, member_), .unit = "bytes", .scale = 1
#define COUNTED(unit_, struct_, member_)   VALUE(CFG_NUMBER, struct_, member_), .unit = (unit_), .scale = 1
#define SECONDS(struct_, member_)          VALUE(CFG_NUMBER, struct_, member_), .unit = "seconds", .scale = 1
#define SECONDS_AS_MS(struct_, member_)    VALUE(CFG_NUMBER, struct_, member_), .unit = "seconds", .scale = 1000
#define BOUNDS(min_, max_)                 .min = (min_), .max = (max_)
#define REQUIRED                           .is_required = true
#define OR_EMPTY                           .may_be_empty = true
#define HTTP                               .is_http = true, .roles = RELAY

/* clang-format off */
/* How an upstream is spoken to: the same rows for the door's `servers` and for each of its `upstreams`. */
#define UPSTREAM_ROWS(group_) \
    {group_, "tls", CHOICE(upstream_tls, cfg_upstream, tls), .preset = "off", .roles = RELAY, .example = "tls = \"verify\";", \
     .about = "Whether servers are reached over TLS, and whether their certificates are verified."}, \
    {group_, "ca", VALUE(CFG_PATH, cfg_upstream, ca), PLACE(cfg_upstream, ca_line), .roles = RELAY, \
     .example = "ca = \"upstream-ca.crt\";", \
     .about = "The CAs that servers' certificates are verified by, a PEM file; without it those of the system."}, \
    {group_, "server_name", VALUE(CFG_HOST, cfg_upstream, server_name), PLACE(cfg_upstream, server_name_line), OR_EMPTY, .roles = RELAY, \
     .example = "server_name = \"scada.example\";", \
     .about = "The name that servers are asked for and must have in their certificates; without it the name or address in \"servers\"."}, \
    {group_, "tls_min", CHOICE(tls_mins, cfg_upstream, tls_min), PLACE(cfg_upstream, tls_min_line), .preset = "1.2", \
     .roles = RELAY, .example = "tls_min = \"1.3\";", \
     .about = "The oldest version of TLS that servers may speak."}, \
    {group_, "host", VALUE(CFG_HOST_FIELD, cfg_upstream, host), OR_EMPTY, .roles = RELAY, .example = "host = \"scada.example\";", \
     .about = "The Host that is sent to servers; without it the client's."}, \
    {group_, "health", GROUP(CFG_IN_HEALTH, cfg_upstream, health), .roles = RELAY, \
     .example = "health = { path = \"/\"; interval = 10; };", \
     .about = "How servers are asked whether they are well; without it only requests tell."}

/* Who may come: the same rows for each listener and for routes. */
#define ADMISSION_ROWS(group_, struct_, roles_) \
    {group_, "allow_from", LIST(CFG_NETWORK, struct_, admission.allow), BOUNDS(0, 256), .roles = (roles_), \
     .example = "allow_from = ( \"192.0.2.0/24\" );", \
     .about = "The addresses that may come; without any, all."}, \
    {group_, "deny_from", LIST(CFG_NETWORK, struct_, admission.deny), BOUNDS(0, 256), .roles = (roles_), \
     .example = "deny_from = ( \"192.0.2.66\" );", \
     .about = "The addresses that may not, whatever \"allow_from\" says."}

/* When an agent or link may be used. */
#define SCHEDULE_ROWS(group_, struct_) \
    {group_, "hours", LIST(CFG_HOURS, struct_, schedule.hours), BOUNDS(0, 32), .roles = RELAY, \
     .example = "hours = ( \"Mo-Fr 07:00-18:00\" );", \
     .about = "When it may be used, in the local time of the relay; without any, always."}, \
    {group_, "hours_end", CHOICE(hours_ends, struct_, schedule.end), .preset = "keep", .roles = RELAY, \
     .example = "hours_end = \"close\";", \
     .about = "What becomes of what is open when \"hours\" are over: it goes on, or it is closed."}

/* One setting, one paragraph. */
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
    {CFG_IN_TOP, "state", VALUE(CFG_PATH, cfg, state), PLACE(cfg, state_line), .preset = "/var/lib/georelay", .roles = BOTH,
     .example = "state = \"/var/lib/georelay\";",
     .about = "The folder in which georelay remembers which client holds which address."},
    {CFG_IN_TOP, "intercept_port", COUNTED("(a port)", cfg, intercept_port), PLACE(cfg, intercept_port_line), BOUNDS(1, 65535),
     .preset = "5480", .roles = BOTH, .example = "intercept_port = 5480;",
     .about = "The port to which the TPROXY rules of georelay firewall lead advises; used with addressing \"transparent\", and with \"any_port\"."},
    {CFG_IN_TOP, "web", GROUPS(CFG_IN_WEB, cfg, web), BOUNDS(0, 64), .roles = RELAY,
     .example = "web = ( { name = \"main\"; ... } );",
     .about = "The web front doors."},
    {CFG_IN_TOP, "links", GROUPS(CFG_IN_LINK, cfg, links), BOUNDS(0, 256), .roles = BOTH,
     .example = "links = ( { name = \"node-a\"; ... } );",
     .about = "The links, one for each server node."},
    {CFG_IN_TOP, "servers", GROUPS(CFG_IN_SERVER, cfg, servers), BOUNDS(0, 256), .roles = AGENT,
     .example = "servers = ( { name = \"node-a\"; server = \"10.10.0.5:5481\"; } );",
     .about = "For an agent beside the server: what relays may ask it to connect to."},
    {CFG_IN_TOP, "nat", LIST(CFG_NETWORK, cfg, nat), BOUNDS(0, 256), .roles = RELAY, .example = "nat = ( \"203.0.113.7\" );",
     .about = "Addresses behind which several clients stand, because a firewall translates theirs: links that need an advise are refused from there."},
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
    {CFG_IN_TOP, "clients", LIST(CFG_NETWORK, cfg, clients), PLACE(cfg, clients_line), BOUNDS(1, 256), .preset = "127.0.0.1/32 ::1/128", .roles = AGENT,
     .example = "clients = ( \"127.0.0.1\", \"192.168.1.0/24\" );",
     .about = "The clients that may use the agent's links, and to which it may deliver an advise."},
    {CFG_IN_TOP, "advise_ports", VALUE(CFG_PORTS, cfg, advise_ports), PLACE(cfg, advise_ports_line), .max = UINT16_MAX, .unit = "ports",
     .preset = "5500-5509", .roles = AGENT, .example = "advise_ports = \"5500-5509\";",
     .about = "The ports of a client to which the agent may deliver an advise."},
    {CFG_IN_TOP, "client_address", VALUE(CFG_ADDRESS, cfg, client_address), PLACE(cfg, client_address_line), .roles = AGENT,
     .example = "client_address = \"192.168.1.20\";",
     .about = "The address by which the server side knows clients on the agent's own machine, if it is not the one that the machine has towards the relay."},
    {CFG_IN_TOP, "admin", GROUP(CFG_IN_ADMIN, cfg, admin), .roles = BOTH,
     .example = "admin = { socket = \"/run/georelay/control.sock\"; };",
     .about = "How the administrator asks the running georelay."},
    {CFG_IN_TOP, "log", GROUP(CFG_IN_LOG, cfg, log), .roles = BOTH, .example = "log = { level = \"info\"; };",
     .about = "What is logged, how and where."},
    {CFG_IN_TOP, "access", GROUP(CFG_IN_ACCESS, cfg, access), .roles = RELAY, .example = "access = { format = \"json\"; };",
     .about = "The lines about requests, one for each."},
    {CFG_IN_TOP, "audit", GROUP(CFG_IN_AUDIT, cfg, audit), .roles = BOTH, .example = "audit = { file = \"/var/log/georelay/audit.log\"; };",
     .about = "The audit log: who did what, in lines that nobody can change unseen; without it there is none."},
    {CFG_IN_TOP, "limits", GROUP(CFG_IN_LIMITS, cfg, limits), .roles = BOTH, .example = "limits = { per_client = 256; };",
     .about = "How many connections are accepted, and how large requests may be."},
    {CFG_IN_TOP, "timeouts", GROUP(CFG_IN_TIMEOUTS, cfg, timeouts), .roles = BOTH, .example = "timeouts = { dial = 3; };",
     .about = "How long to wait for what."},

    {CFG_IN_WEB, "name", VALUE(CFG_NAME, cfg_web, name), REQUIRED, .roles = RELAY, .example = "name = \"main\";",
     .about = "The door's name, for the log."},
    {CFG_IN_WEB, "listen", LIST(CFG_LISTEN, cfg_web, listen), PLACE(cfg_web, listen_line), BOUNDS(0, 64), .roles = RELAY,
     .example = "listen = ( \"0.0.0.0:443\", \"[::]:443\" );",
     .about = "The addresses that browsers connect to, with TLS."},
    {CFG_IN_WEB, "certificates", GROUPS(CFG_IN_CERTIFICATE, cfg_web, certificates), PLACE(cfg_web, certificates_line), BOUNDS(0, 64),
     .roles = RELAY,
     .example = "certificates = ( { chain = \"web.crt\"; key = \"web.key\"; } );",
     .about = "The door's certificates; the host name that a browser asks for chooses one, the first is for all others."},
    {CFG_IN_WEB, "tls", CHOICE(tls_policies, cfg_web, tls), .preset = "intermediate", .roles = RELAY,
     .example = "tls = \"intermediate\";",
     .about = "TLS 1.2 and 1.3, or with \"modern\" 1.3 alone."},
    {CFG_IN_WEB, "mode", CHOICE(web_modes, cfg_web, mode), .preset = "http", .roles = RELAY, .example = "mode = \"tcp\";",
     .about = "Whether HTTP is understood, or bytes are passed on as they come."},
    {CFG_IN_WEB, "servers", LIST(CFG_ENDPOINT, cfg_web, upstream.servers), PLACE(cfg_web, servers_line), BOUNDS(0, 16),
     .roles = RELAY, .example = "servers = ( \"10.10.0.5:8080\" );",
     .about = "The web ports of the servers, the preferred one first."},
    {CFG_IN_WEB, "plain", LIST(CFG_LISTEN, cfg_web, plain), PLACE(cfg_web, plain_line), BOUNDS(0, 16), HTTP,
     .example = "plain = ( \"0.0.0.0:8081\" );",
     .about = "The addresses of the same site without TLS."},
    {CFG_IN_WEB, "redirect_from", LIST(CFG_LISTEN, cfg_web, redirect_from), BOUNDS(0, 16), HTTP,
     .example = "redirect_from = ( \"0.0.0.0:80\" );",
     .about = "The addresses without TLS that send browsers on to https."},
    {CFG_IN_WEB, "upstream", GROUP(CFG_IN_DEFAULT_UPSTREAM, cfg_web, upstream), HTTP, .example = "upstream = { tls = \"verify\"; };",
     .about = "How the servers in \"servers\" are spoken to."},
    {CFG_IN_WEB, "upstreams", GROUPS(CFG_IN_UPSTREAM, cfg_web, upstreams), BOUNDS(0, 32), HTTP,
     .example = "upstreams = ( { name = \"webx\"; servers = ( \"10.10.0.5:85\" ); } );",
     .about = "Further servers, for routes."},
    {CFG_IN_WEB, "routes", GROUPS(CFG_IN_ROUTE, cfg_web, routes), BOUNDS(0, 256), HTTP,
     .example = "routes = ( { path = \"/WebX\"; upstream = \"webx\"; } );",
     .about = "Which requests go to which upstream; all others go to \"servers\"."},
    {CFG_IN_WEB, "allow", GROUPS(CFG_IN_ALLOW, cfg_web, allow), BOUNDS(0, 256), HTTP,
     .example = "allow = ( { path = \"/\"; methods = ( \"GET\", \"POST\" ); } );",
     .about = "The requests that are let through; without any, all are."},
    {CFG_IN_WEB, "headers", CHOICE(headers, cfg_web, headers), .preset = "append", HTTP, .example = "headers = \"arr\";",
     .about = "How servers learn who asks and how: by which header fields."},
    {CFG_IN_WEB, "trusted", LIST(CFG_NETWORK, cfg_web, trusted), BOUNDS(0, 64), HTTP, .example = "trusted = ( \"10.0.0.0/8\" );",
     .about = "Proxies in front of georelay: what they say of their client is believed."},
    {CFG_IN_WEB, "client_ca", VALUE(CFG_PATH, cfg_web, client_ca), PLACE(cfg_web, client_ca_line), HTTP,
     .example = "client_ca = \"clients.crt\";",
     .about = "The CAs that browsers' certificates are verified by, a PEM file."},
    {CFG_IN_WEB, "client_certificate", CHOICE(client_certs, cfg_web, client_certificate), PLACE(cfg_web, client_certificate_line),
     .preset = "off", HTTP, .example = "client_certificate = \"required\";",
     .about = "Whether browsers are asked for a certificate, and refused without one."},
    {CFG_IN_WEB, "request_set", GROUPS(CFG_IN_FIELD, cfg_web, request_set), BOUNDS(0, 64), HTTP,
     .example = "request_set = ( { name = \"X-Site\"; value = \"north\"; } );",
     .about = "Header fields that servers get, in place of any of that name."},
    {CFG_IN_WEB, "request_remove", LIST(CFG_FIELD_NAME, cfg_web, request_remove), BOUNDS(0, 64), HTTP,
     .example = "request_remove = ( \"X-Debug\" );",
     .about = "Header fields that servers do not get."},
    {CFG_IN_WEB, "response_set", GROUPS(CFG_IN_FIELD, cfg_web, response_set), BOUNDS(0, 64), HTTP,
     .example = "response_set = ( { name = \"X-Frame-Options\"; value = \"SAMEORIGIN\"; } );",
     .about = "Header fields that browsers get, in place of any of that name."},
    {CFG_IN_WEB, "response_remove", LIST(CFG_FIELD_NAME, cfg_web, response_remove), BOUNDS(0, 64), HTTP,
     .example = "response_remove = ( \"Server\", \"X-Powered-By\" );",
     .about = "Header fields that browsers do not get."},
    {CFG_IN_WEB, "links", CHOICE(web_links, cfg_web, links), .preset = "rewrite", HTTP, .example = "links = \"keep\";",
     .about = "Whether Location, Content-Location, Refresh and the Domain of cookies that name a server name the door instead."},
    {CFG_IN_WEB, "cookie_secure", CHOICE(cookie_secure, cfg_web, cookie_secure), .preset = "auto", HTTP,
     .example = "cookie_secure = \"always\";",
     .about = "Whether cookies get the attribute Secure; \"auto\" is yes, unless the door has \"plain\"."},
    {CFG_IN_WEB, "cookie_http_only", CHOICE(cookie_http_only, cfg_web, cookie_http_only), .preset = "keep", HTTP,
     .example = "cookie_http_only = \"add\";",
     .about = "Whether cookies get the attribute HttpOnly."},
    {CFG_IN_WEB, "cookie_same_site", CHOICE(cookie_same_site, cfg_web, cookie_same_site), PLACE(cfg_web, cookie_same_site_line),
     .preset = "keep", HTTP, .example = "cookie_same_site = \"lax\";",
     .about = "The attribute SameSite of cookies that have none; \"keep\" leaves them without."},
    {CFG_IN_WEB, "hsts", SECONDS(cfg_web, hsts_s), PLACE(cfg_web, hsts_line), BOUNDS(0, 63072000), .preset = "0", HTTP,
     .example = "hsts = 31536000;",
     .about = "For how long browsers are told to come over TLS only (Strict-Transport-Security); 0 is not at all."},
    ADMISSION_ROWS(CFG_IN_WEB, cfg_web, RELAY),

    UPSTREAM_ROWS(CFG_IN_DEFAULT_UPSTREAM),

    {CFG_IN_UPSTREAM, "name", VALUE(CFG_NAME, cfg_upstream, name), REQUIRED, .roles = RELAY, .example = "name = \"webx\";",
     .about = "The upstream's name, for routes and the log."},
    {CFG_IN_UPSTREAM, "servers", LIST(CFG_ENDPOINT, cfg_upstream, servers), BOUNDS(1, 16), REQUIRED, .roles = RELAY,
     .example = "servers = ( \"10.10.0.5:85\" );",
     .about = "Its servers, the preferred one first."},
    UPSTREAM_ROWS(CFG_IN_UPSTREAM),

    {CFG_IN_HEALTH, "path", VALUE(CFG_URL_TARGET, cfg_health, path), .preset = "/", .roles = RELAY, .example = "path = \"/\";",
     .about = "What to ask for, with GET."},
    {CFG_IN_HEALTH, "interval", SECONDS(cfg_health, interval_s), BOUNDS(1, 3600), .preset = "10", .roles = RELAY,
     .example = "interval = 10;",
     .about = "The pause between two checks."},
    {CFG_IN_HEALTH, "timeout", SECONDS(cfg_health, timeout_s), BOUNDS(1, 60), .preset = "5", .roles = RELAY,
     .example = "timeout = 5;",
     .about = "For the whole of one check."},
    {CFG_IN_HEALTH, "status", VALUE(CFG_STATUSES, cfg_health, status), .preset = "200-399", .roles = RELAY,
     .example = "status = \"200-299, 401\";",
     .about = "The statuses of a server that is well."},
    {CFG_IN_HEALTH, "text", VALUE(CFG_TEXT, cfg_health, text), OR_EMPTY, .roles = RELAY, .example = "text = \"Geo SCADA\";",
     .about = "What must stand in the first 64 KiB of the body; without it the body does not matter."},
    {CFG_IN_HEALTH, "host", VALUE(CFG_HOST_FIELD, cfg_health, host), OR_EMPTY, .roles = RELAY, .example = "host = \"scada.example\";",
     .about = "The Host that checks send; without it the upstream's \"host\", or the server as it is named in \"servers\"."},
    {CFG_IN_HEALTH, "rise", COUNTED("checks", cfg_health, rise), BOUNDS(1, 100), .preset = "2", .roles = RELAY,
     .example = "rise = 2;",
     .about = "So many good checks in a row, and a server that was down is used again."},
    {CFG_IN_HEALTH, "fall", COUNTED("checks", cfg_health, fall), BOUNDS(1, 100), .preset = "3", .roles = RELAY,
     .example = "fall = 3;",
     .about = "So many bad checks in a row, and a server is down."},

    {CFG_IN_ROUTE, "host", VALUE(CFG_HOST_PATTERN, cfg_route, host), OR_EMPTY, .roles = RELAY, .example = "host = \"*.example.com\";",
     .about = "The host name of requests, without port; \"*.\" stands for all names that end so; without it any."},
    {CFG_IN_ROUTE, "path", VALUE(CFG_URL_PATH, cfg_route, path), .preset = "/", .roles = RELAY, .example = "path = \"/WebX\";",
     .about = "The beginning of their path."},
    {CFG_IN_ROUTE, "upstream", VALUE(CFG_NAME, cfg_route, upstream), OR_EMPTY, .roles = RELAY, .example = "upstream = \"webx\";",
     .about = "The upstream that they go to, by its name; without it those in \"servers\"."},
    {CFG_IN_ROUTE, "replace", VALUE(CFG_URL_PATH, cfg_route, replace), OR_EMPTY, .roles = RELAY, .example = "replace = \"/new\";",
     .about = "What the server gets in place of \"path\"; without it the path stays."},
    ADMISSION_ROWS(CFG_IN_ROUTE, cfg_route, RELAY),

    {CFG_IN_ALLOW, "path", VALUE(CFG_URL_PATH, cfg_allow, path), .preset = "/", .roles = RELAY, .example = "path = \"/\";",
     .about = "The beginning of the path of requests that are let through."},
    {CFG_IN_ALLOW, "methods", LIST(CFG_METHOD, cfg_allow, methods), BOUNDS(0, 32), .roles = RELAY,
     .example = "methods = ( \"GET\", \"POST\" );",
     .about = "The methods that they may have; without any, all."},

    {CFG_IN_FIELD, "name", VALUE(CFG_FIELD_NAME, cfg_field, name), REQUIRED, .roles = RELAY, .example = "name = \"X-Site\";",
     .about = "The field's name."},
    {CFG_IN_FIELD, "value", VALUE(CFG_FIELD_VALUE, cfg_field, value), REQUIRED, .roles = RELAY, .example = "value = \"north\";",
     .about = "Its value."},

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
    {CFG_IN_LINK, "ports", LIST(CFG_PORTS, cfg_link, ports), BOUNDS(0, 64), .roles = BOTH,
     .example = "ports = ( \"1025-5000\", \"49152-65535\" );",
     .about = "For a link over ranges of ports: those that a rule of the firewall leads to \"listen\"; each is mapped to the same port of the server."},
    {CFG_IN_LINK, "server", VALUE(CFG_ENDPOINT, cfg_link, server), PLACE(cfg_link, server.line), REQUIRED, .roles = RELAY,
     .example = "server = \"10.10.0.5:5481\";",
     .about = "The server node; its port is \"*\" on a link with \"ports\"; NAME@AGENT is an entry of \"servers\" of an agent beside the server."},
    {CFG_IN_LINK, "advise", GROUP(CFG_IN_ADVISE, cfg_link, advise), .roles = RELAY,
     .example = "advise = { addressing = \"alias\"; ... };",
     .about = "How the server's dial-back finds its client."},
    ADMISSION_ROWS(CFG_IN_LINK, cfg_link, BOTH),
    SCHEDULE_ROWS(CFG_IN_LINK, cfg_link),

    {CFG_IN_SERVER, "name", VALUE(CFG_NAME, cfg_link, name), REQUIRED, .roles = AGENT, .example = "name = \"node-a\";",
     .about = "The entry's name: relays write it as NAME@AGENT."},
    {CFG_IN_SERVER, "server", VALUE(CFG_ENDPOINT, cfg_link, server), PLACE(cfg_link, server.line), REQUIRED, .roles = AGENT,
     .example = "server = \"10.10.0.5:5481\";",
     .about = "The server to connect to; its port is \"*\" with \"ports\"."},
    {CFG_IN_SERVER, "ports", LIST(CFG_PORTS, cfg_link, ports), BOUNDS(0, 64), .roles = AGENT,
     .example = "ports = ( \"1025-5000\", \"49152-65535\" );",
     .about = "For ranges of ports: those that relays may ask for."},
    {CFG_IN_SERVER, "advise", GROUP(CFG_IN_ADVISE, cfg_link, advise), .roles = AGENT,
     .example = "advise = { addressing = \"alias\"; ... };",
     .about = "How the server's dial-back finds its client."},

    {CFG_IN_ADVISE, "addressing", CHOICE(addressings, cfg_advise, addressing), PLACE(cfg_advise, addressing_line), .preset = "off",
     .roles = BOTH, .example = "addressing = \"alias\";",
     .about = "Whether servers dial back, and how that finds its client: \"off\" if they don't; by an address of a pool, by the client's own address, by a range of ports of its own, or by a port written into the link."},
    {CFG_IN_ADVISE, "delivery", VALUE(CFG_CHOICE, cfg_advise, delivery), .choices = deliveries, .preset = "agent",
     .roles = BOTH, .example = "delivery = \"agent\";",
     .about = "Who takes an advise to a client that came without an agent: an agent near it, or the relay itself."},
    {CFG_IN_ADVISE, "ports", VALUE(CFG_PORTS, cfg_advise, ports), PLACE(cfg_advise, ports_line), .max = UINT16_MAX, .unit = "ports",
     .preset = "5500-5509", .roles = BOTH, .example = "ports = \"5500-5509\";",
     .about = "The ports that servers dial back to: the Sockets range of the clients."},
    {CFG_IN_ADVISE, "pool", LIST(CFG_POOL, cfg_advise, pool), BOUNDS(0, 64), .roles = BOTH,
     .example = "pool = ( \"10.20.0.32-10.20.0.63\" );",
     .about = "The addresses of the relay's machine that stand for clients, one for each client machine."},
    {CFG_IN_ADVISE, "pins", GROUPS(CFG_IN_PIN, cfg_advise, pins), BOUNDS(0, 4096), .roles = BOTH,
     .example = "pins = ( { agent = \"site-a\"; client = \"192.168.1.20\"; address = \"10.20.0.40\"; } );",
     .about = "Clients that always get the same address of the pool."},
    {CFG_IN_ADVISE, "any_port", CHOICE(switches, cfg_advise, any_port), PLACE(cfg_advise, any_port_line), .preset = "off", .roles = BOTH,
     .example = "any_port = \"on\";",
     .about = "With \"alias\": whether ports outside of \"ports\" are taken up too."},
    {CFG_IN_ADVISE, "address", VALUE(CFG_ADDRESS, cfg_advise, address), PLACE(cfg_advise, address_line), .roles = BOTH,
     .example = "address = \"10.20.0.10\";",
     .about = "With \"ports\" and \"rewrite\": the address of this machine from which the server is dialled and to which it dials back."},
    {CFG_IN_ADVISE, "clients", GROUPS(CFG_IN_PORT_CLIENT, cfg_advise, clients), BOUNDS(0, 4096), .roles = BOTH,
     .example = "clients = ( { agent = \"site-a\"; client = \"192.168.1.20\"; ports = \"5510-5519\"; } );",
     .about = "With \"ports\": the Sockets range of each client machine."},
    {CFG_IN_ADVISE, "relay_ports", VALUE(CFG_PORTS, cfg_advise, relay_ports), PLACE(cfg_advise, relay_ports_line), .max = 20000,
     .unit = "ports", .preset = "15500-16499", .roles = BOTH, .example = "relay_ports = \"15500-16499\";",
     .about = "With \"rewrite\": the ports that stand for those that clients announce."},
    {CFG_IN_ADVISE, "rule", GROUP(CFG_IN_PORT_RULE, cfg_advise, rule), .roles = BOTH,
     .example = "rule = { offset = 12; form = \"u16le\"; };",
     .about = "With \"rewrite\": where in the first bytes of a link the client announces its port."},
    {CFG_IN_ADVISE, "on_mismatch", CHOICE(mismatches, cfg_advise, on_mismatch), PLACE(cfg_advise, on_mismatch_line), .preset = "pass",
     .roles = BOTH, .example = "on_mismatch = \"refuse\";",
     .about = "With \"rewrite\": what becomes of a link that the rule does not fit."},
    {CFG_IN_ADVISE, "from", LIST(CFG_NETWORK, cfg_advise, from), BOUNDS(0, 64), .roles = BOTH,
     .example = "from = ( \"10.10.0.6\" );",
     .about = "Addresses from which the server may dial back besides its own."},
    {CFG_IN_ADVISE, "grace", SECONDS(cfg_advise, grace_s), PLACE(cfg_advise, grace_line), BOUNDS(0, 86400), .preset = "30", .roles = BOTH,
     .example = "grace = 30;",
     .about = "How long a client keeps its address and its advises after its last link has ended."},

    {CFG_IN_PIN, "agent", VALUE(CFG_NAME, cfg_pin, agent), .preset = "direct", .roles = BOTH, .example = "agent = \"site-a\";",
     .about = "The agent that the client comes through, or \"direct\"."},
    {CFG_IN_PIN, "client", VALUE(CFG_ADDRESS, cfg_pin, client), REQUIRED, .roles = BOTH, .example = "client = \"192.168.1.20\";",
     .about = "The client's own address."},
    {CFG_IN_PIN, "address", VALUE(CFG_ADDRESS, cfg_pin, address), REQUIRED, .roles = BOTH, .example = "address = \"10.20.0.40\";",
     .about = "The address of the pool that it gets."},

    {CFG_IN_PORT_CLIENT, "agent", VALUE(CFG_NAME, cfg_port_client, agent), .preset = "direct", .roles = BOTH,
     .example = "agent = \"site-a\";",
     .about = "The agent that the client comes through, or \"direct\"."},
    {CFG_IN_PORT_CLIENT, "client", VALUE(CFG_ADDRESS, cfg_port_client, client), REQUIRED, .roles = BOTH,
     .example = "client = \"192.168.1.20\";",
     .about = "The client's own address."},
    {CFG_IN_PORT_CLIENT, "ports", VALUE(CFG_PORTS, cfg_port_client, ports), .max = 100, .unit = "ports", REQUIRED, .roles = BOTH,
     .example = "ports = \"5510-5519\";",
     .about = "Its Sockets range; no two clients may share a port."},

    {CFG_IN_PORT_RULE, "offset", COUNTED("bytes", cfg_port_rule, offset), BOUNDS(0, 4095), .preset = "0", .roles = BOTH,
     .example = "offset = 12;",
     .about = "Where the port begins, from the start of the link or from the end of \"after\"."},
    {CFG_IN_PORT_RULE, "after", VALUE(CFG_BYTES, cfg_port_rule, after), OR_EMPTY, .roles = BOTH, .example = "after = \"PORT=\";",
     .about = "The bytes before it, of which the first occurrence counts; \\xNN stands for any byte."},
    {CFG_IN_PORT_RULE, "form", CHOICE(port_forms, cfg_port_rule, form), .preset = "u16le", .roles = BOTH, .example = "form = \"u16le\";",
     .about = "How the port is written: two bytes, the lower or the higher first, or decimal digits."},
    {CFG_IN_PORT_RULE, "within", COUNTED("bytes", cfg_port_rule, within), BOUNDS(2, 4096), .preset = "4096", .roles = BOTH,
     .example = "within = 512;",
     .about = "How far from the start of the link it is looked for."},

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
    ADMISSION_ROWS(CFG_IN_TUNNEL, cfg_tunnel, RELAY),

    {CFG_IN_AGENT, "name", VALUE(CFG_NAME, cfg_agent, name), REQUIRED, .roles = RELAY, .example = "name = \"site-a\";",
     .about = "The agent's name, as in its certificate."},
    {CFG_IN_AGENT, "links", LIST(CFG_NAME, cfg_agent, links), BOUNDS(0, 256), .roles = RELAY, .example = "links = ( \"node-a\" );",
     .about = "The names of the links that it may open."},
    {CFG_IN_AGENT, "clients", LIST(CFG_NETWORK, cfg_agent, clients), BOUNDS(0, 256), .roles = RELAY,
     .example = "clients = ( \"192.168.1.0/24\" );",
     .about = "The addresses of the clients that it may speak for, and to which it delivers; an agent beside the server needs none."},
    SCHEDULE_ROWS(CFG_IN_AGENT, cfg_agent),

    {CFG_IN_ADMIN, "socket", VALUE(CFG_PATH, cfg_admin, socket), PLACE(cfg_admin, socket_line), .roles = BOTH,
     .example = "socket = \"/run/georelay/control.sock\";",
     .about = "The Unix socket on which the running georelay answers to commands of the administrator; without it there is none."},

    {CFG_IN_LOG, "level", VALUE(CFG_CHOICE, cfg_log, level), .choices = log_levels, .preset = "info", .roles = BOTH,
     .example = "level = \"info\";",
     .about = "The least severe lines that are wanted."},
    {CFG_IN_LOG, "format", VALUE(CFG_CHOICE, cfg_log, format), .choices = log_formats, .preset = "logfmt", .roles = BOTH,
     .example = "format = \"logfmt\";",
     .about = "Lines of key=value, or of JSON with the same keys."},
    {CFG_IN_LOG, "file", VALUE(CFG_PATH, cfg_log, file), PLACE(cfg_log, file_line), .roles = BOTH,
     .example = "file = \"/var/log/georelay/georelay.log\";",
     .about = "The file to append to; without it lines go to standard error."},

    {CFG_IN_ACCESS, "lines", CHOICE(switches, cfg_access, lines), .preset = "on", .roles = RELAY, .example = "lines = \"off\";",
     .about = "Whether there are such lines."},
    {CFG_IN_ACCESS, "file", VALUE(CFG_PATH, cfg_access, file), PLACE(cfg_access, file_line), .roles = RELAY,
     .example = "file = \"/var/log/georelay/access.log\";",
     .about = "The file to append to; without it lines go to the log, in its format."},
    {CFG_IN_ACCESS, "format", CHOICE(access_formats, cfg_access, format), PLACE(cfg_access, format_line), .preset = "logfmt", .roles = RELAY,
     .example = "format = \"json\";",
     .about = "Of the lines in \"file\": key=value, JSON with the same keys, or the W3C extended format as IIS writes it."},
    {CFG_IN_ACCESS, "query", CHOICE(switches, cfg_access, query), .preset = "off", .roles = RELAY, .example = "query = \"on\";",
     .about = "Whether lines hold what stands behind the \"?\" of an address."},

    {CFG_IN_AUDIT, "file", VALUE(CFG_PATH, cfg_audit, file), PLACE(cfg_audit, file_line), .roles = BOTH,
     .example = "file = \"/var/log/georelay/audit.log\";",
     .about = "The file to append to."},
    {CFG_IN_AUDIT, "syslog", VALUE(CFG_SYSLOG, cfg_audit, syslog), PLACE(cfg_audit, syslog_line), .roles = BOTH,
     .example = "syslog = \"tls:logs.example:6514\";",
     .about = "The syslog receiver, beside the file or instead of it."},
    {CFG_IN_AUDIT, "ca", VALUE(CFG_PATH, cfg_audit, ca), PLACE(cfg_audit, ca_line), .roles = BOTH, .example = "ca = \"logs-ca.crt\";",
     .about = "The CAs that the certificate of a receiver over TLS is verified by, a PEM file; without it those of the system."},
    {CFG_IN_AUDIT, "key", VALUE(CFG_PATH, cfg_audit, key), PLACE(cfg_audit, key_line), .roles = BOTH, .example = "key = \"audit.key\";",
     .about = "A file of 16 to 256 secret bytes that nobody else may read: without them nobody can make or change a line unseen."},
    {CFG_IN_AUDIT, "on_failure", CHOICE(on_failures, cfg_audit, on_failure), .preset = "continue", .roles = BOTH,
     .example = "on_failure = \"stop\";",
     .about = "What is done when a line can't be kept: georelay goes on and says so, or it stops."},

    {CFG_IN_LIMITS, "connections", VALUE(CFG_NUMBER, cfg_limits, connections), .scale = 1, BOUNDS(1, 1000000), .preset = "20000",
     .unit = "connections", .roles = BOTH, .example = "connections = 20000;",
     .about = "Accepted connections at one time, all listeners together."},
    {CFG_IN_LIMITS, "per_client", VALUE(CFG_NUMBER, cfg_limits, per_client), .scale = 1, BOUNDS(1, 1000000), .preset = "256",
     .unit = "connections", .roles = BOTH, .example = "per_client = 256;",
     .about = "How many of these may come from one client."},
    {CFG_IN_LIMITS, "greeting", VALUE(CFG_NUMBER, cfg_limits, greeting), .scale = 1, BOUNDS(1, 100000), .preset = "5000",
     .unit = "connections", .roles = BOTH, .example = "greeting = 5000;",
     .about = "How many of these may still be in their TLS handshake or before their first frame."},
    {CFG_IN_LIMITS, "rate", COUNTED("connections per second", cfg_limits, rate), BOUNDS(0, 1000000), .preset = "0", .roles = BOTH,
     .example = "rate = 500;",
     .about = "How many new connections a second are accepted; web doors, links and the tunnel count apart; 0 is any number."},
    {CFG_IN_LIMITS, "rate_per_client", COUNTED("connections per second", cfg_limits, rate_per_client), BOUNDS(0, 1000000),
     .preset = "1000", .roles = BOTH, .example = "rate_per_client = 50;",
     .about = "How many of these may come from one client: one IPv4 address, or one IPv6 network of 64 bits."},
    {CFG_IN_LIMITS, "handshakes", COUNTED("handshakes per second", cfg_limits, handshakes), BOUNDS(0, 1000000), .preset = "0",
     .roles = RELAY, .example = "handshakes = 200;",
     .about = "How many TLS handshakes a second are begun; web doors and the tunnel count apart; 0 is any number."},
    {CFG_IN_LIMITS, "handshakes_per_client", COUNTED("handshakes per second", cfg_limits, handshakes_per_client), BOUNDS(0, 1000000),
     .preset = "500", .roles = RELAY, .example = "handshakes_per_client = 20;",
     .about = "How many of these may be of one client."},
    {CFG_IN_LIMITS, "burst", SECONDS(cfg_limits, burst_s), BOUNDS(1, 60), .preset = "5", .roles = BOTH, .example = "burst = 5;",
     .about = "So many seconds' worth of what these four allow may come at once, after a time with less."},
    {CFG_IN_LIMITS, "head", BYTES(cfg_limits, head_bytes), BOUNDS(1024, 98304), .preset = "65536", .roles = RELAY,
     .example = "head = 65536;",
     .about = "How large the head of a request or a response may be."},
    {CFG_IN_LIMITS, "fields", COUNTED("fields", cfg_limits, fields), BOUNDS(1, 256), .preset = "100", .roles = RELAY,
     .example = "fields = 100;",
     .about = "How many header fields it may have."},
    {CFG_IN_LIMITS, "url", BYTES(cfg_limits, url_bytes), BOUNDS(256, 65536), .preset = "32768", .roles = RELAY,
     .example = "url = 32768;",
     .about = "How long path and query of a request may be."},
    {CFG_IN_LIMITS, "body", BYTES(cfg_limits, body_bytes), BOUNDS(0, 1000000000000), .preset = "0", .roles = RELAY,
     .example = "body = 10000000;",
     .about = "How large the body of a request may be; 0 is as large as it likes."},
    {CFG_IN_LIMITS, "requests", COUNTED("requests", cfg_limits, requests), BOUNDS(0, 1000000000), .preset = "0", .roles = RELAY,
     .example = "requests = 1000;",
     .about = "How many requests one connection may bring; 0 is any number."},
    {CFG_IN_LIMITS, "body_rate", COUNTED("bytes per second", cfg_limits, body_rate), BOUNDS(0, 1000000000), .preset = "0",
     .roles = RELAY, .example = "body_rate = 100;",
     .about = "How fast the body of a request must come, on average of \"timeouts.body\"; 0 is as slow as it likes."},

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
    {CFG_IN_TIMEOUTS, "firewall_idle", SECONDS(cfg_timeouts, firewall_idle_s), BOUNDS(3, 86400), .preset = "60", .roles = BOTH,
     .example = "firewall_idle = 60;",
     .about = "After which silence firewalls on the way forget a connection: none of georelay's is silent for longer than a third of it."},
    {CFG_IN_TIMEOUTS, "head", SECONDS(cfg_timeouts, head_s), BOUNDS(1, 3600), .preset = "10", .roles = RELAY, .example = "head = 10;",
     .about = "From the first byte of a request's head to its last; for the first request, from the start of the connection."},
    {CFG_IN_TIMEOUTS, "keep_alive", SECONDS(cfg_timeouts, keep_alive_s), BOUNDS(0, 86400), .preset = "75", .roles = RELAY,
     .example = "keep_alive = 75;",
     .about = "Between two requests of one connection; with 0 connections are closed after each."},
    {CFG_IN_TIMEOUTS, "body", SECONDS(cfg_timeouts, body_s), BOUNDS(1, 86400), .preset = "60", .roles = RELAY, .example = "body = 60;",
     .about = "The longest pause within the body of a request."},
    {CFG_IN_TIMEOUTS, "response", SECONDS(cfg_timeouts, response_s), BOUNDS(0, 604800), .preset = "0", .roles = RELAY,
     .example = "response = 300;",
     .about = "Until the first byte of a response; 0 is as long as the server likes."},
    {CFG_IN_TIMEOUTS, "upstream_idle", SECONDS(cfg_timeouts, upstream_idle_s), BOUNDS(0, 3600), .preset = "30", .roles = RELAY,
     .example = "upstream_idle = 30;",
     .about = "How long a connection to a server is kept for the next request; with 0 none is."},
    {CFG_IN_TIMEOUTS, "upgraded", SECONDS(cfg_timeouts, upgraded_s), BOUNDS(0, 604800), .preset = "0", .roles = RELAY,
     .example = "upgraded = 3600;",
     .about = "Until a WebSocket, or another connection that was upgraded, is closed when nothing moves; 0 is never."},
};
/* clang-format on */

const size_t cfg_settings_count = sizeof(cfg_settings) / sizeof(cfg_settings[0]);

#define PLACED(type_) sizeof(struct type_), offsetof(struct type_, line)

const struct cfg_group_info cfg_groups[CFG_GROUPS] = {
    [CFG_IN_TOP] = {"top", "the file", sizeof(struct cfg), 0},
    [CFG_IN_WEB] = {"web", "this web door", PLACED(cfg_web)},
    [CFG_IN_CERTIFICATE] = {"certificate", "this certificate", PLACED(cfg_certificate)},
    [CFG_IN_DEFAULT_UPSTREAM] = {"upstream", "the group \"upstream\"", PLACED(cfg_upstream)},
    [CFG_IN_UPSTREAM] = {"upstreams", "this upstream", PLACED(cfg_upstream)},
    [CFG_IN_HEALTH] = {"health", "this group \"health\"", PLACED(cfg_health)},
    [CFG_IN_ROUTE] = {"route", "this route", PLACED(cfg_route)},
    [CFG_IN_ALLOW] = {"allow", "this entry of \"allow\"", PLACED(cfg_allow)},
    [CFG_IN_FIELD] = {"field", "this field", PLACED(cfg_field)},
    [CFG_IN_LINK] = {"link", "this link", PLACED(cfg_link)},
    [CFG_IN_SERVER] = {"servers", "this entry of \"servers\"", PLACED(cfg_link)},
    [CFG_IN_ADVISE] = {"advise", "this group \"advise\"", PLACED(cfg_advise)},
    [CFG_IN_PIN] = {"pin", "this pin", PLACED(cfg_pin)},
    [CFG_IN_PORT_CLIENT] = {"clients", "this entry of \"clients\"", PLACED(cfg_port_client)},
    [CFG_IN_PORT_RULE] = {"rule", "the group \"rule\"", PLACED(cfg_port_rule)},
    [CFG_IN_TUNNEL] = {"tunnel", "the group \"tunnel\"", PLACED(cfg_tunnel)},
    [CFG_IN_AGENT] = {"agent", "this agent", PLACED(cfg_agent)},
    [CFG_IN_ADMIN] = {"admin", "the group \"admin\"", sizeof(struct cfg_admin), 0},
    [CFG_IN_LOG] = {"log", "the group \"log\"", sizeof(struct cfg_log), 0},
    [CFG_IN_ACCESS] = {"access", "the group \"access\"", sizeof(struct cfg_access), 0},
    [CFG_IN_AUDIT] = {"audit", "the group \"audit\"", sizeof(struct cfg_audit), offsetof(struct cfg_audit, line)},
    [CFG_IN_LIMITS] = {"limits", "the group \"limits\"", sizeof(struct cfg_limits), 0},
    [CFG_IN_TIMEOUTS] = {"timeouts", "the group \"timeouts\"", sizeof(struct cfg_timeouts), 0},
};
