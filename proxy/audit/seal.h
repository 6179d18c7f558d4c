/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The seal: a small file beside the audit log, in the state folder, that says how far the chain had come when it was written.
 * Without it nobody could see that the last lines were cut off. It is replaced as a whole, at most SEAL_MS after a line and when
 * georelay stops, and only after the lines themselves are on the disk: a power loss never looks like a cut.
 */
#pragma once

#include "proxy/audit/chain.h"

#define SEAL_NAME "audit.seal"
#define SEAL_MS   5000

enum seal_state {
    SEAL_GOOD,    /**< and `ret` says how far the chain had come */
    SEAL_MISSING, /**< there is no such file */
    SEAL_WRONG,   /**< it was changed, cut, or made with another key */
    SEAL_UNREAD,  /**< see errno */
};

enum seal_state seal_read(const char *path, const struct audit_key *key, struct chain_place *ret);

/** 0, or -1 with errno, and then the old one is still there. */
int seal_write(const char *path, const struct audit_key *key, const struct chain_place *place);
