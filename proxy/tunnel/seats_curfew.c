/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the look at the agents' hours. Main loop. */
#include "proxy/tunnel/seats_curfew.h"

#include "proxy/session/curfew.h"

static void enforce(void *arg)
{
    struct seats_curfew *c = arg;

    for (size_t i = 0; i < c->cfg->tunnel.agents_count; i++)
        if (curfew_is_over(&c->cfg->tunnel.agents[i].schedule))
            seats_dismiss(c->seats, &c->cfg->tunnel.agents[i], REASON_OUT_OF_HOURS);
    deadline_set(&c->deadline, CURFEW_MS);
}

void seats_curfew_init(struct seats_curfew *c, struct loop *loop, const struct cfg *cfg, struct seats *seats)
{
    *c = (struct seats_curfew){.cfg = cfg, .seats = seats};
    deadline_init(&c->deadline, loop, enforce, c);
    if (curfew_is_set(cfg))
        deadline_set(&c->deadline, CURFEW_MS);
}

void seats_curfew_fini(struct seats_curfew *c)
{
    if (c->seats != NULL)
        deadline_clear(&c->deadline);
    c->seats = NULL;
}
