/* SPDX-License-Identifier: Apache-2.0 */
/** Getting a connection to a server for the exchange at hand: one that is kept, or a new one; and what to do when it is lost. */
#pragma once

#include "proxy/web/conversation.h"

/** `may_reuse`: a kept connection will do. Ends in EXCHANGE, in the session's DIAL, or in ANSWER. */
void back_get(struct conversation *c, bool may_reuse);

/**
 * The back broke (or ended) before the response's head was whole. Asks again if the request may be repeated, all of it is there
 * still and nothing was answered; else answers 502 or 504.
 */
void back_failed(struct conversation *c, enum reason why);

/**
 * NTLM and Negotiate log on a connection, not a request: once a server has asked for one of them, or a client has come with one,
 * the server's connection stays with this client and is never used for another. True if this head, of either, says so.
 */
bool back_must_pin(const struct http_head *head);

/** Between two exchanges: the pinned connection is readable: it has ended, or says something unasked. */
void back_check_pinned(struct conversation *c);

/** The exchange is over: keeps the connection for another one, or closes it. */
void back_let_go(struct conversation *c);
