/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Everything that has to do with who we are: the user, the limit of open files, the state folder.
 */
#pragma once

#include "config/model.h"

/** Raises the limit of open files as far as it goes, if need be. */
void privilege_raise_files(const struct cfg *cfg);

/** How many files limits.connections may need open. */
unsigned long privilege_files_needed(const struct cfg *cfg);

/** True if there is a state folder to be written to. */
bool privilege_keeps_leases(const struct cfg *cfg);

/** Warns in the log if the limit of open files is too small for limits.connections. */
void privilege_warn_files(const struct cfg *cfg);

/** True if we still have what links dialled from clients' own addresses need, or there are none. */
bool privilege_suffices(const struct cfg *cfg);

/**
 * Makes the state folder if it is missing and this relay keeps leases, or, if it can, for "georelay island". As root it is given
 * to `cfg->user`. 0, or -1 told on standard error with the remedy.
 */
int privilege_make_state(const struct cfg *cfg);

/**
 * As root with `cfg->user`: becomes that user for good, verifies it. Of all capabilities, however we came by them, CAP_NET_RAW
 * (or CAP_NET_ADMIN in its place) stays if links are dialled from clients' own addresses, and none otherwise; all sockets that
 * need one must be open. Users, groups, capabilities and no_new_privs are then read back. 0, or -1 told on standard error with
 * the remedy.
 */
int privilege_drop(const struct cfg *cfg);

/**
 * Says in the log what is left of our rights, as the kernel tells it (ev=privileges), and that the user of the configuration is
 * not the one that we run as, if so. After privilege_drop().
 */
void privilege_log(const struct cfg *cfg);
