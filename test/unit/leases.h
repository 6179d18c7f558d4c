/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Short words for tests about leases: addresses, identities, a link with a pool. Failures stop the program.
 */
#pragma once

#include "proxy/link/lease.h"

#include <assert.h>

static inline struct address at(const char *text)
{
    struct address a = {0};

    if (address_parse(text, &a) != 0)
        assert(false && "a good address");
    return a;
}

static inline struct identity who(const struct cfg_agent *agent, const char *client)
{
    struct identity identity = {.client = at(client)};

    if (agent != NULL)
        strcpy(identity.behind, agent->name);
    return identity;
}

static inline struct cfg_pool pool(const char *range)
{
    struct cfg_pool p = {0};

    if (address_range_parse(range, &p.range) != 0)
        assert(false && "a good range");
    return p;
}
