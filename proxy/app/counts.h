/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How much there is of everything now and how much there was since the start, summed over all threads: for ev=counts, for the
 * metrics, and for knowing when a drain is over.
 *
 * Each worker counts its own; the sum comes back to the main loop by mail.
 */
#pragma once

#include "proxy/session/tally.h"
#include "proxy/session/worker.h"

struct counts {
    unsigned long sessions; /**< web, links and advises */
    unsigned long links;
    unsigned long advises;
    unsigned long web;
    unsigned long tunnel; /**< tunnel connections that are no link or advise (yet): spare channels, greetings */
    unsigned long chunks;
    struct tally tally; /**< of all threads, also of those that have ended */
};

/** `sum` is NULL if the program ends before all workers have answered. */
typedef void counts_fn(void *arg, const struct counts *sum);

/** Asks all workers; `done` is called on the main loop. False without memory. Main loop. */
bool counts_ask(struct site *site, counts_fn *done, void *arg);

/** Open descriptors of this process, and its memory in KiB. */
unsigned long counts_files(void);
unsigned long counts_rss_kib(void);
