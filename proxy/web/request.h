/* SPDX-License-Identifier: Apache-2.0 */
/** Requests: reading a head, deciding what it gets, and what goes on to the server. */
#pragma once

#include "proxy/web/conversation.h"

/**
 * In HEAD: reads until a head is there, and takes it: then the state is another one, or a server is dialled. True if there is
 * more to do at once; false to wait.
 */
bool request_read(struct conversation *c);
