/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one client application knows of its alarms: which numbers came, which are missing, which came twice.
 *
 * Numbers begin with 1 in each life of the server (`instance`). A number above the next one leaves a gap: the missing
 * numbers count as lost until they come, and then as reordered. A known number that the server flags as
 * sent again is no mistake; without the flag it is a duplicate.
 */
#ifndef GEOSIM_TALLY_H
#define GEOSIM_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#define TALLY_GAPS 64 /* gaps beyond these stay lost even if they come later */

struct tally {
    uint64_t instance;
    uint64_t highest; /* in this life of the server */
    uint64_t received, resent, lost, duplicated, reordered, restarts;
    struct {
        uint64_t first, last;
    } gaps[TALLY_GAPS];
    unsigned gap_count;
};

/** A connection says which life of the server it belongs to; a new one starts the numbers again. */
void tally_instance(struct tally *t, uint64_t instance);

/** Note one alarm. Returns true when it is new. */
bool tally_alarm(struct tally *t, uint64_t sequence, bool is_resend);

/** The number up to which every alarm came: what may be acknowledged. */
uint64_t tally_complete(const struct tally *t);

#endif
