/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sockets of the kinds that georelay uses, with every option set; the Linux-only calls are here and in pipe.c, pump_splice.c.
 *
 * All fds are non-blocking and close-on-exec.
 */
#pragma once

#include "proxy/base/address.h"
#include "proxy/base/reason.h"

#include <stdbool.h>

/** A listening socket; SO_REUSEADDR, IPV6_V6ONLY, and SO_REUSEPORT if `is_shared` by several loops. fd, or -1 with errno. */
int socket_listen(const struct address *at, bool is_shared);

/**
 * A listening socket for connections to any address, also of other machines, that a TPROXY rule leads to `port`; their local
 * address is the one that was dialled. Needs CAP_NET_RAW or CAP_NET_ADMIN. fd, or -1 with errno.
 */
int socket_listen_transparent(int family, uint16_t port);

/**
 * A socket whose connect to `to` is under way or done. `from` (its port is not looked at) is the address to dial from, or
 * NULL; then IP_BIND_ADDRESS_NO_PORT keeps the ephemeral ports of different destinations apart. The kernel's choice of a
 * source port within `avoid` is not taken, if enough others are left (proxy/net/ephemeral.h). fd, or -1 with the reason in
 * `ret_why`.
 */
int socket_dial(const struct address *to, const struct address *from, struct port_range avoid, enum reason *ret_why);

/** The same from an address of another machine, whose answers a rule of the firewall leads to us. Needs CAP_NET_RAW or
 * CAP_NET_ADMIN (else NO_CAPABILITY). */
int socket_dial_as(const struct address *to, const struct address *from, struct port_range avoid, enum reason *ret_why);

/**
 * Keep-alive and TCP_USER_TIMEOUT, so that a peer which vanished is known after `dead_peer_s` seconds, idle or not (but see
 * proxy/net/vigil.h for peers that only don't read), and that the connection is never silent for longer than a third of
 * `firewall_idle_s`, the time after which firewalls forget it. Six system calls, so only for connections that last.
 */
void socket_guard(int fd, long dead_peer_s, long firewall_idle_s);

/** While it is held a socket sends full segments only; the rest goes when it is let go, after 200 ms at the latest (TCP_CORK). */
void socket_hold(int fd, bool is_held);

/** What errno of connect, or SO_ERROR after it, means. */
enum reason socket_dial_reason(int error);

/** What errno of read, write or splice means, in its FRONT_ form. */
enum reason socket_io_reason(int error);

/** Closes with RST. */
void socket_reset(int fd);
