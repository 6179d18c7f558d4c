/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The hub: the server side's memory, on the main loop. Leases and where their advises are caught, and who may have them. It works
 * the same at a relay and at an agent beside the server; who delivers is the business of its carriers.
 *
 * Workers ask by mail for every link that needs a lease or comes through a tunnel (hub_ask()), are answered by mail, and give the
 * lease back when the session ends (hub_give_back()). While a lease is active the hub catches what the server dials: it
 * listens on the advise ports of the lease (proxy/link/catcher.h), or a TPROXY rule leads to it what was dialled
 * (proxy/link/intercept.h). What the server opens becomes an advise call and goes to a carrier. When the last link of an identity
 * has ended and the grace time is over, the listeners close and the advises of the lease end.
 */
#pragma once

#include "proxy/link/carrier.h"
#include "proxy/link/hub_sockets.h"
#include "proxy/link/lease.h"
#include "proxy/session/hosts.h"

/** Somebody on the main loop who wants to hear of every advise that arrives (`georelay learn`). */
struct hub_observer {
    /** `port` is the one that the server dialled; also called for those that nobody takes up (ev=advise_missed). */
    void (*advise)(void *arg, const struct identity *identity, const struct cfg_link *link, uint16_t port);
    void *arg;
};

/**
 * The links of one configuration whose server side is here, with their leases and the main loop's copy of the host table. The
 * newest are the hub's `links`; older ones stay for leases that had no place in the newer tables, until those end.
 */
struct hub_links {
    struct hub_links *older;
    const struct cfg *cfg; /**< held */
    struct hosts hosts;
    struct lease_table *tables; /**< one per link that is served */
};

/** NULL without memory. Main thread. */
struct hub_links *hub_links_new(const struct cfg *cfg);

/** Before it is the hub's. NULL is ignored. */
void hub_links_free(struct hub_links *links);

/** Places of the hub's indexes; a power of two. */
#define HUB_PLACES 4096

struct catcher;
struct intercept;
struct syn_watch;

struct hub {
    struct loop *loop;
    struct site *site;
    const struct cfg *cfg; /**< the newest */
    struct hub_links *links;
    uint64_t serial;                      /**< of the last activation */
    struct lease *active[HUB_PLACES];     /**< active leases by address (proxy/link/arrival.h) */
    struct catcher *catchers[HUB_PLACES]; /**< by address and port */
    unsigned listeners_count;             /**< open advise listeners */
    struct intercept *intercept;          /**< or NULL */
    struct syn_watch *syn_watch;          /**< or NULL */
    unsigned next_worker;
    char *state_path; /**< NULL: nothing to keep */
    bool is_loaded;   /**< the state file was read (or is new): it may be written */
    bool is_saving;
    bool is_dirty;
    bool is_ending; /**< only mails that are on their way are still read: nothing is granted any more */
    bool is_island; /**< nobody's advises are taken: proxy/app/island.h */
    struct deadline save;
    struct log_window strangers;         /**< refused advises: of others than the server, or without a lease */
    struct log_window missed;            /**< advises that nobody takes up */
    struct log_window failures;          /**< advise listeners that could not be opened */
    const struct hub_observer *observer; /**< NULL: none; borrowed */
    struct advise_carrier local;
    struct advise_carrier tunnel; /**< can_deliver is NULL without a tunnel */
};

/**
 * Loads the state file, takes the sockets. 0, or -1 with errno. `site` is borrowed until hub_fini(). Main thread, before workers
 * run.
 */
int hub_init(struct hub *h, struct loop *loop, struct site *site, struct hub_sockets *sockets);

/**
 * A newer configuration counts from now on: active leases go to the table of their link's name, if that could have given them;
 * the others stay as they are till they end. **Takes** `links`, and of the sockets what it has no use for already; can't fail.
 */
void hub_move(struct hub *h, struct hub_links *links, struct hub_sockets *sockets);

/** Closes listeners, writes the state file. Main thread, after workers have ended. */
void hub_fini(struct hub *h);

/** Asks for a session's link: the answer is server_side_granted() or session_refuse(), on the worker. Worker's thread. */
void hub_ask(struct session *s);

/** True if this client connects straight to the relay, from an address (`nat`) behind which there are several. Main thread. */
bool hub_is_behind_nat(const struct hub *h, const struct identity *identity);

/** The session that held this lease has ended. Worker's thread. */
void hub_give_back(struct worker *w, const struct cfg_link *link, const struct session_ask *ask);

/**
 * Addressing "rewrite": the session, which holds a lease, has read that its client listens on `announced`. The hub finds a port
 * of relay_ports that stands for it (the same for the same client and port while the lease lives) and listens there. The answer
 * is a call of `answered` on the session's worker, followed by session_update(); `port` is 0 if it is refused. If the session
 * ends first, nobody is called. Once per session. Worker's thread.
 */
void hub_announce(struct session *s, uint16_t announced, void (*answered)(struct session *s, uint16_t port, enum reason why));

/** True if the lease that an advise belongs to is still active. Main thread. */
bool hub_has_lease(const struct hub *h, const struct session_ask *ask);

/** Active leases of all links. Main thread. */
size_t hub_active_leases(const struct hub *h);

/** A worker for the next advise, in turn. Main thread. */
struct worker *hub_pick_worker(struct hub *h);
