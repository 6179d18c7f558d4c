/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A TLS connection that a thread of its own writes to and waits for: the audit's way to a syslog receiver (RFC 5425). TLS 1.2 or
 * newer, the receiver's certificate is verified. One thread at a time; every call ends within its time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct tls_line;

/**
 * Greets the receiver on `fd`, a connected socket (**taken**, also on failure). Its certificate must be signed by `ca`, a PEM
 * file (NULL: by a CA of the system), and be for `host`, a name or an IP address. NULL, and `ret_why` is a sentence.
 */
struct tls_line *tls_line_connect(int fd, const char *host, const char *ca, unsigned ms, const char **ret_why);

/** All of it; -1 if the connection is broken, or did not take it in time. */
int tls_line_write(struct tls_line *t, const void *bytes, size_t length, unsigned ms);

/** False if the receiver has ended the connection. Drops what it sent. */
bool tls_line_is_open(struct tls_line *t);

/** Ends it in order, if it is in order. NULL is ignored. */
void tls_line_close(struct tls_line *t);
