/* SPDX-License-Identifier: Apache-2.0 */
/** Requests: reading a head, deciding what it gets, and what goes on to the server. */
#pragma once

#include "proxy/web/conversation.h"

/**
 * In HEAD: reads until a head is there, and takes it: then the state is another one, or a server is dialled. True if there is
 * more to do at once; false to wait.
 */
bool request_read(struct conversation *c);

/** In HEAD: nothing of a request is there, but perhaps the empty line that old clients send behind a body (RFC 9112 2.2). */
bool request_is_blank(const struct conversation *c);
