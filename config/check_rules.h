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

/** Reports at a place of the model. Neither text has a full stop at its end. */
void check_report(const struct check *c, unsigned place, const char *remedy, const char *sentence, ...)
    __attribute__((format(printf, 4, 5)));

/** True for two names that were both read and are the same. */
bool check_same_name(const char *a, const char *b);

/** The agent that the relay knows by this name, or NULL. */
const struct cfg_agent *check_find_agent(const struct cfg *cfg, const char *name);

/** True if this agent may open this link. */
bool check_agent_has_link(const struct cfg_agent *agent, const char *link);

/** Servers of one list, none twice. */
void check_endpoints(const struct check *c, const struct cfg_endpoint *list, size_t count);

/** Fills in `to` of all routes of all web doors; it stays NULL where there is no upstream of the name. */
void check_link_routes(struct cfg *cfg);

/** Web doors: what belongs together in each. */
void check_web(const struct check *c);

/** The routes, the allow-list and the upstreams of one web door in mode "http". */
void check_routes(const struct check *c, const struct cfg_web *web);

/** The name of a web door for messages, also if it has none. */
const char *check_door_name(const struct cfg_web *web);

/** Listeners against each other, against advise ports, and against the servers that are dialled. */
void check_listeners(const struct check *c);

/** Addressing, pools and pins of all links. */
void check_advises(const struct check *c);

/** Certificates, keys, CAs, the state folder, the folders of log and access log. */
void check_files(const struct check *c);
