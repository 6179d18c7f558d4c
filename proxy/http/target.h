/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a request is for: host, port, path and query out of target and Host field (RFC 9112 3.2, RFC 9110 7.2).
 *
 * Path and query are never decoded or normalised: they go to the server byte for byte. Pure; slices borrow the head's bytes, or
 * are constants.
 */
#pragma once

#include "proxy/http/head.h"

struct http_target {
    struct slice origin; /**< path and query as they go to the server: origin-form, or "*" for OPTIONS */
    struct slice path;   /**< of these, without the query */
    struct slice query;  /**< after "?", or none */
    struct slice host;   /**< the Host field's host and port as written; HTTP/1.0 without Host: the target's, or none */
    struct slice name;   /**< of these, without port; IPv6 with its brackets */
    unsigned port;       /**< 0: none was given */
};

/**
 * Origin-form for all methods; asterisk-form for OPTIONS; absolute-form (http or https, no user information) if its authority is
 * the Host field's, byte for byte but for case, which is then turned into origin-form ("http://a?b", which has no path, can't be
 * and is BAD_TARGET). HTTP/1.1 must have exactly one Host field; HTTP/1.0 at most one. A fragment ("#") is a fault. CONNECT,
 * TRACE, TRACK and PRI, in any case, are METHOD_NOT_SERVED. With a fault `*ret` has no meaning.
 */
enum http_fault http_target(const struct http_head *head, struct http_target *ret);

/**
 * A host with optional port, as in a Host field: name, IPv4 or bracketed IPv6. A name has letters, digits, "-", ".", "_", "~";
 * what else RFC 3986 3.2.2 allows stands in no DNS name. A port is 1 to 65535; a colon without one is refused. False if it is
 * none of these.
 */
bool http_split_host(struct slice host, struct slice *ret_name, unsigned *ret_port);

/**
 * True if a path could mean another one to a server that decodes it, so that a rule by prefix can't be trusted: "." or ".."
 * segments (also before ";"), plain or percent-encoded, encoded "/" or "\", a "\", an encoded control byte, a "%" that is no
 * escape. Used only where routes or an allow-list are configured.
 */
bool http_path_is_devious(struct slice path);
