/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A stage for one session: a worker without a thread whose turns the test makes, front and back ops that count their calls and do
 * what the test tells them, and peers that are scripts or real connections.
 *
 * Without orders the play is short: greeted, dial, back greeted, relay.
 */
#pragma once

#include "proxy/base/clock.h"
#include "proxy/session/door.h"
#include "proxy/session/session.h"
#include "test/component/loopback.h"
#include "test/component/scripted_stream.h"

#define STAGE_SCRIPTED_MAX 256

/** What the ops are to do; NULL: what is said beside it. */
struct stage_orders {
    void (*greeted)(struct session *s);       /**< session_dial() */
    void (*readable)(struct session *s);      /**< fails the test */
    void (*timeout)(struct session *s);       /**< fails the test; only if front_ops.timeout is set */
    bool (*answer)(struct session *s);        /**< true */
    void (*notice)(struct session *s);        /**< nothing */
    bool (*refuse)(struct session *s);        /**< false */
    void (*dial)(struct session *s);          /**< session_take_back() of the next back; nothing if there is none */
    void (*back_greeted)(struct session *s);  /**< session_relay() */
    void (*failed)(struct session *s);        /**< session_refuse() */
    void (*back_readable)(struct session *s); /**< nothing */
    void (*back_timeout)(struct session *s);  /**< fails the test; only if back_ops.timeout is set */
    void (*lost)(struct session *s);          /**< session_refuse() */
    void (*ended)(struct session *s);         /**< nothing */
};

/** How often an op was called. */
struct stage_calls {
    unsigned greeted, readable, timeout, answer, notice, refuse, dial, back_greeted, failed, back_readable, back_timeout, lost,
        ended;
};

struct stage {
    struct cfg cfg;
    struct site site;
    struct loop main;
    struct worker worker;
    struct session_front front_ops; /**< ops that are optional are NULL until the test sets them to those of stage_all_ops() */
    struct session_back back_ops;
    struct stage_orders orders;
    struct stage_calls calls;
    struct session *session; /**< NULL once it has ended */
    enum reason told_why;    /**< to failed, lost, refuse: the last */
    enum reason why;         /**< when it ended */
    enum session_end at;
    uint64_t up_bytes, down_bytes;
    struct stream *backs[4]; /**< what dial takes, one after the other */
    unsigned backs_next;
    uint64_t back_ms; /**< the time a back gets to be greeted */
    int front_peer;   /**< the other end of a real front, or -1 */
    int back_peer;
    struct scripted_stream *scripted[STAGE_SCRIPTED_MAX];
    size_t scripted_count;
    size_t fds_before;
};

extern struct stage stage;

/** cmocka's set-up and tear-down of each test. Tear-down ends what lives and checks that nothing is left: memory, fds, counts. */
int stage_open(void **state);
int stage_close(void **state);

/** Sets all optional ops. */
void stage_all_ops(void);

/** A scripted stream of this stage. Freed by stage_close(). */
struct scripted_stream *stage_scripted(const void *input, size_t size);

/** A real connection: our end as a stream; the peer's end becomes front_peer or back_peer. */
struct stream *stage_real_front(int buffer);
struct stream *stage_real_back(int buffer);

/** A session on this front, counted in the quota as a door does it. Not started. */
struct session *stage_session(struct stream *front);

/** The same, and starts it. */
void stage_start(struct stream *front);

/** Real front, real back, relaying. */
void stage_relay(int buffer);

/** One turn of the worker's loop; returns after five milliseconds at the latest. */
void stage_turn(void);

/** Turns until the condition holds; fails the test after five seconds. */
#define STAGE_UNTIL(condition)                                                                                                   \
    for (uint64_t until_ms = clock_ms() + 5000; !(condition); stage_turn())                                                      \
    assert_true(clock_ms() < until_ms)

/** So many turns without anything to wait for. */
void stage_turns(unsigned count);

/** Reads a peer's end to its end while turning: LOOPBACK_END or LOOPBACK_RESET. The bytes before it are appended to `into`. */
ssize_t stage_read_to_end(int fd, uint8_t *into, size_t room, size_t *ret_size);

/** A peer reads exactly these bytes next. */
void stage_expect(int fd, const char *text);
