/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From a path to a checked configuration with its certificates: what "run" and "check" do first.
 */
#pragma once

#include "config/model.h"
#include "proxy/app/doors.h"

/**
 * Loads and checks; every problem is printed on standard error. The model, with `gates` loaded, or NULL. The caller frees both
 * (gates_fini(), cfg_free()).
 */
struct cfg *startup_load(const char *path, struct gates *gates);
