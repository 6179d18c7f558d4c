/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which sessions belong to a schedule. On the worker; the questions on any thread. */
#include "proxy/session/curfew.h"

#include "proxy/session/admit.h"
#include "proxy/session/session.h"

#include <string.h>

static bool closes(const struct cfg_schedule *schedule)
{
    return schedule->hours_count > 0 && schedule->end == CFG_HOURS_END_CLOSE;
}

bool curfew_is_set(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        if (closes(&cfg->links[i].schedule))
            return true;
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (closes(&cfg->tunnel.agents[i].schedule))
            return true;
    return false;
}

bool curfew_is_over(const struct cfg_schedule *schedule)
{
    return closes(schedule) && admit_hours(schedule) != REASON_NONE;
}

/* The client's agent, the one at the other end of this channel, and the one that dials the server. */
static bool concerns(const struct session *s, const struct cfg_agent *agent)
{
    const struct cfg_link *link = s->ask.link;

    return (s->ask.agent != NULL && strcmp(s->ask.agent->name, agent->name) == 0) || strcmp(s->ask.behind, agent->name) == 0 ||
           (link != NULL && link->server.agent != NULL && strcmp(link->server.agent, agent->name) == 0);
}

/* By name: an advise may be of a generation before. */
static bool is_of(const struct session *s, const struct cfg_link *link)
{
    return s->ask.link != NULL && strcmp(s->ask.link->name, link->name) == 0;
}

static void end_all(struct worker *w, const struct cfg_link *link, const struct cfg_agent *agent)
{
    struct session *s, *next;

    for (s = TAILQ_FIRST(&w->sessions); s != NULL; s = next) {
        next = TAILQ_NEXT(s, entry);
        if (link != NULL ? is_of(s, link) : concerns(s, agent))
            session_close(s, REASON_OUT_OF_HOURS);
    }
}

void curfew_enforce(struct worker *w)
{
    const struct cfg *cfg = w->cfg;

    for (size_t i = 0; i < cfg->links_count; i++)
        if (curfew_is_over(&cfg->links[i].schedule))
            end_all(w, &cfg->links[i], NULL);
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (curfew_is_over(&cfg->tunnel.agents[i].schedule))
            end_all(w, NULL, &cfg->tunnel.agents[i]);
}
