/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The tally: what a thread has counted since it began, for the metrics (docs/metrics.md).
 *
 * Each thread has its own, `tally_mine`, and is the only one that writes it, so to count is an addition: no lock, no atomic. Who
 * wants the sum sends a mail round to the threads (proxy/app/counts.h); what a thread had counted when it ended is kept by
 * tally_keep(). Every number is a uint64_t that never goes down.
 */
#pragma once

#include "proxy/base/reason.h"

#include <stddef.h>
#include <stdint.h>

/** As many as enum session_kind has; enum session_kind is the index. */
#define TALLY_KINDS 5

/** Bounds of a histogram, in milliseconds; what is longer than the last is counted behind it. */
#define TALLY_BOUNDS(X)                                                                                                          \
    X(1, "0.001")                                                                                                                \
    X(2, "0.002")                                                                                                                \
    X(5, "0.005")                                                                                                                \
    X(10, "0.01")                                                                                                                \
    X(25, "0.025")                                                                                                               \
    X(50, "0.05")                                                                                                                \
    X(100, "0.1")                                                                                                                \
    X(250, "0.25")                                                                                                               \
    X(500, "0.5")                                                                                                                \
    X(1000, "1")                                                                                                                 \
    X(2500, "2.5")                                                                                                               \
    X(5000, "5")                                                                                                                 \
    X(10000, "10")                                                                                                               \
    X(30000, "30")

#define X(ms, seconds) +1
enum { TALLY_BUCKETS = 0 TALLY_BOUNDS(X) };
#undef X

/** How many times were how long. */
struct tally_times {
    uint64_t buckets[TALLY_BUCKETS + 1]; /**< each time in one of them: the first whose bound it does not pass */
    uint64_t sum_ms;
};

/** How a TLS handshake of a connection that we accepted ended. */
#define TALLY_HANDSHAKES(X)                                                                                                      \
    X(FULL, "full")                                                                                                              \
    X(RESUMED, "resumed")                                                                                                        \
    X(FAILED, "failed")

enum tally_handshake {
#define X(constant, name) TALLY_HANDSHAKE_##constant,
    TALLY_HANDSHAKES(X)
#undef X
        TALLY_HANDSHAKES_COUNT
};

enum { TALLY_UP = 0, TALLY_DOWN, TALLY_WAYS };

/** Responses 1xx to 5xx, and in place 0 requests that got none. */
#define TALLY_CLASSES 6

struct tally {
    uint64_t ended[TALLY_KINDS][REASON_COUNT];   /**< sessions that had relayed or served */
    uint64_t refused[TALLY_KINDS][REASON_COUNT]; /**< those that had not, and connections that got none */
    uint64_t bytes[TALLY_KINDS][TALLY_WAYS];     /**< passed on */
    uint64_t handshakes[TALLY_HANDSHAKES_COUNT];
    uint64_t requests[TALLY_CLASSES];
    uint64_t advises_delivered;
    uint64_t dials_made;
    uint64_t dials_failed;
    uint64_t lines_skipped; /**< of the log: refusals of one reason beyond LOG_WINDOW_LINES */
    struct tally_times handshake_time;
    struct tally_times first_byte_time; /**< of a web door's responses */
    struct tally_times advise_time;     /**< from the server's connection to the client's answer */
    struct tally_times dial_time;       /**< of those that were made */
};

/** The calling thread's. */
extern _Thread_local struct tally tally_mine;

/** One time more. */
void tally_time(struct tally_times *times, uint64_t ms);

void tally_add(struct tally *to, const struct tally *t);

/** A thread has ended that had counted this. Main thread. */
void tally_keep(const struct tally *t);

/** Adds what is kept. Main thread. */
void tally_add_kept(struct tally *to);
