/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether it is within the hours of a link or an agent. Pure, any thread.
 */
#pragma once

#include "config/model.h"

/** True if one of them holds this minute of this day (0 is Sunday), or if there are none. */
bool hours_contain(const struct cfg_hours *list, size_t count, int weekday, int minute);
