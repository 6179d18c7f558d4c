/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the program itself has audited: its start and end, its configuration, its certificates, its rights, its administrator. One
 * call for each event. Without the group "audit" in the configuration none of them does anything. Main thread.
 */
#pragma once

#include "config/model.h"

#include <stdbool.h>

/** Reads the key while we still may. 0, or -1 told on standard error with the remedy. */
int audits_prepare(const struct cfg *cfg);

/** Opens the audit log, after the rights are dropped and the log is open. 0, or -1 told on standard error. Borrows `cfg`. */
int audits_start(const struct cfg *cfg);

/** Ends it, after the last event. */
void audits_stop(void);

/** The process, the configuration with the hash of its files, each certificate of ours, and the rights that are left. */
void audits_started(const struct cfg *cfg);

/** The end of the start; NULL: all is well. */
void audits_ready(const char *error);

/** georelay was told to stop by this signal; or "audit": a line could not be kept. */
void audits_stopping(const char *signal_name);

/** The last event. */
void audits_stopped(void);

/** Another configuration, with this hash, is in use from now on; the line has the one before too. Its certificates are told too.
 */
void audits_config_changed(const struct cfg *cfg, const char *hash);

/** A configuration was not taken, for this reason. */
void audits_config_refused(const char *file, const char *error);

/** Certificates of our own are in use, as they are on disk now: a line for each. */
void audits_certificates(const struct cfg *cfg);

/** What is on disk was not taken, for this reason. */
void audits_certificates_refused(const char *error);

/** A list of so many revoked certificates is in use. */
void audits_revoked(size_t count);

/** The list on disk was not taken, for this reason. */
void audits_revoked_refused(const char *error);

/** Somebody at the other end of this Unix socket asked for something. */
void audits_request(int fd, const char *request, bool is_known);
