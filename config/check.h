/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rules between the settings of a configuration, and between it and the files that it names. Caller's thread.
 *
 * Looks at the file system (does a file exist, who may read it) and opens no socket. On a partial model the rules that
 * would only repeat what could not be read are left out.
 */
#pragma once

#include "config/model.h"
#include "config/problems.h"

/**
 * Adds a problem for each rule that is broken, all at once. 0 if none is, else -1. Borrows the model until return; sets `to` in
 * the routes of its web doors, and nothing else.
 */
int cfg_check(struct cfg *cfg, struct cfg_problems *problems);

/** The same without looking at files: for commands that only need the settings, on any machine. */
int cfg_check_settings(struct cfg *cfg, struct cfg_problems *problems);
