/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The configuration as plain data: what the file says after defaults are filled in and every rule is checked.
 *
 * No functions, no libconfig. The model is immutable once cfg_check() has passed it; every thread may read it. All times
 * are in the unit that the name says; all strings are owned by the model and live as long as it does.
 * Members named `line` (or ending in _line) are places for messages: the line in the file, 0 for a default. For what stands in an
 * included file the bits above CFG_LINE_BITS hold its index in cfg.files; the configuration file itself has index 0.
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
enum cfg_addressing { CFG_ADDRESSING_OFF = 0, CFG_ADDRESSING_ALIAS };
enum cfg_delivery { CFG_DELIVERY_AGENT = 0, CFG_DELIVERY_DIRECT };
enum cfg_log_level { CFG_LOG_ERROR = 0, CFG_LOG_WARN, CFG_LOG_INFO, CFG_LOG_DEBUG };
enum cfg_log_format { CFG_LOG_LOGFMT = 0, CFG_LOG_JSON };

/** Whom to connect to: an address, or a name that the resolver looks up. */
struct cfg_endpoint {
    char *text; /**< as written */
    char *host; /**< without port and brackets */
    uint16_t port;
    bool is_name;
    struct address address; /**< set unless is_name */
    unsigned line;
};

/** Where to listen. Port 0 lets the kernel choose (the log's ev=listen says which). */
struct cfg_listen {
    struct address address;
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

/** A web front door. Role relay. */
struct cfg_web {
    char *name;
    struct cfg_listen *listen;
    size_t listen_count;
    struct cfg_certificate *certificates;
    size_t certificates_count;
    int tls;  /**< enum cfg_tls_policy */
    int mode; /**< enum cfg_web_mode */
    unsigned mode_line;
    struct cfg_endpoint *servers;
    size_t servers_count;
    unsigned line;
};

/** A client that always gets the same address. */
struct cfg_pin {
    char *agent; /**< an agent's name, or "direct" */
    struct address client;
    struct address address;
    unsigned line;
};

/** How the server's dial-back finds its client. */
struct cfg_advise {
    int addressing; /**< enum cfg_addressing */
    int delivery;   /**< enum cfg_delivery: who takes it to a client that came without an agent */
    struct port_range ports;
    unsigned ports_line;
    struct cfg_pool *pool;
    size_t pool_count;
    struct cfg_pin *pins;
    size_t pins_count;
    struct cfg_network *from; /**< addresses besides the server's own that it may dial from */
    size_t from_count;
    long grace_s; /**< how long a lease and its advises outlive the last link */
    unsigned line;
};

/** A named way to one server node. On an agent only name and listen are used. */
struct cfg_link {
    char *name;
    struct cfg_listen *listen;
    size_t listen_count;
    struct cfg_endpoint server; /**< role relay */
    struct cfg_advise advise;   /**< role relay */
    unsigned line;
};

/** An agent that the relay knows: what it may ask for. */
struct cfg_agent {
    char *name;
    struct cfg_string *links;
    size_t links_count;
    struct cfg_network *clients;
    size_t clients_count;
    unsigned line;
};

/** The tunnel at the relay. */
struct cfg_tunnel {
    struct cfg_listen *listen; /**< may equal a web listener: then ALPN decides */
    size_t listen_count;
    struct cfg_certificate identity; /**< the relay's own certificate of the tunnel's CA */
    char *ca;
    unsigned ca_line;
    struct cfg_agent *agents;
    size_t agents_count;
    long heartbeat_ms; /**< pause between heartbeats; an end unheard of for three of them is dead */
    long spares;       /**< spare channels that each agent keeps open */
    unsigned line;     /**< 0: no tunnel configured */
};

struct cfg_log {
    int level;  /**< enum cfg_log_level */
    int format; /**< enum cfg_log_format */
    char *file; /**< NULL: standard error */
    unsigned file_line;
};

struct cfg_limits {
    long connections; /**< accepted connections at one time, all listeners together */
    long per_client;  /**< of these, from one IP address; for clients behind agents, per identity */
    long greeting;    /**< of these, not yet through their TLS handshake and first frame */
};

struct cfg_timeouts {
    long handshake_s;   /**< TLS handshake and first frame */
    long dial_ms;       /**< one connection attempt */
    long dead_peer_s;   /**< a peer that vanished is known after this */
    long idle_s;        /**< 0: never */
    long half_closed_s; /**< 0: never; no byte in the remaining direction */
    long drain_s;       /**< after TERM */
    long resolve_s;     /**< pause between two look-ups of a name */
};

struct cfg {
    char *file;               /**< the path it was read from */
    struct cfg_string *files; /**< the same, then the files that it includes */
    size_t files_count;
    bool is_partial; /**< something could not be read and is missing here: good for finding further mistakes only */

    int role;   /**< enum cfg_role */
    char *name; /**< an agent's name */
    unsigned name_line;

    struct cfg_web *web;
    size_t web_count;
    struct cfg_link *links;
    size_t links_count;
    struct cfg_tunnel tunnel;

    struct cfg_endpoint *relays; /**< role agent, in order of preference */
    size_t relays_count;
    struct cfg_certificate identity; /**< role agent: chain, key */
    char *ca;                        /**< role agent */
    unsigned ca_line;
    struct cfg_network *clients; /**< role agent: whom it may deliver to, and who may use its links */
    size_t clients_count;
    struct port_range advise_ports; /**< role agent: the ports it may deliver to */
    unsigned advise_ports_line;
    struct address client_address; /**< role agent: where loopback clients listen, if not on 127.0.0.1; may be unset */
    unsigned client_address_line;

    struct cfg_log log;
    struct cfg_limits limits;
    struct cfg_timeouts timeouts;
    long workers; /**< 0: one per core */
    char *user;   /**< NULL: stay who we are */
    char *state;  /**< folder */
    unsigned state_line;
};
