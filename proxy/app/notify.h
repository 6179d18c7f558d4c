/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the service manager is told (sd_notify(3)): datagrams of lines KEY=value to the socket that NOTIFY_SOCKET names, a path
 * or, with '@', a name in Linux's abstract space. Without one every call does nothing.
 *
 * The manager's socket is never waited for: what does not fit now is kept and sent soon after, the newest state of a key last.
 * Main thread.
 */
#pragma once

#include "proxy/net/loop.h"

#include <stdbool.h>

/** Room for what has not been sent yet; a text that does not fit is left off whole. */
#define NOTIFY_BYTES 1024

/**
 * Takes NOTIFY_SOCKET out of the environment, so that no program that we start speaks for us, and opens a socket. A name that
 * can't be used is told on standard error with the remedy, and then there is nobody to tell. Before the log is open.
 */
void notify_open(void);

/** From now on what could not be sent is tried again on this loop. */
void notify_start(struct loop *loop);

/** Sends lines without a last newline, as in "READY=1\nSTATUS=serving". */
void notify_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** True if somebody is told. */
bool notify_is_on(void);

/** The loop may end; what is said after is sent at once or not at all. */
void notify_stop(void);

void notify_close(void);
