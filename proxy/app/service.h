/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The running program: workers, hub, seats or uplinks, resolver, signals, and their orderly end. Main thread.
 */
#pragma once

#include "proxy/app/doors.h"
#include "proxy/link/hub_sockets.h"

/**
 * Runs until a signal ends it. `gates` and `sockets` are open. `no_reload`: why the configuration can't be reloaded; NULL: it
 * can. The program's exit code.
 */
int service_run(const struct cfg *cfg, struct gates *gates, struct hub_sockets *sockets, unsigned workers, const char *no_reload);
