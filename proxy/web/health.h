/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Asks the servers of web upstreams again and again whether they are well, where a group "health" says so.
 *
 * Lives on the main loop, with its copy of the host table. Each server of each such upstream has a check of its own
 * (proxy/web/health_check.h), the first at once, each further one a pause after the one before has ended: a server is never asked
 * twice at a time. It counts as well until `fall` bad checks in a row, then as ill until `rise` good ones. Each change is logged
 * (ev=upstream_down, ev=upstream_up) and told to `changed`, which spreads it to the workers.
 */
#pragma once

#include "proxy/session/hosts.h"
#include "proxy/web/rules.h"

struct health;
struct loop;

/** `host` is the index in the host table, the same in each thread. */
typedef void health_fn(void *arg, unsigned host, bool is_unhealthy);

/**
 * For the upstreams of `count` web front doors; those whose rules are NULL are passed over. Everything but the array `rules` is
 * borrowed until health_free(). Nothing is called before the loop runs. NULL without memory.
 */
struct health *health_new(struct loop *loop, struct hosts *hosts, struct web_rules *const *rules, size_t count,
                          health_fn *changed, void *arg);

/**
 * What the checks of `before` (NULL: there are none) found of a server of the same upstream of the same front door stands, in the
 * host table too, until those of `h` find otherwise. Nobody is told: before the workers run.
 */
void health_inherit(struct health *h, const struct health *before);

/** Checks under way end without a word. NULL is ignored. */
void health_free(struct health *h);
