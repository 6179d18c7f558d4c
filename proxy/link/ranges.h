/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Links over ranges of ports (`ports` in the configuration): one name for thousands of ports of one machine, mapped one to one.
 *
 * Every end that such a link passes asks here for itself: the client side when a rule of the firewall led a connection to it, the
 * relay when an agent asks for a port, and an agent beside the server.
 */
#pragma once

#include "config/model.h"
#include "proxy/base/reason.h"

/**
 * Whether `port` of the server may be asked for: one of `ports`, or 0 (that of the endpoint) for a link without ranges. NONE or
 * PORT_NOT_ALLOWED.
 */
enum reason ranges_check(const struct cfg_link *link, uint16_t port);
