/* SPDX-License-Identifier: Apache-2.0 */
/**
 * IPv4 sockets of the bench programs: non-blocking, close-on-exec.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/** Reads "127.0.0.1:8080". Returns 0, or -1 with *a untouched. */
int tcp_parse(struct sockaddr_in *a, const char *text);

/** A listening socket with TCP_NODELAY, which accepted connections inherit. Returns it, or -1 with errno. */
int tcp_listen(const struct sockaddr_in *at);

/** One waiting connection. Returns its socket, or -1 with errno (EAGAIN: none waits). */
int tcp_accept(int listener);

/**
 * Starts to connect. `from` (NULL: any address) chooses the address, the kernel the port at connect().
 * Over loopback the connection mostly stands on return; else the first send() says EAGAIN.
 * Returns the socket, or -1 with errno.
 */
int tcp_dial(const struct sockaddr_in *to, const struct sockaddr_in *from, bool no_delay);

/** Lets the process have as many descriptors as it may. */
void tcp_raise_limit(void);
