/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A pump: one direction of a session, from one stream to the other, byte for byte.
 *
 *     OPEN ──end seen──► DRAINING ──all passed on, end sent──► SHUT
 *       └──────────────────────┴───────────────► FAILED
 *
 * Bytes wait in a chunk borrowed from the loop while the receiver does not take them; a full chunk stops reading, which is the
 * back-pressure. Bulk between two plain TCP streams goes through a pipe in the kernel instead (splice(2)).
 *
 * A pump may *retain*: it passes bytes on but keeps them until pump_commit(), so that they can be sent again on another
 * stream (docs/tunnel-protocol.md section 4). It then reads no more than one chunk.
 *
 * A pump may have a *gate*: somebody who looks at the first bytes of the direction before they go on, may hold some of them back
 * for a while and change those. Once the gate is lifted the pump is as any other.
 *
 * Embedded in its session; all calls on the session's thread. A pump never calls its session and touches no event.
 */
#pragma once

#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

#define PUMP_STATES(X)                                                                                                           \
    X(OPEN, "open")         /* bytes may come */                                                                                 \
    X(DRAINING, "draining") /* the end was seen, bytes or the end itself are still to be passed on */                            \
    X(SHUT, "shut")         /* the end was passed on */                                                                          \
    X(FAILED, "failed")     /* one of the streams broke */

enum __attribute__((packed)) pump_state {
#define X(constant, name) PUMP_##constant,
    PUMP_STATES(X)
#undef X
};

enum pump_result {
    PUMP_BLOCKED, /**< wait for the events of pump_from_interest() and pump_to_interest() */
    PUMP_MORE,    /**< the budget is used up: call again in the next turn, even without an event */
    PUMP_DONE,    /**< state SHUT */
    PUMP_BROKEN   /**< state FAILED: `why`, and `is_from_broken` tells which stream */
};

enum pump_gate_step {
    PUMP_GATE_LOOK,  /**< show me the next bytes too */
    PUMP_GATE_WAIT,  /**< read nothing until pump_lift_gate() */
    PUMP_GATE_LIFT,  /**< everything may go on; I need see no more */
    PUMP_GATE_BREAK, /**< the direction breaks, by `from`, for the gate's `why` */
};

/** Embedded in a larger struct, on the heap; the pump owns it. */
struct pump_gate {
    /**
     * `count` bytes were read (borrowed until return); 0: the end was seen, after which LOOK is taken for LIFT. Sets `held`. Must
     * not call the pump.
     */
    enum pump_gate_step (*look)(struct pump_gate *gate, const uint8_t *bytes, size_t count);
    /** The pump has forgotten the gate: frees it. */
    void (*drop)(struct pump_gate *gate);
    size_t held;     /**< so many of the last bytes that were read may not go on */
    enum reason why; /**< with BREAK */
    bool is_waiting; /**< the pump's: WAIT was said */
};

struct pump {
    enum pump_state state;
    bool is_retaining;
    bool has_ended; /**< the end of `from` was seen */
    bool is_from_broken;
    enum reason why; /**< as the stream gave it */
    struct stream *from;
    struct stream *to;
    struct loop *loop;
    struct chunk *chunk; /**< NULL while nothing waits */
    size_t kept;         /**< retaining: bytes of the chunk that were passed on already */
    struct pump_gate *gate;
    struct pipe *pipe; /**< while splicing */
    uint64_t bytes;    /**< passed on */
};

/** `from`, `to` are borrowed until the pump is finished with pump_fini(); `to` may be NULL until pump_connect(). */
void pump_init(struct pump *p, struct loop *loop, struct stream *from, struct stream *to);

/** Sets the receiver. While retaining, everything kept will be passed on from its start, also after the receiver before broke. */
void pump_connect(struct pump *p, struct stream *to);

/** From now on keep what is passed on. Only before the first byte. */
void pump_retain(struct pump *p);

/** The receiver has answered for what was passed on: let go of it and pump on. */
void pump_commit(struct pump *p);

/** **Takes** `gate`. Only before the first byte, and not with pump_retain(). */
void pump_set_gate(struct pump *p, struct pump_gate *gate);

/** The bytes that the gate holds back, to be changed in place; `gate->held` of them. */
uint8_t *pump_held(struct pump *p);

/** Everything may go on, with the next pump_run(); the gate is dropped. Not within look(). */
void pump_lift_gate(struct pump *p);

/**
 * Moves bytes until one side blocks. Reads at most about `budget` bytes, so that one fast peer can't starve its worker.
 */
enum pump_result pump_run(struct pump *p, size_t budget);

/** STREAM_READ if it could take bytes from `from` now, else 0. */
unsigned pump_from_interest(const struct pump *p);

/** STREAM_WRITE if it waits for `to`, else 0. */
unsigned pump_to_interest(const struct pump *p);

/** Gives chunk and pipe back, drops the gate. Idempotent; the streams are not touched. */
void pump_fini(struct pump *p);

const char *pump_state_name(enum pump_state state);
