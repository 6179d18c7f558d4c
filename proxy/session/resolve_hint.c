/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the mail that carries a hint. Sent on a worker, taken on the main loop. */
#include "proxy/session/resolve_hint.h"

#include <stdlib.h>

struct hint {
    struct mail mail;
    const struct cfg_endpoint *endpoint;
};

static resolve_hint_fn *take_hint;
static void *take_arg;

void resolve_hint_init(resolve_hint_fn *take, void *arg)
{
    take_hint = take;
    take_arg = arg;
}

static void hint_deliver(struct mail *m, struct loop *loop)
{
    (void)loop;
    if (take_hint != NULL)
        take_hint(take_arg, ((struct hint *)m)->endpoint);
    free(m);
}

static void hint_drop(struct mail *m)
{
    free(m);
}

void resolve_hint(struct worker *w, const struct cfg_endpoint *endpoint)
{
    struct hint *hint;

    if (!endpoint->is_name)
        return;
    hint = calloc(1, sizeof(*hint));
    if (hint == NULL)
        return; /* the regular look-up will do */
    hint->mail.deliver = hint_deliver;
    hint->mail.drop = hint_drop;
    hint->endpoint = endpoint;
    loop_post(w->site->main, &hint->mail);
}
