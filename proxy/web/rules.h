/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a web front door does with requests and responses: the configuration in the form in which each request needs it.
 *
 * Made once by the main thread, immutable, read by every worker. Borrows the configuration.
 */
#pragma once

#include "config/model.h"
#include "proxy/base/reason.h"
#include "proxy/http/forward.h"
#include "proxy/http/page.h"
#include "tls/context.h"

/** One upstream group. */
struct web_upstream {
    const struct cfg_upstream *cfg;
    struct slice *names; /**< what its servers may call themselves: each host with port, without where that is clear */
    size_t names_count;
    struct tls_context *tls; /**< NULL: spoken to without TLS */
};

/** What is to be used for the next connection; the main thread may exchange it at any moment. */
static inline struct tls_context *web_upstream_tls(const struct web_upstream *upstream)
{
    return __atomic_load_n(&upstream->tls, __ATOMIC_ACQUIRE);
}

/** What a request with this host and path is to get. */
struct web_choice {
    const struct web_upstream *upstream;
    const struct cfg_route *route; /**< NULL: none fits, the default upstream */
};

struct web_rules {
    const struct cfg *cfg;
    const struct cfg_web *web;
    struct http_limits limits;
    enum http_telling telling;
    bool adds_secure;
    struct http_pair *request_set;
    struct slice *request_remove;
    struct http_pair *response_set;
    struct slice *response_remove;
    struct web_upstream *upstreams; /**< the default first, then those of the configuration in its order */
    size_t upstreams_count;
};

/** Problems with files go to `problem`; then, and without memory, NULL. */
struct web_rules *web_rules_new(const struct cfg *cfg, const struct cfg_web *web, tls_problem_fn *problem, void *arg);
void web_rules_free(struct web_rules *rules);

/**
 * The route of a request (the longest path, then the exact host before a wildcard before any), or the default upstream. Host
 * without port. False if neither is there.
 */
bool web_rules_choose(const struct web_rules *rules, struct slice host, struct slice path, struct web_choice *ret);

/** REASON_NONE, or ROUTE_DENIED if this client may not use the route that was chosen. Empty: it is not known. */
enum reason web_rules_admit(const struct web_choice *choice, const struct address *client);

/** REASON_NONE, PATH_NOT_ALLOWED or METHOD_NOT_ALLOWED. */
enum reason web_rules_allow(const struct web_rules *rules, struct slice method, struct slice path);

/** The methods that may be used on this path, as an Allow field lists them. */
void web_rules_methods(const struct web_rules *rules, struct slice path, struct http_writer *ret);

/** True if what a peer of this address says of others is believed. */
bool web_rules_trusts(const struct web_rules *rules, const struct address *peer);
