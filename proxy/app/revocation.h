/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Revocation while the relay runs: the lists are read again when their files change, and agents whose certificate is on them are
 * cut off with everything that goes through their tunnels. There is one in a process. Main thread.
 */
#pragma once

#include "proxy/app/doors.h"
#include "proxy/tunnel/seats.h"

/**
 * Puts the lists that gates_load_revoked() has read into use, cuts whom they name, and watches the files of the site's newest
 * configuration instead of those before. `site` and `seats` are borrowed until revocation_stop(). 0; or -1 with errno: the lists
 * are in use, but nobody watches their files.
 */
int revocation_follow(struct site *site, struct seats *seats, struct gates *gates);

/** Before `seats` are freed. Idempotent. */
void revocation_stop(void);
