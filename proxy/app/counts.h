/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How much there is of everything now, summed over all threads: for ev=counts and for knowing when a drain is over.
 *
 * Each worker counts its own; the sum comes back to the main loop by mail.
 */
#pragma once

#include "proxy/session/worker.h"

struct counts {
    unsigned long sessions; /**< web, links and advises */
    unsigned long links;
    unsigned long advises;
    unsigned long web;
    unsigned long tunnel; /**< tunnel connections that are no link or advise (yet): spare channels, greetings */
    unsigned long chunks;
};

typedef void counts_fn(void *arg, const struct counts *sum);

/** Asks all workers; `done` is called on the main loop. False without memory. Main loop. */
bool counts_ask(struct site *site, counts_fn *done, void *arg);

/** Open descriptors of this process, and its memory in KiB. */
unsigned long counts_files(void);
unsigned long counts_rss_kib(void);
