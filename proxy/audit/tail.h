/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The end of an audit log that is there already: its last whole line, and what a power loss may have left behind it.
 */
#pragma once

#include "proxy/audit/chain.h"

struct tail {
    int64_t size;                /**< of the file */
    bool has_line;               /**< there is a whole line that has the form of one */
    bool is_genuine;             /**< and its hash is right */
    struct chain_place place;    /**< that line's */
    size_t torn;                 /**< bytes behind the last newline; 0: none */
    char torn_hash[DIGEST_TEXT]; /**< SHA-256 of these */
};

/** 0, or -1 with errno. */
int tail_read(const char *path, const struct audit_key *key, struct tail *ret);
