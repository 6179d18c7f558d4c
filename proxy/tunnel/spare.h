/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The agent's end of a spare channel: opened towards a relay, kept alive, turned into an advise or a link when the relay asks.
 *
 * docs/tunnel-protocol.md, sections 4 and 5. Every right of the relay is checked here: it can reach the configured clients and
 * advise ports, and the servers of the configuration, and nothing else. On workers, but for spare_open().
 */
#pragma once

#include "proxy/session/worker.h"
#include "proxy/wire/frame.h"

/** Has worker `w` open a spare channel. False without memory. Its end is told by uplinks_spare_done(). Main loop. */
bool spare_open(struct worker *w, unsigned relay, const struct address *to, const uint8_t instance[FRAME_INSTANCE]);

/** Closes all spare channels of a worker that retires. Its thread. */
void spare_close_all(struct worker *w);

/** Closes this worker's spare channels to a relay that do not belong to `instance`. Worker's thread. */
void spare_close_stale(struct worker *w, unsigned relay, const uint8_t instance[FRAME_INSTANCE]);
