/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The bulk variant of a pump's work: socket to socket through a pipe in the kernel. Used by pump.c only. Linux.
 */
#pragma once

#include "proxy/net/pump.h"

/** True if both streams are plain TCP and a pipe could be had: from now on pump_splice_*() do the moving. */
bool pump_splice_start(struct pump *p);

/** Takes bytes into the pipe: the count, STREAM_END, STREAM_AGAIN or STREAM_FAILED (p->why is set). */
ssize_t pump_splice_fill(struct pump *p);

/** Passes the pipe's bytes on: STREAM_STEP_DONE when it is empty, AGAIN, or FAILED (p->why is set). */
enum stream_step pump_splice_flush(struct pump *p);

/** Gives the empty pipe back. */
void pump_splice_stop(struct pump *p);
