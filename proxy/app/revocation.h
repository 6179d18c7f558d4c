/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Revocation while the relay runs: the lists are read again when their files change, and agents whose certificate is on them are
 * cut off with everything that goes through their tunnels. There is one in a process. Main thread.
 */
#pragma once

#include "proxy/session/worker.h"
#include "proxy/tunnel/seats.h"

/** Watches the tunnel's `revoked` and `crl`; nothing if neither is set. All three are borrowed until revocation_stop().
 * `tickets`: whose sessions agents resume. 0, or -1 with errno. */
int revocation_start(struct site *site, struct seats *seats, struct tls_tickets *tickets);

/** Before `seats` are freed. Idempotent. */
void revocation_stop(void);
