/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The thread that makes lines a chain and appends them to the audit's file, if there is one, and hands them to syslog.
 *
 * A line that can't be written is kept and tried again each second; meanwhile others wait in the queue, and only when that is
 * full lines are lost, which the chain says as soon as it goes on. For proxy/audit/audit.c alone.
 */
#pragma once

#include "proxy/audit/audit.h"

int writer_start(const struct audit_settings *settings, const char **ret_path);
int writer_reopen(void);
void writer_stop(void);

/** The fields of a line, with a newline at the end. False: there is no room. Any thread. */
bool writer_put(const char *line, size_t length);
