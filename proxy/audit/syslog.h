/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The thread that sends the audit's lines to a syslog receiver: RFC 5424 over UDP (RFC 5426), TCP with counted octets (RFC 6587
 * 3.4.1), TLS (RFC 5425) or a Unix socket.
 *
 * The line as it stands in the file is the message; its number, id, name, category and result stand besides as structured data.
 * While the receiver can't be reached lines wait in a queue; those for which there is no room are counted. After a stream broke
 * the last 32 KiB of lines are sent again, for the receiver may have ended before it read them: it may get lines twice, and knows
 * them by their numbers. For proxy/audit alone.
 */
#pragma once

#include "proxy/audit/audit.h"

/** 0, or -1 with errno. */
int syslog_start(const struct audit_settings *settings);

/** Sends what is queued, within two seconds. */
void syslog_stop(void);

/** A line of the chain, with its newline. Does nothing without syslog. One thread. */
void syslog_put(const char *line, size_t length);

/** Room for the header before a message. */
#define SYSLOG_HEAD_BYTES 512

/**
 * Writes what stands before the message: priority, version, time, host, program, process, MSGID and structured data. `line` is a
 * line of the chain. Returns its length; 0 if the line is none. Pure.
 */
size_t syslog_head(char text[SYSLOG_HEAD_BYTES], const char *line, size_t length, const char *host, long pid);
