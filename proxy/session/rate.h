/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How many new connections, or TLS handshakes, a second: all together, and of one client.
 *
 * The three kinds of listeners count apart, so that a flood of the web door shuts out neither agents nor links. A client is an
 * IPv4 address or an IPv6 network of 64 bits: who has one such network has all addresses in it.
 *
 * Clients are not kept in a list: one that is full would have to forget an attacker or to refuse everybody. Instead each has a
 * cell in each of four rows, chosen by a key that nobody outside knows, and shares each with others. A cell holds when its
 * allowance is used up (the generic cell rate algorithm), and the least of a client's four cells counts. So nobody ever gets more
 * than the limit, however many addresses there are, and an honest client is refused only if all four of its cells are shared with
 * clients that are over theirs: with a thousand of those it meets one client of a million. One table takes 1 MiB. Any thread.
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stdint.h>

enum rate_kind { RATE_WEB = 0, RATE_LINK, RATE_TUNNEL, RATE_KINDS };

/** What came in too fast. */
enum rate_result { RATE_GOOD = 0, RATE_TOTAL, RATE_CLIENT };

struct rate;

/** So many a second, 0: any number, and of one client; `burst_s` seconds' worth at once. NULL without memory or randomness. */
struct rate *rate_new(long total, long per_client, long burst_s);
void rate_free(struct rate *r);

/** From now on these; what was taken stays taken. Any thread. */
void rate_set(struct rate *r, long total, long per_client, long burst_s);

/** One more came at this time of the monotonic clock. Who is refused takes nothing from the others' allowance. */
enum rate_result rate_take(struct rate *r, enum rate_kind kind, const struct address *client, uint64_t now_ms);
