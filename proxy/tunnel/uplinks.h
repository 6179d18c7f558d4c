/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The agent's relays: a control channel to each, kept up for ever, and the spare channels that each relay wants. On the main
 * loop.
 *
 * docs/tunnel-protocol.md, section 3. Workers are told by mail which relays are up (worker.relays).
 */
#pragma once

#include "proxy/session/worker.h"
#include "proxy/wire/frame.h"

struct uplinks;
struct renewing;

/** NULL without memory. `hosts` is the main loop's copy, borrowed until uplinks_free(). Dials at once. */
struct uplinks *uplinks_new(struct loop *loop, struct site *site, struct hosts *hosts);

/**
 * The site has moved to a newer configuration: relays are its relays, by what is written there. Those that stay keep their
 * control channels and get new spare channels on the new workers; `hosts` is now the main loop's copy.
 */
void uplinks_move(struct uplinks *u, struct hosts *hosts);

/** Tells a worker that does not run yet which relays are up. */
void uplinks_show(const struct uplinks *u, struct worker *w);

/** Says BYE to all. NULL is ignored. */
void uplinks_free(struct uplinks *u);

/** True if the control channel of this instance is up. */
bool uplinks_has(const struct uplinks *u, const uint8_t instance[FRAME_INSTANCE]);

/** How many control channels are up, and how many spare channels are open or being opened. */
unsigned uplinks_up(const struct uplinks *u);
unsigned uplinks_spares(const struct uplinks *u);

/** A relay of the configuration as it is now. */
struct uplink_look {
    const struct cfg_endpoint *relay;
    bool is_up;
    bool is_draining;
    const struct address *peer; /**< NULL: down */
    const char *version;        /**< of its program; NULL: down. For the length of the call */
    unsigned protocol;          /**< version of it that both speak; 0: down */
    enum reason why;            /**< of the last end; NONE: it is up, or never was */
    uint64_t since_ms;          /**< of clock_ms(): up since */
    uint64_t round_us;          /**< of the last heartbeat; 0: unknown */
    unsigned spares;            /**< open or being opened */
};

typedef void uplink_look_fn(void *arg, const struct uplink_look *look);

/** Calls `found` for each relay. NULL has none. */
void uplinks_look(const struct uplinks *u, uplink_look_fn *found, void *arg);

/** A spare channel was taken by the relay, or ended otherwise. From its worker, by mail. */
void uplinks_spare_done(struct worker *w, unsigned relay, const uint8_t instance[FRAME_INSTANCE], bool is_taken);

/** Who renews the agent's certificate; borrowed. */
void uplinks_set_renewing(struct uplinks *u, struct renewing *renewing);

/** An island (proxy/app/island.h) has no relays: closes all control channels and dials none, until it is over. How many there
 * were. NULL has none. */
unsigned uplinks_set_island(struct uplinks *u, bool is_island);

/** Set once, before workers run: the uplinks that uplinks_spare_done() reports to. */
void uplinks_set_receiver(struct uplinks *u);
