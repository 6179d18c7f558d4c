/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who listens on an address already, as far as we may see it. For commands.
 */
#pragma once

#include "proxy/base/address.h"

#include <sys/types.h>

struct holder {
    uid_t uid;
    long pid;         /**< 0: we may not see it, or there is none */
    char program[64]; /**< its name; empty if `pid` is 0 */
};

/** Finds a listener that keeps others off this address and port. False if there is none. */
bool holder_find(const struct address *address, struct holder *ret);
