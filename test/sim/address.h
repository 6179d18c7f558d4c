/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IPv4 or IPv6 address with a port, as the simulator's options, sockets and messages use it.
 * `len` 0 means "not given".
 */
#ifndef GEOSIM_ADDRESS_H
#define GEOSIM_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_TEXT 64 /* room for "[v6]:port" and its end */

struct address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/** Parse "IP:PORT" or "[IPv6]:PORT". Returns 0, or -1 with *a untouched. */
int address_parse_endpoint(struct address *a, const char *text);

/** Parse an IP address alone; the port becomes 0. Returns 0, or -1 with *a untouched. */
int address_parse_ip(struct address *a, const char *text);

/** Write "IP:PORT" or "[IPv6]:PORT" to `text`; "-" when not given. Returns `text`. */
const char *address_format(const struct address *a, char text[ADDRESS_TEXT]);

/** Write the IP address alone. Returns `text`. */
const char *address_format_ip(const struct address *a, char text[ADDRESS_TEXT]);

/** The port in host order. */
uint16_t address_port(const struct address *a);

/** Change the port. The address must be given. */
void address_set_port(struct address *a, uint16_t port);

/** Add `n` to the IP address (its last 32 bits); it wraps like any number. */
void address_add(struct address *a, uint32_t n);

/** True when IP and port are the same. */
bool address_equal(const struct address *a, const struct address *b);

/** The wildcard address of `like`'s family, port 0. */
struct address address_any(const struct address *like);

#endif
