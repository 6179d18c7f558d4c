/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A job: work that may block (a name look-up, an fsync), done by a thread of its own, with the result mailed to a loop.
 *
 * One thread per job in flight, so that a job that hangs delays no other; whoever starts jobs bounds their number.
 */
#pragma once

#include "proxy/net/loop.h"

/** Embedded as the first member of the job's data. `mail.deliver` gets the finished job, as with any mail. */
struct job {
    struct mail mail;
    struct loop *loop;
    void (*work)(struct job *job); /**< on the job's thread; touches nothing but the job */
};

/** Starts; the job belongs to its thread, then to the loop. -1 if no thread could be made: the caller still owns the job. */
int job_start(struct job *job, struct loop *loop);
