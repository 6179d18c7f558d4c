/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `georelay learn`: watches links with addressing "alias", to find out how their clients announce the advise port.
 *
 * A gate of each such session (proxy/net/pump.h) copies the first PORT_FIND_BYTES of its up direction and sends them to the main
 * loop, where also the hub tells which ports the server dialled (proxy/link/learn_store.h). Nothing is held back or changed.
 *
 * Where learn_begin() was not called, as in `georelay run`, all the other calls do nothing.
 */
#pragma once

#include "proxy/link/hub.h"
#include "proxy/link/learn_store.h"

/** When to end without a signal. */
struct learn_goal {
    size_t links; /**< so many links with a port that was dialled, and one rule that fits; 0: never */
    uint64_t ms;  /**< after that time; 0: never */
};

/** From now on links are watched. 0, or -1 without memory. Main thread, before there are workers. */
int learn_begin(const struct learn_goal *goal);

/** Hears from the hub, and stops its loop when the goal is reached. Main thread, before workers run. */
void learn_attach(struct hub *hub);

/** No longer. Main thread, before hub_fini(). */
void learn_detach(void);

/** The back is greeted, and the next step is session_relay(): watches the link if it is to be. False without memory. Worker's
 * thread. */
bool learn_watch(struct session *s);

/** True if this link's clients are watched. */
bool learn_is_about(const struct cfg_link *link);

/** What was seen; valid until learn_end(). Main thread, after learn_detach(). */
const struct learn_store *learn_seen(void);

/** Wipes what was seen. Main thread, after workers and main loop have ended. */
void learn_end(void);
