/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the sessions of a worker are doing, a slice at a time: so that no worker is held for longer than a slice, and no more than
 * a slice is in memory. A session that begins or ends between two slices is there or not; none is there twice.
 */
#pragma once

#include "proxy/session/session.h"

#define SESSION_ROWS 256

/** One session, copied. */
struct session_row {
    struct session_handle handle;
    enum session_kind kind;
    enum session_state state;
    char name[SESSION_NAME_MAX + 1];   /**< of the link or web front door */
    char agent[SESSION_NAME_MAX + 1];  /**< at the other end of the tunnel; "": none */
    char behind[SESSION_NAME_MAX + 1]; /**< the agent that the client is behind; "": direct */
    char via[SESSION_NAME_MAX + 1];    /**< the agent beside the server; "": none */
    struct address client;
    struct address front, front_local, back, back_local;
    uint64_t age_ms;
    uint64_t idle_ms;    /**< since bytes moved */
    uint64_t up_idle_ms; /**< since bytes moved from who connected to us; valid if `up` is not 0 */
    uint64_t up, down;
};

struct session_slice {
    struct mail mail; /* private, to `arg` */
    struct site *site;
    void (*done)(void *arg, struct session_slice *slice);
    void *arg;
    struct worker *worker;
    bool is_given; /**< false: the program ends, the rows are none */
    bool is_last;  /**< of its worker */
    unsigned next; /**< where the next slice of the worker begins */
    unsigned count;
    struct session_row rows[SESSION_ROWS];
};

/**
 * Asks a worker, one that does not leave, for the slice that begins at `from` (0: the first). `done` is called once, on the main
 * loop, and borrows the slice. False without memory. Main loop.
 */
bool session_rows_ask(struct worker *w, unsigned from, void (*done)(void *arg, struct session_slice *slice), void *arg);
