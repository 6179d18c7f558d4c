/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Telling a peer that vanished from a peer that only does not read.
 *
 * TCP_USER_TIMEOUT ends a connection whose data is not acknowledged in time. But Linux counts a closed receive window as "not
 * acknowledged" too (net/ipv4/tcp_timer.c, tcp_probe_timer), and would cut off a client whose user stopped in a
 * dialogue for half a minute although its machine answers every probe. So whoever has unsent data is looked at now and then:
 * while the peer answers window probes, the kernel's timeout is off for this socket, and we judge ourselves; when the queue is
 * empty again, it is back on. Idle connections are the business of TCP keep-alive alone.
 */
#pragma once

#include <stdbool.h>

struct vigil {
    bool has_written; /**< set by the owner when it wrote: there may be unacknowledged data */
    bool is_patient;  /**< the kernel's timeout is off */
};

/** False if the peer of the socket has vanished or the connection is broken. To be called every `dead_peer_s` / 6. */
bool vigil_check(struct vigil *v, int fd, long dead_peer_s);

/** True if the connection has ended with an error, such as a reset, that nobody has read yet. */
bool vigil_is_broken(int fd);
