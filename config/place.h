/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Places in a configuration, as the model's members `line` hold them, turned into a file and a line for messages. Pure, any
 * thread.
 */
#pragma once

#include "config/model.h"

/** The file of a place: the configuration file or one that it includes. Borrowed from the model. */
const char *cfg_place_file(const struct cfg *cfg, unsigned place);

/** The line in that file; 0 for a default. */
unsigned cfg_place_line(unsigned place);
