/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a configuration means, for people: shown by `georelay check` after "ok". Caller's thread.
 */
#pragma once

#include "config/model.h"

#include <stdio.h>

/** Writes what would be opened, dialled, allowed and read. Only for a model that cfg_check() has passed. */
void cfg_print_plan(const struct cfg *cfg, FILE *out);
