/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A worker's word to the main loop's resolver: connections to this name fail, look it up again.
 */
#pragma once

#include "proxy/session/worker.h"

/** Any number of times; the resolver bounds the look-ups. Worker's thread. */
void resolve_hint(struct worker *w, const struct cfg_endpoint *endpoint);

/** What the main loop does with it; set once at start, before workers run. */
typedef void resolve_hint_fn(void *arg, const struct cfg_endpoint *endpoint);
void resolve_hint_init(resolve_hint_fn *take, void *arg);
