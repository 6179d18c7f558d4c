/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What log and audit log say of agents that come and go. Main loop.
 */
#pragma once

#include "proxy/tunnel/control.h"

enum seat_news { SEAT_UP, SEAT_DOWN, SEAT_REFUSED };

/** `control` is NULL when it is gone already, `version` when the agent has not said it; `why` may be NONE. */
void seat_tell(enum seat_news news, const char *agent, const struct control *control, const char *version, enum reason why);
