/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of a session know of each other: session.c (states and events), session_back.c, session_serve.c,
 * session_refuse.c, session_sweep.c. Nobody else includes this. On the session's worker.
 */
#pragma once

#include "proxy/session/session.h"

/** The only writer of the state. */
void session_set_state(struct session *s, enum session_state to);

/** Keep-alive and the kernel's timeout for a stream that lasts, once. NULL is ignored. */
void session_guard(const struct session *s, struct stream *stream);

/** The front or the back broke: closes the session for `why`, which the stream gave. */
void session_break(struct session *s, bool is_front, enum reason why);

/** Closes a stream and stops watching it. */
void session_close_stream(struct stream **stream, struct watch *watch, enum stream_close how);

/** The back's events come to this session. **Takes** `watch`, from free() or another owner. */
void session_own_back_watch(struct session *s, struct watch *watch);

/** It relays or is freed: lets go of what it needed before. Idempotent. */
void session_end_opening(struct session *s);

/** Before RELAY, with a back that is connected: who it is, for the last log line. */
void session_note_back(struct session *s);

/** Goes on with connecting the back. */
void session_greet_back(struct session *s);

/** Runs one pump; false if the session has left its state by that. */
bool session_run_pump(struct session *s, struct pump *p);

/** Runs both pumps, and ends the session when both are through. */
void session_run_relay(struct session *s, bool run_up, bool run_down);

/** Reads and drops for at most `ms` and `bytes` what the front still sends, so that it can read our answer; then closes. */
void session_start_linger(struct session *s, uint64_t ms, size_t bytes);

/** In LINGER: there may be something to read. */
void session_go_on_lingering(struct session *s);
