/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Source ports: which the kernel may choose for a connection that names none (net.ipv4.ip_local_port_range), and which of them
 * are left to the programs that servers dial back to.
 */
#pragma once

#include "proxy/base/address.h"

/** The kernel's range, as it was when first asked for. Any thread. */
struct port_range ephemeral_ports(void);

/**
 * What of `wanted` can be kept free: `wanted`, if at least half of `all` stays; {0, 0} if `wanted` takes more than that, or
 * nothing at all of `all`.
 */
struct port_range ephemeral_avoid(const struct port_range *all, const struct port_range *wanted);

/** True if `wanted` takes so much of `all` that ephemeral_avoid() gives it up. */
bool ephemeral_is_too_wide(const struct port_range *all, const struct port_range *wanted);

/** A port of `all` outside of `avoid`, which is what ephemeral_avoid() gave; `random` says which. */
uint16_t ephemeral_draw(const struct port_range *all, const struct port_range *avoid, uint32_t random);
