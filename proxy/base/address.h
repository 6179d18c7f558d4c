/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An IP address with a port, a network, a range of addresses, a range of ports; pure values, no I/O.
 *
 * All texts are the ones that users write: "10.0.0.5:5481", "[::1]:443", "192.168.1.0/24", "10.20.0.32-10.20.0.63",
 * "5500-5509". IPv4 addresses that come in as IPv4-mapped IPv6 (::ffff:a.b.c.d) are turned into plain IPv4, so that a client
 * has one identity however its packets arrive.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/** Room for any address as text with port and brackets, and the final zero. */
#define ADDRESS_TEXT 64

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa; /**< sa.any.sa_family is AF_UNSPEC (0) in an empty address */
};

struct network {
    struct address base; /**< port 0; bits below the prefix are zero */
    unsigned prefix;     /**< 0-32 or 0-128 */
};

/** An inclusive range of addresses of one family, port 0. */
struct address_range {
    struct address first;
    struct address last;
};

/** An inclusive range of ports; {0, 0} is "none". */
struct port_range {
    uint16_t first;
    uint16_t last;
};

/** Parses an IP address without port ("10.0.0.5", "::1", "[::1]"). 0, or -1 and `ret` untouched. */
int address_parse(const char *text, struct address *ret);

/** Parses "10.0.0.5:80" or "[::1]:80" (no names). 0, or -1 and `ret` untouched. */
int address_parse_port(const char *text, struct address *ret);

/** Splits "host:port", "[v6]:port"; copies the host without brackets. 0, or -1 (no port, bad port, host empty or too long). */
int address_split(const char *text, char *ret_host, size_t host_size, uint16_t *ret_port);

/** Copies a kernel's answer (accept, getsockname, getaddrinfo); unmaps ::ffff:a.b.c.d. */
void address_from_sockaddr(struct address *a, const struct sockaddr *sa, socklen_t len);

/** Length for bind(2) and connect(2). */
socklen_t address_len(const struct address *a);

uint16_t address_port(const struct address *a);
void address_set_port(struct address *a, uint16_t port);
bool address_is_set(const struct address *a);
bool address_is_any(const struct address *a);      /**< 0.0.0.0 or :: */
bool address_is_loopback(const struct address *a); /**< 127/8 or ::1 */

/** Same family and IP, ports not looked at. */
bool address_same_ip(const struct address *a, const struct address *b);

/** Order by family, then IP (as a number); ports not looked at. <0, 0, >0. */
int address_compare_ip(const struct address *a, const struct address *b);

/** A number that spreads well over tables whose size is a power of two; ports not looked at. */
uint32_t address_hash(const struct address *a);

/** "10.0.0.5:80", "[::1]:80"; "-" for an empty address. Returns `text`. */
const char *address_format(const struct address *a, char text[ADDRESS_TEXT]);

/** The same without port and brackets. */
const char *address_format_ip(const struct address *a, char text[ADDRESS_TEXT]);

/** Raw bytes of the IP in network order: 4 or 16; returns the count, 0 for an empty address. */
size_t address_bytes(const struct address *a, uint8_t bytes[16]);

/** The reverse: `count` is 4 or 16, else -1. */
int address_from_bytes(struct address *ret, const uint8_t *bytes, size_t count, uint16_t port);

/** "192.168.1.0/24", or one address (prefix 32 or 128). Bits set below the prefix are an error: -1. */
int network_parse(const char *text, struct network *ret);
bool network_contains(const struct network *n, const struct address *a);

/** "a-b" or one address; -1 if not of one family or b < a. */
int address_range_parse(const char *text, struct address_range *ret);
bool address_range_contains(const struct address_range *r, const struct address *a);
bool address_range_overlaps(const struct address_range *a, const struct address_range *b);

/** Number of addresses, at most `cap` (an IPv6 range may be huge). */
size_t address_range_count(const struct address_range *r, size_t cap);

/** The address `index` steps after the first. The caller keeps `index` below the count. */
struct address address_range_at(const struct address_range *r, size_t index);

/** "5500-5509" or "5500"; -1 if 0, above 65535 or turned round. */
int port_range_parse(const char *text, struct port_range *ret);
bool port_range_contains(const struct port_range *r, uint16_t port);
