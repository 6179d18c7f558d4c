/* SPDX-License-Identifier: Apache-2.0 */
/** Answers of georelay's own (proxy/http/page.h). Each ends the exchange in state ANSWER, or the session if one was begun
 * already. */
#pragma once

#include "proxy/web/conversation.h"

/** For a request with this fault. Unless it was read to its end, the connection ends after the answer. */
void answer_fault(struct conversation *c, enum http_fault fault);

/** For this reason; the status follows from it (and for BAD_REQUEST from `x.fault`). */
void answer_reason(struct conversation *c, enum reason why);

/** 308 to the https address of the first TLS listener. */
void answer_redirect(struct conversation *c, struct slice host, struct slice origin);

/** In ANSWER: sends. True when the conversation has gone on to another state. */
bool answer_send(struct conversation *c);

/** Now, as a Date field has it; valid until this thread's next call. */
const char *answer_date(void);
