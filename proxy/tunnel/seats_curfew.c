/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the look at the agents' hours. Main loop. */
#include "proxy/tunnel/seats_curfew.h"

#include "proxy/session/curfew.h"

static void enforce(void *arg)
{
    struct seats_curfew *c = arg;

    const struct cfg_tunnel *tunnel = &c->site->cfg->tunnel;

    for (size_t i = 0; i < tunnel->agents_count; i++)
        if (curfew_is_over(&tunnel->agents[i].schedule))
            (void)seats_cut(c->seats, tunnel->agents[i].name, REASON_OUT_OF_HOURS);
    deadline_set(&c->deadline, CURFEW_MS);
}

void seats_curfew_init(struct seats_curfew *c, struct loop *loop, struct site *site, struct seats *seats)
{
    *c = (struct seats_curfew){.site = site, .seats = seats};
    deadline_init(&c->deadline, loop, enforce, c);
    seats_curfew_move(c);
}

void seats_curfew_move(struct seats_curfew *c)
{
    if (curfew_is_set(c->site->cfg))
        deadline_set(&c->deadline, CURFEW_MS);
    else
        deadline_clear(&c->deadline);
}

void seats_curfew_fini(struct seats_curfew *c)
{
    if (c->seats != NULL)
        deadline_clear(&c->deadline);
    c->seats = NULL;
}
