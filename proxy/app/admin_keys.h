/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the admin port shows to its clients, and what they must show: its certificate, the CA of theirs, and the token.
 */
#pragma once

#include "config/model.h"
#include "config/problems.h"
#include "proxy/net/loop.h"
#include "tls/context.h"

struct admin_keys {
    struct tls_context *tls; /**< NULL: plain */
    char *token;             /**< NULL: none */
};

/** Reads what the configuration names; problems are added. `keys` is all zero before, `tickets` is borrowed. 0, or -1 if there
 * was one. */
int admin_keys_load(struct admin_keys *keys, const struct cfg *cfg, struct tls_tickets *tickets, struct cfg_problems *problems);

/** Forgets them. Idempotent. */
void admin_keys_fini(struct admin_keys *keys);

/** What was read anew, on its way to the thread that uses it. */
struct admin_renewal;

/** Reads the files anew; `in_use` belongs to the thread of admin_keys_use() and is not looked at. NULL: problems were added. */
struct admin_renewal *admin_keys_read(struct admin_keys *in_use, const struct cfg *cfg, struct tls_tickets *tickets,
                                      struct cfg_problems *problems);

/** **Takes** it: on that loop it takes the place of what is in use. */
void admin_keys_use(struct admin_renewal *renewal, struct loop *loop);

/** **Takes** it; NULL is ignored. */
void admin_keys_forget(struct admin_renewal *renewal);
