/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A listening socket on a loop: accepts a bounded number per turn and hands each connection on.
 *
 * When the process or machine is out of descriptors or memory, accepting pauses (no spinning), and goes on after a tenth of a
 * second or as soon as listener_resume_all() is told that something was closed. The connections wait in the kernel's queue
 * meanwhile.
 */
#pragma once

#include "proxy/base/address.h"
#include "proxy/net/account.h"
#include "proxy/net/loop.h"
#include "proxy/net/watch.h"

struct listener;

/** A new connection: **takes** `fd`. `local` is where it arrived. May close the listener. */
typedef void listener_fn(void *arg, int fd, const struct address *peer, const struct address *local);

/** **Takes** `fd`, a listening socket, also on failure (NULL without memory). Accepting starts at once. What is accepted is
 * counted for `purpose`. `arg` is borrowed until close. */
struct listener *listener_new(struct loop *loop, int fd, enum account_purpose purpose, listener_fn *accepted, void *arg);

/** The same, but the socket is **borrowed** until the listener is closed: another thread may come to accept from it too. */
struct listener *listener_borrow(struct loop *loop, int fd, enum account_purpose purpose, listener_fn *accepted, void *arg);

/** Closes the socket, unless it is borrowed; frees at the end of the turn. NULL is ignored. */
void listener_close(struct listener *l);

/** Accepts what waits in the queue, some hundreds at most, then closes. */
void listener_finish(struct listener *l);

/** The address that is listened on, with the port that the kernel chose. */
const struct address *listener_address(const struct listener *l);

/** Something was closed: paused listeners of this loop try again. */
void listener_resume_all(struct loop *loop);
