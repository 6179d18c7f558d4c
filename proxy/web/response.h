/* SPDX-License-Identifier: Apache-2.0 */
/** Responses: reading a head, checking it, and what goes on to the client. */
#pragma once

#include "proxy/web/conversation.h"

/**
 * In EXCHANGE, before the final response's head was taken: reads until it is there and takes it. 1xx responses go on to the
 * client at once. True if something was taken and there is more to do; false to wait, or if the state has changed.
 */
bool response_read(struct conversation *c);
