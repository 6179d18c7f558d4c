/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The answering end of a data channel: the session's front is the tunnel, and hears OPENED, REFUSED or DIALLING.
 *
 * docs/tunnel-protocol.md, sections 4 to 7. Used for links and handed advises at the relay, and for what a relay asks an agent
 * for. On workers.
 */
#pragma once

#include "proxy/session/session.h"

/** Front ops of a session whose request has been read from the tunnel and which is on its way to its back. */
extern const struct session_front answer_front;

/** The same for an agent: says DIALLING when the client or server does not answer at once. */
extern const struct session_front answer_front_notice;

/** Sends REFUSED; the `refuse` of front ops that are still choosing. */
bool answer_refuse(struct session *s, enum reason why);
