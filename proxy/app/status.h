/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The status document: what runs now, as one JSON text (docs/status.md). It is made in pieces of bounded size: the next one is
 * collected when the last one has been passed on, so that 20,000 sessions take neither the time of a loop nor its memory. Main
 * loop.
 */
#pragma once

#include "proxy/app/reload.h"
#include "proxy/link/hub.h"
#include "proxy/tunnel/seats.h"
#include "proxy/tunnel/uplinks.h"

/** Where all comes from; borrowed for as long as the program runs. */
struct status_view {
    struct site *site;
    const struct reload *reload; /**< the newest generation's gates are in use */
    struct hub *hub;
    struct seats *seats;     /**< NULL: an agent */
    struct uplinks *uplinks; /**< NULL: a relay */
    uint64_t started_ms;     /**< wall clock */
    bool is_draining;
};

struct status_walk;

/**
 * The next piece, or the last. **Gives** `text` (from malloc); NULL: there is none, and the walk has ended. May free the walk, or
 * ask for the next piece.
 */
typedef void status_piece_fn(void *arg, char *text, size_t length, bool is_last);

/** A document to be made; nothing is called before status_walk_next(). NULL without memory. */
struct status_walk *status_walk_new(struct status_view *view, status_piece_fn *piece, void *arg);

/** Asks for the next piece, which comes later. Not while one is under way, and not after the last. */
void status_walk_next(struct status_walk *w);

/** Nothing is called any more. NULL is ignored. */
void status_walk_free(struct status_walk *w);
