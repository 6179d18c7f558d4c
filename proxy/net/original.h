/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where a client wanted to connect to, when a rule of the firewall on this machine (REDIRECT or DNAT of nftables and iptables)
 * led its connection to a listener of ours. The kernel's table of connections knows. Linux only.
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>

/**
 * The first destination of the accepted socket `fd`, which came in at `listener`. False if it came straight to the listener's
 * port, or nobody knows where it wanted to; then `ret` is untouched.
 */
bool original_destination(int fd, const struct address *listener, struct address *ret);
