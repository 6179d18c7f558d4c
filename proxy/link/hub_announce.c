/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way of an announced port from a worker to the main loop and back. */
#include "proxy/link/hub_parts.h"

#include "proxy/link/lease_door.h"

#include <stdlib.h>

struct announcement {
    struct mail mail;
    struct hub *hub;
    struct session_handle session;
    const struct cfg_link *link;
    struct identity identity;
    uint64_t serial; /* of the lease */
    uint16_t port;
    uint16_t ours; /* the answer */
    enum reason why;
    void (*answered)(struct session *s, uint16_t port, enum reason why);
};

static void announcement_drop(struct mail *m)
{
    free(m);
}

static struct lease *lease_of(const struct announcement *a)
{
    return hub_lease(a->hub, a->link, &a->identity, a->serial);
}

static void withdraw_on_main(struct mail *m, struct loop *loop)
{
    struct announcement *a = (struct announcement *)m;
    struct lease *lease = lease_of(a);

    (void)loop;
    if (lease != NULL)
        lease_withdraw(lease, a->port);
    free(a);
}

static void answer_on_worker(struct mail *m, struct loop *loop)
{
    struct announcement *a = (struct announcement *)m;
    struct session *s = worker_find(worker_of(loop), a->session);

    if (s == NULL || s->state == SESSION_CLOSING) {
        if (a->why != REASON_NONE) {
            free(a);
            return;
        }
        /* It has ended meanwhile: the port goes straight back. */
        a->mail.deliver = withdraw_on_main;
        loop_post(a->hub->loop, &a->mail);
        return;
    }
    if (a->why == REASON_NONE)
        s->ask.announced = a->port;
    a->answered(s, a->ours, a->why);
    session_update(s);
    free(a);
}

static void announce_on_main(struct mail *m, struct loop *loop)
{
    struct announcement *a = (struct announcement *)m;
    struct lease *lease = lease_of(a);

    (void)loop;
    a->why = lease != NULL ? lease_announce(lease, a->port, &a->ours) : REASON_LEASE_ENDED;
    a->mail.deliver = answer_on_worker;
    site_post(a->hub->site, a->session.worker, &a->mail);
}

void hub_announce(struct session *s, uint16_t announced, void (*answered)(struct session *s, uint16_t port, enum reason why))
{
    struct announcement *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        answered(s, 0, REASON_NO_MEMORY);
        return;
    }
    a->mail.deliver = announce_on_main;
    a->mail.drop = announcement_drop;
    a->hub = s->worker->site->hub;
    a->session = s->handle;
    a->link = s->ask.link;
    a->identity = identity_of(&s->ask);
    a->serial = s->ask.lease;
    a->port = announced;
    a->answered = answered;
    loop_post(s->worker->site->main, &a->mail);
}
