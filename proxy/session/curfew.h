/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The end of the hours of a link or an agent, where hours_end is "close".
 *
 * Looked at each second, by the wall clock as it is then: a clock that jumps is followed, forwards and back.
 */
#pragma once

#include "proxy/session/worker.h"

#define CURFEW_MS 1000

/** True if this configuration has such hours. */
bool curfew_is_set(const struct cfg *cfg);

/** True if what is open under this schedule must end now. */
bool curfew_is_over(const struct cfg_schedule *schedule);

/** Closes with OUT_OF_HOURS what may not go on: links, advises and channels. Worker's thread. */
void curfew_enforce(struct worker *w);
