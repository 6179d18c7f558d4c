/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is different in two configurations, setting by setting, by the table of settings. Pure; any thread.
 */
#pragma once

#include "config/model.h"
#include "config/settings.h"

#include <stdio.h>

#define CFG_COMPARE_NAME 64

/** `name` is the setting's, with its group's before it if that is not a list: "workers", "log.file", "web". */
typedef void cfg_differs_fn(void *arg, const char *name, const struct cfg_setting *row);

/**
 * Calls `differs` for each setting outside of lists, and each list as a whole, that is not the same in both. Where something
 * stands in its file does not matter, nor whether a default was written. How many there were.
 */
size_t cfg_compare(const struct cfg *a, const struct cfg *b, cfg_differs_fn *differs, void *arg);
