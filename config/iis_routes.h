/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From rules, of which the first that fits counts, to routes, of which the one with the longest path counts. Caller's thread.
 *
 * All hosts and all paths that rules name make a table; in each of its cells one rule is the first, for every request whose most
 * specific host and longest path are those of the cell. A cell is a route, unless another route gives the same without it.
 */
#pragma once

#include "config/iis_plan.h"

/** Adds a copy of what a rule takes. False: it takes nothing that is left, and was not added. */
bool iis_claim_add(struct iis_plan *plan, const struct iis_route *claim);

/** Makes plan->routes; what no rule takes goes to nobody. Closes the door if there are too many. The first is for every host and
 * path. */
void iis_routes_make(struct iis_plan *plan);

/** True if every request that `path` fits is one that `prefix` fits. */
bool iis_path_covers(const char *prefix, const char *path);
