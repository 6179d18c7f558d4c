/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A raw socket that sees every SYN which the kernel delivers on this machine, also those that it refuses. Linux only.
 *
 * A filter in the kernel lets only SYNs without ACK through, for IPv4 only those to given addresses; data is never copied.
 * tcp(7), raw(7), Documentation/networking/filter.rst.
 */
#pragma once

#include "proxy/base/address.h"

/** Ranges of a filter at most. */
#define RAW_SYN_RANGES 64

/** `ranges` (of this family; at most RAW_SYN_RANGES; none: all) are the addresses of interest. Needs CAP_NET_RAW. fd, or -1 with
 * errno. */
int raw_syn_open(int family, const struct address_range *ranges, size_t count);

/** The next SYN: who connects to what. False if there is none now. */
bool raw_syn_read(int fd, struct address *ret_peer, struct address *ret_local);
