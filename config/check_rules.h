/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parts of cfg_check(), for check*.c alone: each looks at one noun and reports what it finds.
 */
#pragma once

#include "config/check.h"

struct check {
    const struct cfg *cfg;
    struct cfg_problems *problems;
};

enum check_owner { CHECK_OWNER_WEB, CHECK_OWNER_PLAIN, CHECK_OWNER_LINK, CHECK_OWNER_TUNNEL, CHECK_OWNER_ADMIN };

/** An address that is listened on from the start; advise ports are not among them. */
struct check_listener {
    const struct cfg_listen *listen;
    enum check_owner owner;
    const struct cfg_link *link; /**< CHECK_OWNER_LINK */
};

struct check_listeners {
    struct check_listener *list;
    size_t count;
};

/** The most ports that are listened on one by one. */
#define CHECK_PORTS_LISTENED 100

/** Room for "16000-17000" and for "10.20.0.32-10.20.0.63". */
#define CHECK_PORTS_TEXT 16
#define CHECK_POOL_TEXT  (2 * ADDRESS_TEXT)

/* check.c: what all rules use. */

/** Reports at a place of the model. Neither text has a full stop at its end. */
void check_report(const struct check *c, unsigned place, const char *remedy, const char *sentence, ...)
    __attribute__((format(printf, 4, 5)));

/** True for two names that were both read and are the same. */
bool check_same_name(const char *a, const char *b);

/** The name of a link for messages, also if it has none. */
const char *check_link_name(const struct cfg_link *link);

/** "link" or "server": what messages call an entry of cfg.served. */
const char *check_served_word(const struct check *c);

/** True for an endpoint that was read and is an address. */
bool check_has_address(const struct cfg_endpoint *endpoint);

bool check_same_family(const struct address *a, const struct address *b);

/** True if two addresses can't both be listened on at one port: the same, or one is that of all addresses of the family. */
bool check_same_place(const struct address *a, const struct address *b);

bool check_ports_overlap(const struct port_range *a, const struct port_range *b);

/** True for more than a Sockets range can have: ports that nobody could listen on all at once. */
bool check_is_wide(const struct port_range *ports);

/** "5500-5509" or "5500". Returns `text`. */
const char *check_ports_format(const struct port_range *ports, char text[CHECK_PORTS_TEXT]);

/* check_agents.c */

/** The agent that the relay knows by this name, or NULL. */
const struct cfg_agent *check_find_agent(const struct cfg *cfg, const char *name);

/** True if this agent may open this link. */
bool check_agent_has_link(const struct cfg_agent *agent, const char *link);

/** The relay's agents: their names, what they may do, and that there is something. */
void check_agents(const struct check *c);

/** A client that one setting of a link is for: it can come, and advises can be told from those of others. At a relay only. */
void check_client(const struct check *c, const struct cfg_link *link, const char *agent, const struct address *client,
                  unsigned place);

/** Addresses behind which several clients stand. */
void check_nat(const struct check *c);

/* check_endpoints.c */

/** Servers of one list, none twice, and agents that there are. */
void check_endpoints(const struct check *c, const struct cfg_endpoint *list, size_t count);

/** The server of each link, and those of an agent. */
void check_link_servers(const struct check *c);

/* check_routes.c, check_web.c */

/** Fills in `to` of all routes of all web doors; it stays NULL where there is no upstream of the name. */
void check_link_routes(struct cfg *cfg);

/** Web doors: what belongs together in each. */
void check_web(const struct check *c);

/** The routes, the allow-list and the upstreams of one web door in mode "http". */
void check_routes(const struct check *c, const struct cfg_web *web);

/** The name of a web door for messages, also if it has none. */
const char *check_door_name(const struct cfg_web *web);

/* check_listeners.c, check_ranges.c, check_intercept.c */

/** Listeners against each other, against advise ports, and against the servers that are dialled. */
void check_listeners(const struct check *c);

/** Links over ranges of ports: what they need, and that nothing else is to arrive at these ports. */
void check_ranges(const struct check *c, const struct check_listeners *all);

/** The port that TPROXY rules lead to, if there are such rules: nothing else is to arrive there. */
void check_intercept(const struct check *c, const struct check_listeners *all);

/* check_advises.c and the files that each know one addressing */

/** Addressing of all links, or of all servers of an agent. */
void check_advises(const struct check *c);

/** True if advises of this kind are taken up at one of these ports of an address that is listened on. */
bool check_takes_advises_at(const struct cfg_advise *advise, const struct address *listen, const struct port_range *ports);

/** Addressing "alias": pools and pins of one of cfg.served. */
void check_pools(const struct check *c, size_t index);

/** Addressing "transparent": clients that could be taken for each other. */
void check_transparent(const struct check *c);

/** Addressing "ports": the clients of a link. */
void check_port_clients(const struct check *c, const struct cfg_link *link);

/** Addressing "rewrite": the rule of a link, and the ports that stand for others. */
void check_rewrite(const struct check *c, const struct cfg_link *link);

/** Addressing "ports" and "rewrite": each port of an address stands for one client. */
void check_port_owners(const struct check *c);

/* check_admin.c */

/** The admin port: other machines are to reach it over TLS only, and to say who they are. */
void check_admin(const struct check *c);
/* check_audit.c */

/** The audit log: that its lines go somewhere, and to a file of their own. */
void check_audit(const struct check *c);

/* check_files.c */

/** Certificates, keys, CAs, the state folder, the folders of log and access log and of the control socket. */
void check_files(const struct check *c);
