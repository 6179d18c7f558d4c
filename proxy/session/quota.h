/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Counts accepted connections against limits.connections, limits.per_client and limits.greeting, across all workers.
 *
 * The table of clients is shared and has a lock: a limit per client that each worker counted for itself would be wrong by the
 * number of workers, and the lock is held for one look-up at a connection's start and end only. Any thread.
 */
#pragma once

#include "config/model.h"
#include "proxy/base/reason.h"

struct quota;

/** NULL without memory. */
struct quota *quota_new(const struct cfg_limits *limits);

/** Other limits from now on; who is inside stays. Any thread. */
void quota_set_limits(struct quota *q, const struct cfg_limits *limits);

void quota_free(struct quota *q);

/**
 * A connection from outside was accepted; `is_greeting`: it has a TLS handshake or a first frame before it. REASON_NONE: it
 * counts until quota_leave(). Else LIMIT_CONNECTIONS or LIMIT_GREETING.
 */
enum reason quota_enter(struct quota *q, bool is_greeting);

/** Its greeting is over, well or not; once per quota_enter() with `is_greeting`. */
void quota_greeted(struct quota *q);

void quota_leave(struct quota *q);

/**
 * A client's connection begins: `group` is the name of its agent, or "" if it is direct. REASON_NONE, LIMIT_CLIENT or NO_MEMORY.
 */
enum reason quota_enter_client(struct quota *q, const char *group, const struct address *client);
void quota_leave_client(struct quota *q, const char *group, const struct address *client);

/** True if a connection of this client is inside. */
bool quota_has_client(struct quota *q, const char *group, const struct address *client);

/** How many are inside now. */
unsigned long quota_count(struct quota *q);
