/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whose request it is: the address of the connection or, behind trusted proxies, the one that they tell. On the session's thread.
 */
#pragma once

#include "proxy/http/head.h"
#include "proxy/web/rules.h"

/**
 * The address of the client of a request that came from `peer`: from the end of X-Forwarded-For the first that is no trusted
 * proxy; what stands before it is hearsay. `peer` itself, if it is no trusted proxy or tells of nobody. Empty, if a trusted proxy
 * names somebody by what is no address, or tells in Forwarded alone.
 */
struct address web_client(const struct web_rules *rules, const struct address *peer, const struct http_head *head);
