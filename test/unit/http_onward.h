/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Passes heads on as the web front door does: parsed, framed, written. What is written must be a head again that frames the same
 * body, must fit into exactly its length, and no less.
 */
#pragma once

#include "proxy/http/forward.h"

/** The head that goes on, terminated; until the next call. Fails the test, with the comment, if the head is not accepted. */
const char *onward_request(const char *head, const struct http_request_plan *plan, const char *comment);

/** `is_head`, `had_upgrade`: as in http_response_framing(). */
const char *onward_response(const char *head, bool is_head, bool had_upgrade, const struct http_response_plan *plan,
                            const char *comment);

/** Fails the test and shows both texts if they differ. */
void onward_is(const char *text, const char *expected, const char *comment);

/** True if the text has this line, ended by CRLF. */
bool onward_has(const char *text, const char *line);
