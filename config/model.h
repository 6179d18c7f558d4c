/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The configuration as plain data: what the file says after defaults are filled in and every rule is checked.
 *
 * No libconfig, and no functions but short questions to the data. The model is immutable once cfg_check() has passed it; every
 * thread may read it. All times are in the unit that the name says; all strings are owned by the model and live as long as it
 * does. Members named `line` (or ending in _line) are places for messages: the line in the file, 0 for a default. For what stands
 * in an included file the bits above CFG_LINE_BITS hold its index in cfg.files; the configuration file itself has index 0.
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CFG_LINE_BITS 21

enum cfg_role { CFG_ROLE_UNSET = 0, CFG_ROLE_RELAY, CFG_ROLE_AGENT };
enum cfg_tls_policy { CFG_TLS_INTERMEDIATE = 0, CFG_TLS_MODERN };
enum cfg_web_mode { CFG_WEB_HTTP = 0, CFG_WEB_TCP };
enum cfg_client_cert { CFG_CLIENT_CERT_OFF = 0, CFG_CLIENT_CERT_OPTIONAL, CFG_CLIENT_CERT_REQUIRED };
enum cfg_upstream_tls { CFG_UPSTREAM_TLS_OFF = 0, CFG_UPSTREAM_TLS_VERIFY, CFG_UPSTREAM_TLS_UNVERIFIED };
enum cfg_tls_min { CFG_TLS_MIN_1_2 = 0, CFG_TLS_MIN_1_3 };
enum cfg_headers { CFG_HEADERS_APPEND = 0, CFG_HEADERS_REPLACE, CFG_HEADERS_ARR, CFG_HEADERS_OFF };
enum cfg_web_links { CFG_WEB_LINKS_REWRITE = 0, CFG_WEB_LINKS_KEEP };
enum cfg_cookie_secure { CFG_COOKIE_SECURE_AUTO = 0, CFG_COOKIE_SECURE_ALWAYS, CFG_COOKIE_SECURE_NEVER };
enum cfg_cookie_http_only { CFG_COOKIE_HTTP_ONLY_KEEP = 0, CFG_COOKIE_HTTP_ONLY_ADD };
enum cfg_cookie_same_site {
    CFG_COOKIE_SAME_SITE_KEEP = 0,
    CFG_COOKIE_SAME_SITE_LAX,
    CFG_COOKIE_SAME_SITE_STRICT,
    CFG_COOKIE_SAME_SITE_NONE
};
enum cfg_addressing {
    CFG_ADDRESSING_OFF = 0,
    CFG_ADDRESSING_ALIAS,
    CFG_ADDRESSING_TRANSPARENT,
    CFG_ADDRESSING_PORTS,
    CFG_ADDRESSING_REWRITE
};
enum cfg_port_form { CFG_PORT_U16LE = 0, CFG_PORT_U16BE, CFG_PORT_DECIMAL };
enum cfg_on_mismatch { CFG_MISMATCH_PASS = 0, CFG_MISMATCH_REFUSE };
enum cfg_delivery { CFG_DELIVERY_AGENT = 0, CFG_DELIVERY_DIRECT };
enum cfg_log_level { CFG_LOG_ERROR = 0, CFG_LOG_WARN, CFG_LOG_INFO, CFG_LOG_DEBUG };
enum cfg_log_format { CFG_LOG_LOGFMT = 0, CFG_LOG_JSON };
enum cfg_access_format { CFG_ACCESS_LOGFMT = 0, CFG_ACCESS_JSON, CFG_ACCESS_W3C };
enum cfg_switch { CFG_OFF = 0, CFG_ON };
enum cfg_hours_end { CFG_HOURS_END_KEEP = 0, CFG_HOURS_END_CLOSE };

/** Whom to connect to: an address, a name that the resolver looks up, or NAME@AGENT: an entry of an agent beside the server. */
struct cfg_endpoint {
    char *text;        /**< as written */
    char *host;        /**< without port and brackets; NAME if `agent` is set */
    char *agent;       /**< the agent that dials it; NULL: we do */
    uint16_t port;     /**< 0 if `agent` or `has_any_port` is set */
    bool has_any_port; /**< written ":*": the port that the client dialled */
    bool is_name;
    struct address address; /**< set unless `is_name` or `agent`; its port is `port` */
    unsigned line;
};

/** Where to listen. Port 0 lets the kernel choose (the log's ev=listen says which). */
struct cfg_listen {
    struct address address;
    unsigned line;
};

struct cfg_ports {
    struct port_range range;
    unsigned line;
};

struct cfg_string {
    char *text;
    unsigned line;
};

struct cfg_network {
    struct network network;
    unsigned line;
};

/** Who may come: `deny` wins; an `allow` that is not empty refuses everybody else (proxy/session/admission.h). */
struct cfg_admission {
    struct cfg_network *allow; /**< setting "allow_from" */
    size_t allow_count;
    struct cfg_network *deny; /**< setting "deny_from" */
    size_t deny_count;
};

/** A time of the week, in local time: "Mo-Fr 07:00-18:00". */
struct cfg_hours {
    char *text;     /**< as written */
    unsigned days;  /**< those on which it begins; bit 0 is Sunday, as in tm_wday */
    unsigned first; /**< minute of the day */
    unsigned end;   /**< the minute that does not belong to it any more; not above `first`: on the next day */
    unsigned line;
};

/** When an agent or link may be used; none: always. */
struct cfg_schedule {
    struct cfg_hours *hours;
    size_t hours_count;
    int end; /**< enum cfg_hours_end: what becomes of what is open then */
};

struct cfg_pool {
    struct address_range range;
    unsigned line;
};

struct cfg_certificate {
    char *chain; /**< path of a PEM file: certificate first, then intermediates */
    char *key;   /**< path of a PEM file */
    unsigned line;
    unsigned chain_line;
    unsigned key_line;
};

/** Both ends belong to the range. */
struct cfg_status_range {
    unsigned first;
    unsigned last;
};

struct cfg_statuses {
    char *text; /**< as written: "200-399" */
    struct cfg_status_range *list;
    size_t count;
};

/** How a server is asked whether it is well. */
struct cfg_health {
    char *path; /**< may have a query */
    long interval_s;
    long timeout_s;
    struct cfg_statuses status; /**< those of a server that is well */
    char *text;                 /**< must stand in the first 64 KiB of the body; NULL: the body does not matter */
    char *host;                 /**< the Host to send; NULL: as for other requests */
    long rise;                  /**< so many good answers in a row, and it is up again */
    long fall;                  /**< so many bad ones, and it is down */
    unsigned line;              /**< 0: no checks of our own */
};

/** Servers that stand for each other, and how they are spoken to. */
struct cfg_upstream {
    char *name;                   /**< NULL: that of `servers` */
    struct cfg_endpoint *servers; /**< order is priority */
    size_t servers_count;
    int tls;  /**< enum cfg_upstream_tls */
    char *ca; /**< path of a PEM file; NULL: the system's store */
    unsigned ca_line;
    unsigned server_name_line;
    char *server_name; /**< for SNI and verification: a host name or an IP address without brackets; NULL: the server's own */
    unsigned tls_min_line;
    int tls_min; /**< enum cfg_tls_min */
    char *host;  /**< the Host to send; NULL: the client's */
    struct cfg_health health;
    unsigned line; /**< 0: the default upstream without a group "upstream" */
};

/** Requests for another upstream, or with another path there. */
struct cfg_route {
    char *host;                     /**< "name", "10.0.0.5", "[2001:db8::5]", or "*.name" for all names that end so; NULL: any */
    char *path;                     /**< a prefix that ends at the border of a segment */
    char *upstream;                 /**< NULL: the door's `servers` */
    char *replace;                  /**< what takes the place of `path`; NULL: it stays */
    struct cfg_admission admission; /**< by the client's address, also behind trusted proxies */
    const struct cfg_upstream *to;  /**< set by cfg_check(), in the same web door */
    unsigned line;
};

/** What is let through. */
struct cfg_allow {
    char *path; /**< a prefix as that of a route */
    struct cfg_string *methods;
    size_t methods_count; /**< 0: every method */
    unsigned line;
};

/** A header field to send instead of any of its name. */
struct cfg_field {
    char *name;
    char *value; /**< may be empty */
    unsigned line;
};

/** A web front door. Role relay. In mode "tcp" only name, listen, certificates, tls, mode and upstream.servers are used. */
struct cfg_web {
    char *name;
    struct cfg_listen *listen; /**< with TLS */
    size_t listen_count;
    unsigned listen_line;
    struct cfg_listen *plain; /**< the same without TLS */
    size_t plain_count;
    unsigned plain_line;
    struct cfg_listen *redirect_from; /**< answers with the https address of what was asked for */
    size_t redirect_from_count;
    struct cfg_certificate *certificates;
    size_t certificates_count;
    unsigned certificates_line;
    char *client_ca; /**< path of a PEM file; set exactly if client_certificate is not OFF */
    unsigned client_ca_line;
    int client_certificate; /**< enum cfg_client_cert */
    unsigned client_certificate_line;
    int tls;  /**< enum cfg_tls_policy */
    int mode; /**< enum cfg_web_mode */

    struct cfg_upstream upstream; /**< of the setting `servers` and the group `upstream` */
    unsigned servers_line;
    struct cfg_upstream *upstreams; /**< further ones, for routes */
    size_t upstreams_count;
    struct cfg_route *routes;
    size_t routes_count;
    struct cfg_allow *allow; /**< none: everything is let through */
    size_t allow_count;

    int headers;                 /**< enum cfg_headers */
    struct cfg_network *trusted; /**< proxies whose forwarding headers are believed */
    size_t trusted_count;
    struct cfg_field *request_set;
    size_t request_set_count;
    struct cfg_string *request_remove;
    size_t request_remove_count;
    struct cfg_field *response_set;
    size_t response_set_count;
    struct cfg_string *response_remove;
    size_t response_remove_count;
    int links;            /**< enum cfg_web_links */
    int cookie_secure;    /**< enum cfg_cookie_secure; AUTO: if there is no `plain` */
    int cookie_http_only; /**< enum cfg_cookie_http_only */
    int cookie_same_site; /**< enum cfg_cookie_same_site */
    unsigned cookie_same_site_line;
    long hsts_s; /**< 0: not sent */
    unsigned hsts_line;
    struct cfg_admission admission; /**< by the connection's address */
    unsigned line;
};

/** A client that always gets the same address. */
struct cfg_pin {
    char *agent; /**< an agent's name, or "direct" */
    struct address client;
    struct address address;
    unsigned line;
};

/** Addressing "ports": the Sockets range that one client machine was given. */
struct cfg_port_client {
    char *agent; /**< an agent's name, or "direct" */
    struct address client;
    struct port_range ports;
    unsigned line;
};

/** A few bytes, written as text with \xNN. */
struct cfg_bytes {
    char *text; /**< as written; NULL: none */
    uint8_t *bytes;
    size_t count;
};

/** Addressing "rewrite": where the announced port stands in the first bytes of a link. */
struct cfg_port_rule {
    long offset;            /**< from the start, or from the end of the first `after` */
    struct cfg_bytes after; /**< may be empty */
    int form;               /**< enum cfg_port_form */
    long within;            /**< the whole of it stands in the first so many bytes */
    unsigned line;          /**< 0: no rule */
};

/** How the server's dial-back finds its client. */
struct cfg_advise {
    int addressing; /**< enum cfg_addressing */
    int delivery;   /**< enum cfg_delivery: who takes it to a client that came without an agent */
    unsigned addressing_line;
    struct port_range ports;
    unsigned ports_line;
    struct cfg_pool *pool; /**< alias */
    size_t pool_count;
    struct cfg_pin *pins; /**< alias */
    size_t pins_count;
    int any_port; /**< alias; enum cfg_switch: also ports outside of `ports` are taken up */
    unsigned any_port_line;
    struct address address; /**< ports, rewrite: ours towards the server; may be unset otherwise */
    unsigned address_line;
    struct cfg_port_client *clients; /**< ports */
    size_t clients_count;
    struct port_range relay_ports; /**< rewrite: stand for announced ports */
    unsigned relay_ports_line;
    struct cfg_port_rule rule; /**< rewrite */
    int on_mismatch;           /**< rewrite; enum cfg_on_mismatch */
    unsigned on_mismatch_line;
    struct cfg_network *from; /**< addresses besides the server's own that it may dial from */
    size_t from_count;
    long grace_s; /**< how long a lease and its advises outlive the last link */
    unsigned grace_line;
    unsigned line;
};

/**
 * A named way to one server node, or over ranges of ports to one machine. On an agent there are two kinds: of `links` only name,
 * listen and ports are used; of `servers` all but listen.
 */
struct cfg_link {
    char *name;
    struct cfg_listen *listen; /**< with `ports`: where a rule of the firewall leads connections to these ports */
    size_t listen_count;
    struct cfg_ports *ports; /**< a link over ranges; then server.has_any_port, unless an agent dials it */
    size_t ports_count;
    struct cfg_endpoint server;     /**< role relay; `servers` of an agent */
    struct cfg_advise advise;       /**< the same */
    struct cfg_admission admission; /**< of `listen` */
    struct cfg_schedule schedule;
    unsigned line;
};

/** An agent that the relay knows: what it may ask for. */
struct cfg_agent {
    char *name;
    struct cfg_string *links;
    size_t links_count;
    struct cfg_network *clients;
    size_t clients_count;
    struct cfg_schedule schedule;
    unsigned line;
};

/** The tunnel at the relay. */
struct cfg_tunnel {
    struct cfg_listen *listen; /**< may equal a web listener: then ALPN decides */
    size_t listen_count;
    struct cfg_certificate identity; /**< the relay's own certificate of the tunnel's CA */
    char *ca;
    unsigned ca_line;
    char *revoked; /**< the list of `georelay pki revoke`; NULL: none */
    unsigned revoked_line;
    char *crl; /**< CRLs of the CA; NULL: none */
    unsigned crl_line;
    char *requests; /**< folder of requests for new certificates; NULL: none are taken */
    unsigned requests_line;
    struct cfg_agent *agents;
    size_t agents_count;
    long heartbeat_ms;              /**< pause between heartbeats; an end unheard of for three of them is dead */
    long spares;                    /**< spare channels that each agent keeps open */
    struct cfg_admission admission; /**< of `listen` */
    unsigned line;                  /**< 0: no tunnel configured */
};

/** Role relay. */
struct cfg_tls {
    char *ticket_keys; /**< path of a file of keys that relays share; NULL: our own */
    unsigned ticket_keys_line;
};

/** For the administrator. */
struct cfg_admin {
    char *socket; /**< path of a Unix socket; NULL: none */
    unsigned socket_line;
    struct cfg_listen *listen; /**< of the admin port */
    size_t listen_count;
    struct cfg_certificate identity; /**< with it the admin port speaks TLS */
    char *client_ca;                 /**< whose certificates may read there; NULL: nobody's */
    unsigned client_ca_line;
    char *token_file; /**< who knows the token in it may read there; NULL: there is none */
    unsigned token_file_line;
};

struct cfg_log {
    int level;  /**< enum cfg_log_level */
    int format; /**< enum cfg_log_format */
    char *file; /**< NULL: standard error */
    unsigned file_line;
};

/** One line for each request of a web door in mode "http". */
struct cfg_access {
    int lines;  /**< enum cfg_switch: whether there are any */
    char *file; /**< NULL: they go to the log, in its format */
    unsigned file_line;
    int format; /**< enum cfg_access_format: of the file */
    unsigned format_line;
    int query; /**< enum cfg_switch: whether lines hold the query */
};

/** Where an audit's lines go besides their file. */
enum cfg_syslog { CFG_SYSLOG_OFF = 0, CFG_SYSLOG_UDP, CFG_SYSLOG_TCP, CFG_SYSLOG_TLS, CFG_SYSLOG_UNIX };

enum cfg_on_failure { CFG_ON_FAILURE_CONTINUE = 0, CFG_ON_FAILURE_STOP };

/** Nothing is audited without `file` and without `syslog`. */
struct cfg_audit {
    char *file; /**< NULL: none */
    unsigned file_line;
    struct cfg_syslog_target {
        char *text;    /**< as written; NULL: none */
        int transport; /**< enum cfg_syslog */
        char *host;    /**< or the path of a Unix socket */
        char port[6];
    } syslog;
    unsigned syslog_line;
    char *ca; /**< for the receiver over TLS; NULL: those of the system */
    unsigned ca_line;
    char *key; /**< NULL: lines have a hash that anybody can make */
    unsigned key_line;
    int on_failure; /**< enum cfg_on_failure */
    unsigned line;  /**< of the group; 0: there is none */
};

struct cfg_limits {
    long connections; /**< accepted connections at one time, all listeners together */
    long per_client;  /**< of these, from one IP address; for clients behind agents, per identity */
    long greeting;    /**< of these, not yet through their TLS handshake and first frame */

    /* New connections a second; 0: any number. Web doors, links and the tunnel count apart (proxy/session/rate.h). */
    long rate;
    long rate_per_client;
    long handshakes; /**< of these, with TLS */
    long handshakes_per_client;
    long burst_s; /**< so many seconds' worth may come at once */

    /* Role relay, web doors in mode "http". */
    long head_bytes; /**< of a request or response */
    long fields;     /**< in it */
    long url_bytes;  /**< path and query */
    long body_bytes; /**< of a request; 0: any */
    long requests;   /**< on one connection; 0: any */
    long body_rate;  /**< bytes a second of a request's body, on average of timeouts.body_s; 0: any */
};

struct cfg_timeouts {
    long handshake_s;     /**< TLS handshake and first frame */
    long dial_ms;         /**< one connection attempt */
    long dead_peer_s;     /**< a peer that vanished is known after this */
    long idle_s;          /**< 0: never */
    long half_closed_s;   /**< 0: never; no byte in the remaining direction */
    long drain_s;         /**< after TERM */
    long resolve_s;       /**< pause between two look-ups of a name */
    long firewall_idle_s; /**< firewalls forget a connection that is silent for longer */

    /* Role relay, web doors in mode "http". */
    long head_s;          /**< from a request head's first byte to its last, before the first request from the start */
    long keep_alive_s;    /**< between two requests; 0: connections are not kept */
    long body_s;          /**< the longest pause within a request's body */
    long response_s;      /**< 0: never; until a response's first byte */
    long upstream_idle_s; /**< an unused connection to a server; 0: none is kept */
    long upgraded_s;      /**< 0: never; idle_s of connections that were upgraded */
};

struct cfg {
    char *file;               /**< the path it was read from */
    struct cfg_string *files; /**< the same, then the files that it includes */
    size_t files_count;
    unsigned holds;  /**< of who may outlive its generation (proxy/session/worker.h); atomic */
    bool is_partial; /**< something could not be read and is missing here: good for finding further mistakes only */

    int role;   /**< enum cfg_role */
    char *name; /**< an agent's name */
    unsigned name_line;

    struct cfg_web *web;
    size_t web_count;
    struct cfg_link *links;
    size_t links_count;
    struct cfg_tunnel tunnel;
    struct cfg_network *nat; /**< role relay: addresses behind which several clients stand */
    size_t nat_count;
    long intercept_port; /**< where TPROXY rules lead to */
    unsigned intercept_port_line;

    struct cfg_link *servers; /**< role agent, beside the server: what relays may ask for */
    size_t servers_count;
    const struct cfg_link *served; /**< the links whose server side is here: a relay's `links`, an agent's `servers` */
    size_t served_count;
    struct cfg_endpoint *relays; /**< role agent, in order of preference */
    size_t relays_count;
    struct cfg_certificate identity; /**< role agent: chain, key */
    char *ca;                        /**< role agent */
    long renew_days;                 /**< role agent: a certificate is renewed so long before its end; 0: never */
    unsigned ca_line;
    struct cfg_network *clients; /**< role agent: whom it may deliver to, and who may use its links */
    size_t clients_count;
    unsigned clients_line;
    struct port_range advise_ports; /**< role agent: the ports it may deliver to */
    unsigned advise_ports_line;
    struct address client_address; /**< role agent: of loopback clients, for the server side; unset: the one towards the relay */
    unsigned client_address_line;

    struct cfg_tls tls;
    struct cfg_admin admin;
    struct cfg_log log;
    struct cfg_access access;
    struct cfg_audit audit;
    struct cfg_limits limits;
    struct cfg_timeouts timeouts;
    long workers; /**< 0: one per core */
    char *user;   /**< NULL: stay who we are */
    char *state;  /**< folder */
    unsigned state_line;
};

/** True if these advises are taken up by the intercept listener, whatever port the server dials. */
static inline bool cfg_is_intercepted(const struct cfg_advise *advise)
{
    return advise->addressing == CFG_ADDRESSING_TRANSPARENT ||
           (advise->addressing == CFG_ADDRESSING_ALIAS && advise->any_port == CFG_ON);
}

/** The first entry whose advises this process intercepts; NULL: none. */
static inline const struct cfg_link *cfg_first_intercepted(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->served_count; i++)
        if (cfg->served[i].server.agent == NULL && cfg_is_intercepted(&cfg->served[i].advise))
            return &cfg->served[i];
    return NULL;
}
