/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which agents of a relay are beside servers. Pure, any thread.
 */
#pragma once

#include "config/model.h"

/** True if a NAME@AGENT of a link or of a web door names this agent. Names that are missing (NULL) are nobody's. */
bool cfg_agent_serves(const struct cfg *cfg, const char *agent);
