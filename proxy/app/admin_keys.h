/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the admin port shows to its clients, and what they must show: its certificate, the CA of theirs, and the token.
 */
#pragma once

#include "config/model.h"
#include "config/problems.h"
#include "tls/context.h"

struct admin_keys {
    struct tls_context *tls; /**< NULL: plain */
    struct tls_tickets *tickets;
    char *token; /**< NULL: none */
};

/** Reads what the configuration names; problems are added. `keys` is all zero before, but for tickets to go on with. 0, or -1 if
 * there was one. */
int admin_keys_load(struct admin_keys *keys, const struct cfg *cfg, struct cfg_problems *problems);

/** Forgets them. Idempotent. */
void admin_keys_fini(struct admin_keys *keys);
