/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The report of "georelay prove": what was learnt and what follows from it, as plain text whose wording is stable. Blocks. For
 * commands.
 */
#pragma once

#include "config/model.h"

#include <stdbool.h>
#include <stdio.h>

/** Asks the process and the kernel, and writes the report. True if the claim is proved. */
bool prove_report(FILE *out, const struct cfg *cfg);
