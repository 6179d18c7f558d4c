/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing. Any thread. */
#include "config/serving.h"

#include <string.h>

static bool is_named_in(const struct cfg_endpoint *list, size_t count, const char *agent)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].agent != NULL && strcmp(list[i].agent, agent) == 0)
            return true;
    return false;
}

static bool is_named_at(const struct cfg_web *web, const char *agent)
{
    if (is_named_in(web->upstream.servers, web->upstream.servers_count, agent))
        return true;
    for (size_t i = 0; i < web->upstreams_count; i++)
        if (is_named_in(web->upstreams[i].servers, web->upstreams[i].servers_count, agent))
            return true;
    return false;
}

bool cfg_agent_serves(const struct cfg *cfg, const char *agent)
{
    for (size_t i = 0; i < cfg->links_count && agent != NULL; i++)
        if (is_named_in(&cfg->links[i].server, 1, agent))
            return true;
    for (size_t i = 0; i < cfg->web_count && agent != NULL; i++)
        if (is_named_at(&cfg->web[i], agent))
            return true;
    return false;
}
