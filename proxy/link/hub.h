/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The hub: the server side's memory, on the main loop. Leases and their advise listeners, and who may have them.
 *
 * Workers ask by mail for every link that needs a lease or comes through a tunnel (hub_ask()), are answered by mail, and give the
 * lease back when the session ends (hub_give_back()). While a lease is active the hub listens on its advise ports; what the
 * server opens there becomes an advise call and goes to a carrier. When the last link of an identity has ended and the grace
 * time is over, the listeners close and the advises of the lease end.
 */
#pragma once

#include "proxy/link/carrier.h"
#include "proxy/link/lease.h"
#include "proxy/session/hosts.h"

struct hub {
    struct loop *loop;
    struct site *site;
    const struct cfg *cfg;
    struct hosts hosts;         /**< the main loop's copy */
    struct lease_table *tables; /**< one per link of the configuration */
    uint64_t serial;            /**< of the last activation */
    unsigned listeners_count;   /**< open advise listeners */
    unsigned next_worker;
    char *state_path; /**< NULL: nothing to keep */
    bool is_loaded;   /**< the state file was read (or is new): it may be written */
    bool is_saving;
    bool is_dirty;
    struct deadline save;
    struct log_window strangers; /**< refused advises of others than the server */
    struct log_window failures;  /**< advise listeners that could not be opened */
    struct advise_carrier local;
    struct advise_carrier tunnel; /**< can_deliver is NULL without a tunnel */
};

/** Loads the state file. 0, or -1 with errno. `site` is borrowed until hub_fini(). Main thread, before workers run. */
int hub_init(struct hub *h, struct loop *loop, struct site *site);

/** Closes listeners, writes the state file. Main thread, after workers have ended. */
void hub_fini(struct hub *h);

/** Asks for a session's link: the answer is server_side_granted() or session_refuse(), on the worker. Worker's thread. */
void hub_ask(struct session *s);

/** The session that held this lease has ended. Worker's thread. */
void hub_give_back(struct worker *w, const struct cfg_link *link, const struct session_ask *ask);

/** True if the lease that an advise belongs to is still active. Main thread. */
bool hub_has_lease(const struct hub *h, const struct session_ask *ask);

/** Active leases of all links. Main thread. */
size_t hub_active_leases(const struct hub *h);

/** A worker for the next advise, in turn. Main thread. */
struct worker *hub_pick_worker(struct hub *h);
