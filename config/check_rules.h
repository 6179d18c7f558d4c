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

/** Listeners against each other, against advise ports, and against the servers that are dialled. */
void check_listeners(const struct check *c);

/** Addressing, pools and pins of all links. */
void check_advises(const struct check *c);

/** Certificates, keys, the state folder, the log's folder. */
void check_files(const struct check *c);
