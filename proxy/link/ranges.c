/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rule which ports of a server a link covers. Pure. */
#include "proxy/link/ranges.h"

enum reason ranges_check(const struct cfg_link *link, uint16_t port)
{
    if (link->ports_count == 0)
        return port == 0 ? REASON_NONE : REASON_PORT_NOT_ALLOWED;
    for (size_t i = 0; i < link->ports_count; i++)
        if (port_range_contains(&link->ports[i].range, port))
            return REASON_NONE;
    return REASON_PORT_NOT_ALLOWED;
}
