/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Set-Cookie on its way to the client (RFC 6265 4.1, 5.2; SameSite: RFC 6265bis). Pure.
 *
 * Name and value go on byte for byte, whatever they hold, and so does each attribute that is not named here:
 * - Domain is left out if a browser would refuse it because it names the server and not the public host: the cookie is then for
 * the public host alone. With `rewrites` only.
 * - Path is moved as links are. With `rewrites` only.
 * - Secure, HttpOnly and SameSite are added by the plan to cookies that have none. SameSite=None goes with Secure or
 *   not at all, for browsers refuse the cookie otherwise.
 */
#pragma once

#include "proxy/http/forward.h"

/** Writes the value of Set-Cookie. */
void http_put_cookie(struct http_writer *w, struct slice value, const struct http_response_plan *plan);
