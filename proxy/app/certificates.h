/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Certificates, keys, CAs and ticket keys that change on disk while georelay runs: new handshakes get the new ones, connections
 * go on.
 *
 *     ev=certificate_loaded           what is on disk is in use
 *     ev=certificate_bad error=…      it is no good: what was read before stays in use, until a change makes it right
 *
 * There is one in a process. Main thread.
 */
#pragma once

#include "proxy/app/generation.h"

/**
 * Uses the ticket keys of this generation, the newest, and watches its configuration's files instead of those before. Without
 * memory or watches it says so in the log, and certificates are read at a reload only. `g` is borrowed until another is followed,
 * or certificates_stop().
 */
void certificates_follow(struct generation *g);

/** Reads the files now, if they have changed; for whoever can't wait, and where no watch sees it. */
void certificates_look(void);

/** Idempotent. */
void certificates_stop(void);
