/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The heads that go on: a request as the server gets it, a response as the client gets it.
 *
 * Order, case and bytes of fields stay; left out are those that concern one connection only (RFC 9110 7.6.1: Connection, what it
 * lists, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade; Proxy-Authenticate and -Authorization go on as RFC 9110 11.7
 * leaves it to us: left out), and what the plan says. Framing fields are written anew from the framing that was decided, so that what
 * the next reader sees is what we have seen. Pure; everything is borrowed for the call.
 */
#pragma once

#include "proxy/http/framing.h"
#include "proxy/http/target.h"
#include "proxy/http/writer.h"

/** How the server learns who asked. */
enum http_telling {
    HTTP_TELL_APPEND = 0, /**< X-Forwarded-For, -Proto, -Host, -Port and Forwarded (RFC 7239); behind what a trusted proxy sent */
    HTTP_TELL_REPLACE,    /**< the same, what a trusted proxy sent is dropped too */
    HTTP_TELL_ARR,        /**< X-ARR-SSL, X-ARR-LOG-ID, X-Original-URL, X-Forwarded-For with port, and nothing else */
    HTTP_TELL_OFF         /**< nothing; only a trusted proxy's own fields go on */
};

struct http_pair {
    struct slice name;
    struct slice value;
};

/** What is known of a client's certificate; all none if it showed none. */
struct http_client_certificate {
    bool is_asked_for;        /**< then the fields below are sent, also empty, and the client's own are dropped */
    struct slice verify;      /**< "SUCCESS" or "NONE" */
    struct slice subject;     /**< RFC 2253 */
    struct slice issuer;      /**< RFC 2253 */
    struct slice serial;      /**< hexadecimal */
    struct slice fingerprint; /**< SHA-256, hexadecimal */
    struct slice base64;      /**< DER in base64, for X-ARR-ClientCert */
};

struct http_request_plan {
    enum http_telling telling;
    bool is_trusted;            /**< the peer is a trusted proxy: what it says of the client is believed */
    bool is_tls;                /**< the client came over TLS */
    struct slice client_ip;     /**< the peer's address without port, IPv6 without brackets */
    unsigned client_port;
    struct slice front_ip;      /**< our address that it came to */
    unsigned front_port;
    struct slice id;            /**< of the request: X-Request-Id where telling is APPEND or REPLACE; ARR: a GUID made of it */
    struct slice arr_ssl;       /**< ARR: the value of X-ARR-SSL; none without TLS */
    struct slice origin;        /**< the target to send; the head's own unless a route changes the prefix */
    struct slice host;          /**< to send as Host; none: the client's */
    bool may_reuse;             /**< ask the server to keep the connection; else "Connection: close" */
    struct http_client_certificate certificate;
    const struct http_pair *set; /**< fields to send with this value, instead of any of that name */
    size_t set_count;
    const struct slice *remove; /**< fields to leave out */
    size_t remove_count;
};

/**
 * Writes request line, fields and the empty line; always HTTP/1.1. A client's X-Forwarded-*, Forwarded, X-Real-IP, X-Request-Id, X-ARR-*,
 * X-Original-URL, X-Rewrite-URL, X-Client-Cert-* and X-SSL-* fields, also spelled with "_" for "-", are dropped unless `is_trusted`. An upgrade keeps "Connection: upgrade"
 * and Upgrade as written. Host comes first (RFC 9110 7.2). `w->is_full` if it does not fit.
 */
void http_write_request(struct http_writer *w, const struct http_head *head, const struct http_target *target,
                        const struct http_framing *framing, const struct http_request_plan *plan);

enum http_same_site { HTTP_SAME_SITE_KEEP = 0, HTTP_SAME_SITE_LAX, HTTP_SAME_SITE_STRICT, HTTP_SAME_SITE_NONE };

struct http_response_plan {
    bool closes;        /**< the client is told "Connection: close" */
    unsigned minor;     /**< of the client's request: 0 gets "Connection: keep-alive" where the connection stays, and no chunks */
    bool rewrites;      /**< Location, Content-Location, Refresh, Set-Cookie's Domain that name the server name the public host */
    bool is_tls;        /**< the public scheme is https */
    struct slice host;  /**< public host and port: the client's Host field */
    const struct slice *back_hosts; /**< what the server may call itself: name or address with or without port */
    size_t back_hosts_count;
    struct slice public_prefix; /**< of a route that changes the prefix: paths below back_prefix are given back below public_prefix */
    struct slice back_prefix;   /**< both none: no change */
    bool adds_secure;
    bool adds_http_only;
    enum http_same_site same_site; /**< KEEP: as the server says; else for cookies that say nothing */
    uint64_t hsts_s;               /**< Strict-Transport-Security: max-age; 0: not added. Only over TLS; replaces the server's */
    const struct http_pair *set;
    size_t set_count;
    const struct slice *remove;
    size_t remove_count;
};

/**
 * Writes status line (HTTP/1.1 as a proxy does, whatever the server said), fields, empty line. The framing is the server's, but
 * for HTTP/1.0 clients, who get a chunked body without its chunks and until close. Fields of an answer to HEAD or of 304 keep
 * Content-Length; a 101 keeps Upgrade and "Connection: upgrade"; other 1xx are passed on with their end-to-end fields.
 */
void http_write_response(struct http_writer *w, const struct http_head *head, const struct http_framing *framing,
                         const struct http_response_plan *plan);

/** A field that is for one connection only: hop-by-hop by itself, or listed in the head's Connection field. */
bool http_is_hop_by_hop(const struct http_head *head, struct slice name);
