/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The control socket: a Unix socket on which the running program answers to the administrator. One line comes in, one text goes
 * out, at once or in pieces as they are collected, and the connection ends. There is one in a process, and none without the
 * setting "socket" of the group "admin".
 *
 * Who may connect is decided by the file's rights alone (0660, of the user that the program runs as). Nobody who connects can
 * hold the main loop: a line has CONTROL_LINE_BYTES at most, CONTROL_CLIENTS are served at a time, each for CONTROL_MS at most
 * for its line and for each piece of its answer, and nothing waits for one that does not read.
 *
 * What can be asked for is the table `requests` in the .c file. Main thread.
 */
#pragma once

#include "config/model.h"
#include "proxy/app/status.h"
#include "proxy/net/loop.h"

#define CONTROL_LINE_BYTES 256
#define CONTROL_CLIENTS    8
#define CONTROL_MS         5000

/**
 * Makes the socket while we still may, and its folder if it is missing. The file of a process that has ended is replaced; that of
 * one that answers is an error. Borrows `cfg` until control_socket_close(). 0, also if the configuration names none; or -1 told
 * on standard error with the remedy.
 */
int control_socket_open(const struct cfg *cfg);

/** Answers from now on, if there is a socket. `view` is borrowed until control_socket_stop(). */
void control_socket_start(struct loop *loop, struct status_view *view);

/** Stops answering. The loop may end then. */
void control_socket_stop(void);

/** Removes the file, if it still is ours. */
void control_socket_close(void);
