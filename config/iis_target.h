/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where a rule of URL Rewrite sends a request: the URL of its action, taken apart. Pure, any thread.
 */
#pragma once

#include "config/iis_pattern.h"

/** An absolute URL as an action has it. */
struct iis_url {
    bool is_tls;
    bool is_as_client; /**< "{C:1}://": the scheme that the client used */
    char *authority;   /**< "localhost:8080", "farm"; may hold references, "{...}" */
    char *rest;        /**< path with references: "/{R:1}", "" */
};

/** NULL and `ret` filled, or why it is no absolute http or https URL: then `ret` is untouched. */
const char *iis_url_split(const char *url, struct iis_url *ret);
void iis_url_fini(struct iis_url *url);

/** Gives "host:port" of an authority without references, by the scheme's port if there is none; NULL: it is no such thing. */
char *iis_url_endpoint(const char *authority, bool is_tls);

/** Reads {R:n} and {C:n} of a path. */
struct iis_references {
    const struct iis_head *head; /**< the way through the pattern that is looked at */
    char letter;                 /**< 'R' or 'C': whose captures those of `head` are; the other letter's have only the whole */
};

/**
 * The path of a route, and what takes its place at the server, of an action's path. NULL and both given (`ret_replace` NULL: it
 * stays), or why a change of prefix can't do the same.
 */
const char *iis_target_route(const char *rest, const struct iis_references *references, char **ret_path, char **ret_replace);
