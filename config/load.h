/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From the text of a configuration file to the model, by the table of settings. Caller's thread; no state is kept.
 *
 *     struct cfg_problems problems = {0};
 *     struct cfg *cfg = cfg_load(path, &problems);
 *
 *     if (cfg)
 *         cfg_check(cfg, &problems);
 *     if (problems.count > 0)
 *         cfg_problems_print(&problems, stderr);
 */
#pragma once

#include "config/model.h"
#include "config/problems.h"

/**
 * Reads a file. What is not written there gets its default; relative paths of files start at the folder of `path`.
 *
 * Each unknown setting, wrong type, bad value, missing setting, or setting of the other role adds a problem. Gives a model
 * even then, with `is_partial` set, so that cfg_check() can look for more; NULL only if the text is not one of libconfig, or
 * there is no text. Free it with cfg_free().
 */
struct cfg *cfg_load(const char *path, struct cfg_problems *problems);

/** Frees a model and all that it holds. NULL is fine. */
void cfg_free(struct cfg *cfg);
