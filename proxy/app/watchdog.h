/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The service manager's watchdog (WatchdogSec=): it hears of us only while the main loop turns and every worker answers it.
 *
 * A third of the way to the manager's patience all workers are asked for their counts; when the last has answered the manager is
 * told, and what is counted becomes the unit's status line. One worker that does not answer, and nothing is told any more: the
 * manager then ends and restarts the program, and the log says which way it went. Main thread.
 */
#pragma once

#include "proxy/session/worker.h"

/** Reads WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment. Beside notify_open(). */
void watchdog_open(void);

/** Asks from now on, if the manager wants that. `site` is borrowed until watchdog_stop(). Once workers run. */
void watchdog_start(struct loop *loop, struct site *site);

void watchdog_stop(void);
