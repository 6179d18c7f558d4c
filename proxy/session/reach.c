/* SPDX-License-Identifier: Apache-2.0 */
/* Owns who is asked for such streams. Set once at the start, then read by every thread. */
#include "proxy/session/reach.h"

#include <sys/random.h>

static const struct reach_ops *the_ops;

void reach_init(const struct reach_ops *ops)
{
    the_ops = ops;
}

struct reaching *reach_start(struct loop *loop, const struct reach_for *what, reached_fn *reached, void *arg)
{
    return the_ops != NULL ? the_ops->start(loop, what, reached, arg) : NULL;
}

void reach_forget(struct reaching *r)
{
    if (r != NULL)
        the_ops->forget(r);
}

uint64_t reach_draw_id(uint64_t fallback)
{
    uint64_t id;

    return getrandom(&id, sizeof(id), 0) == sizeof(id) && id != 0 ? id : fallback;
}
