/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Links of a response that lead to the server: given the public scheme, host and path that lead to it through us. Pure.
 *
 * What the server may call itself is http_response_plan.back_hosts; an entry without port stands for the host with any port, one
 * with a port for that port (80 of http and 443 of https if the link has none). The public host itself counts too: a server that
 * is told the client's Host, but not of TLS, answers http://public/. Nothing else is touched. With `rewrites` off, or without a
 * public host (HTTP/1.0), nothing at all is.
 */
#pragma once

#include "proxy/http/forward.h"

/**
 * Writes the value of Location or Content-Location: absolute (http, https), without scheme ("//host/path"), or a path, whose
 * prefix only is changed. Relative links and others go on byte for byte.
 */
void http_put_link(struct http_writer *w, struct slice link, const struct http_response_plan *plan);

/** Writes the value of Refresh: `5; url=LINK`, also with quotes around the link or without "url=". */
void http_put_refresh(struct http_writer *w, struct slice value, const struct http_response_plan *plan);

/** Writes a path, perhaps with query and fragment, below public_prefix if it was below back_prefix. */
void http_put_path(struct http_writer *w, struct slice path, const struct http_response_plan *plan);

/** True if the plan has another prefix for paths. */
bool http_moves_paths(const struct http_response_plan *plan);

/** The host of a plan or list without its port; none if it is no host. */
struct slice http_host_name(struct slice host);
