/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The access log: one line per request, `ev=request`, in a file of its own or in the log. Never a body, a cookie or a password;
 * the query only if access.query is on.
 */
#pragma once

#include "proxy/web/conversation.h"

/**
 * Opens access.file, if there is one and lines are wanted. -1 with errno if it can't be opened. Main thread, after log_start();
 * log_stop() closes it.
 */
int access_start(const struct cfg *cfg);

/** Writes the line of the exchange at hand. On the session's thread. */
void access_log(const struct conversation *c);
