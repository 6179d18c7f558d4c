/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From a path to a checked configuration with its certificates: what "run" and "check" do first. Then the logs. Main thread.
 */
#pragma once

#include "config/model.h"
#include "proxy/app/doors.h"
#include "proxy/link/hub_sockets.h"

/**
 * Loads and checks; every problem is printed on standard error. The model, with `gates` loaded, or NULL. The caller frees both
 * (gates_fini(), cfg_free()). `tickets` is borrowed by the gates; NULL if nobody will ever be greeted.
 */
struct cfg *startup_load(const char *path, struct tls_tickets *tickets, struct gates *gates);

/**
 * The same for "georelay check --probe": if the settings are right, the model comes back although files that it names may not be;
 * these are in `problems`, and what they would have made is missing in `gates`.
 */
struct cfg *startup_load_sick(const char *path, struct gates *gates, struct cfg_problems *problems);

/** The same for a running program: problems are only added, and nothing is printed. */
struct cfg *startup_load_again(const char *path, struct tls_tickets *tickets, struct gates *gates, struct cfg_problems *problems);

/** Opens everything that is listened on. 0, or -1 with every problem printed on standard error. */
int startup_open_sockets(const struct cfg *cfg, struct gates *gates, struct hub_sockets *sockets, unsigned workers);

/**
 * Opens the log and the access log (log_stop() ends both). On failure -1, and every problem is printed on standard error.
 * After the rights are dropped: the files belong to who writes them.
 */
int startup_open_logs(const struct cfg *cfg);

/**
 * Only reads the file: no certificates, no other files. `check` looks at the settings and adds problems; NULL: nobody does.
 * NULL if there is a problem; then all were told on standard error. The caller frees it by cfg_free().
 */
struct cfg *startup_read(const char *path, int (*check)(struct cfg *cfg, struct cfg_problems *problems));
