/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reload: from the running generation to one of the file as it is now, or nothing changes (docs/design.md, section 7). Owns all
 * generations but the first one's configuration and gates. Main thread.
 *
 *     ev=reloaded generation=2 changed=links,limits.per_client hash_before=… hash=…
 *                                                                 from now on every new connection is served so; with
 *                                                                 changed=none the generation is the one before
 *     ev=reload_failed file=… line=… error=… remedy=… problems=3  nothing has changed; ev=reload_problem tells of each further
 * one
 */
#pragma once

#include "proxy/app/generation.h"
#include "proxy/tunnel/seats.h"
#include "proxy/tunnel/seats_curfew.h"
#include "proxy/tunnel/uplinks.h"

#define RELOAD_CHANGED 512

struct reload {
    struct site *site;
    struct hub *hub;
    struct seats *seats;         /**< or NULL */
    struct uplinks *uplinks;     /**< or NULL */
    struct seats_curfew *curfew; /**< or NULL */
    struct tls_tickets *tickets;
    const char *forbidden; /**< why there is none here; NULL: there is */
    TAILQ_HEAD(, generation) all;
    struct generation *now;
    struct generation *first;
    unsigned made; /**< generations so far */

    /* private */
    struct generation *next; /* waits for its names, or for the doors of the one before */
    bool is_committed;
    bool is_same;   /* no setting has another value */
    bool is_wanted; /* again, when this one is over */
    uint64_t names_until_ms;
    uint64_t begun_ms;
    struct hub_sockets sockets;
    struct admin_renewal *admin; /* NULL: nothing to be taken over */
    char changed[RELOAD_CHANGED];
    char hash_before[DIGEST_TEXT];
    struct deadline look;
    struct deadline tidy;
};

/** `first` runs already, or will; it is the caller's storage until reload_fini(). */
void reload_init(struct reload *r, struct loop *loop, struct generation *first);

/** HUP. One that comes while another is under way makes one more, afterwards. */
void reload_begin(struct reload *r);

/** georelay is stopping: one that is not committed yet is given up. */
void reload_abandon(struct reload *r);

/** After the main loop has ended, and all generations with generation_end(). */
void reload_fini(struct reload *r);

/** A worker has ended (site.gone). */
void reload_worker_gone(void *arg, struct worker *w);
