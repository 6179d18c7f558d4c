/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Certificates, keys and CAs that change on disk while georelay runs: new handshakes get the new ones, connections go on.
 *
 *     ev=certificate_loaded           what is on disk is in use
 *     ev=certificate_bad error=…      it is no good: what was read before stays in use, until a change makes it right
 *
 * There is one in a process. Main thread.
 */
#pragma once

#include "proxy/app/generation.h"

/**
 * Watches the files of this generation's configuration, the newest, instead of those before. Without memory or watches it says so
 * in the log, and certificates are read at a reload only. `g` is borrowed until another is followed, or certificates_stop().
 */
void certificates_follow(struct generation *g);

/** Idempotent. */
void certificates_stop(void);
