/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Addressing "rewrite": the port that a client announces in the first bytes of its link is replaced by one of the relay's.
 *
 * A gate of the session's up direction (proxy/net/pump.h) applies the link's rule. When the port is found, the hub is asked for
 * one that stands for it; until it answers, the field and what follows it wait. Then the gate is gone and the session is as any
 * other. A link that the rule does not fit goes on as it is, or ends, as advise.on_mismatch says.
 *
 * On the session's worker.
 */
#pragma once

#include "proxy/session/session.h"

/** Digits that end what came may go on: the number is whole when nothing came for so long. */
#define REWRITE_DIGITS_MS 200

/** One byte of two may be the last of its message, and is no port then: it is let go when nothing came for so long. */
#define REWRITE_HALF_MS 2000

/** The back is greeted, and the next step is session_relay(): watches the link, if it is one to be rewritten. False without
 * memory. */
bool rewrite_watch(struct session *s);
