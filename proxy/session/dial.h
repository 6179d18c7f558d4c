/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Dials the back of a session: one address after the other until one answers, each within timeouts.dial.
 *
 * For back ops: their `dial` calls session_dial_hosts() or session_dial_address(), their `failed` is session_dial_next().
 * Hosts that lately did not answer are passed over while there is another. An endpoint that an agent dials (NAME@AGENT) is one
 * target among the others: proxy/session/reach.h gets the stream to it. With `ask.port` set, that port is dialled instead of the
 * endpoint's own wherever the endpoint leaves it open (":*").
 */
#pragma once

#include "proxy/session/session.h"

/**
 * Wraps a TCP stream whose connect is under way (**taken**) into another, such as TLS. `endpoint` is whom it connects to, NULL
 * for session_dial_address(). NULL (and `tcp` is closed) without memory. Streams from an agent are not wrapped.
 */
typedef struct stream *dial_wrap_fn(struct session *s, struct stream *tcp, const struct cfg_endpoint *endpoint);

/**
 * Dials the addresses of `count` endpoints in their order. `source` (an address to dial from) may be NULL; source ports in
 * `avoid` are not used; `wrap` may be NULL. In state DIAL; ends in session_take_back() or session_refuse().
 */
void session_dial_hosts(struct session *s, const struct cfg_endpoint *endpoints, size_t count, const struct address *source,
                        struct port_range avoid, dial_wrap_fn *wrap);

/** Dials one address. `wrap` may be NULL. */
void session_dial_address(struct session *s, const struct address *to, struct port_range avoid, dial_wrap_fn *wrap);

/** The same for `count` addresses of one peer, in their order. */
void session_dial_addresses(struct session *s, const struct address *to, size_t count, struct port_range avoid,
                            dial_wrap_fn *wrap);

/** The last address failed for `why`: dial the next one, or refuse. The `failed` of back ops. */
void session_dial_next(struct session *s, enum reason why);

/** The address that was dialled last has answered. Its endpoint; NULL after session_dial_address(). */
const struct cfg_endpoint *session_dial_done(struct session *s);

/** The session ends: nobody waits for an agent's answer any more. */
void session_dial_forget(struct session *s);

/** Before RELAY: nothing is to be dialled any more; frees the plan. Idempotent. */
void session_dial_end(struct session *s);
