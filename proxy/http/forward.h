/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The heads that go on: a request as the server gets it, a response as the client gets it.
 *
 * Order, case and bytes of fields stay. Left out are those that concern one connection only (RFC 9110 7.6.1: Connection, what it
 * lists, Keep-Alive, Proxy-Connection, TE, Upgrade), those between a client and its proxy (11.7: Proxy-Authenticate and
 * -Authorization; we ask for neither), and what the plan says. The field that frames the body is written anew, in its place, from
 * the framing that was decided, so that what the next reader sees is what we have seen. Pure; everything is borrowed for the
 * call.
 *
 * A head whose Connection field lists more than 32 names of fields does not go on: `is_full` is set as if there were no room.
 * Names and values of `set` and names of `remove` are checked with the configuration; reserved ones (field_kind.h) are passed
 * over.
 */
#pragma once

#include "proxy/http/framing.h"
#include "proxy/http/target.h"
#include "proxy/http/writer.h"

/** How the server learns who asked. */
enum http_telling {
    HTTP_TELL_APPEND = 0, /**< X-Forwarded-For, -Proto, -Host, -Port, Forwarded, X-Request-Id; behind a trusted proxy's own */
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
    struct slice subject;     /**< RFC 2253, with bytes above 127 escaped: IIS answers 400 to some of them */
    struct slice issuer;      /**< the same */
    struct slice serial;      /**< hexadecimal */
    struct slice fingerprint; /**< SHA-256, hexadecimal */
    struct slice base64;      /**< DER in base64, for X-ARR-ClientCert */
};

struct http_request_plan {
    enum http_telling telling;
    bool is_trusted;        /**< the peer is a trusted proxy: what it says of the client is believed */
    bool is_tls;            /**< the client came over TLS */
    struct slice client_ip; /**< the peer's address without port, IPv6 without brackets */
    unsigned client_port;
    struct slice front_ip; /**< our address that it came to */
    unsigned front_port;
    struct slice id;      /**< of the request: X-Request-Id; ARR: a GUID of its last 32 hexadecimal digits */
    struct slice arr_ssl; /**< ARR: the value of X-ARR-SSL, ASCII as the names above; none without TLS */
    struct slice origin;  /**< the target to send; the head's own unless a route changes the prefix */
    struct slice host;    /**< to send as Host; none: the client's */
    bool may_reuse;       /**< ask the server to keep the connection; else "Connection: close" */
    struct http_client_certificate certificate;
    const struct http_pair *set; /**< fields to send with this value, instead of any of that name */
    size_t set_count;
    const struct slice *remove; /**< fields to leave out */
    size_t remove_count;
};

/**
 * Writes request line, fields and the empty line; always HTTP/1.1. Host comes first (RFC 9110 7.2); an HTTP/1.0 client that named
 * none is given our address. An upgrade goes on with Upgrade as written. `w->is_full` if it does not fit.
 *
 * Fields about the client (the rows CHAIN, TOLD and CERTIFICATE of field_kind.c: X-Forwarded-*, Forwarded, X-Real-IP,
 * X-Request-Id, X-ARR-*, X-Original-*, X-Client-Cert-*, X-SSL-* and their like) are dropped unless `is_trusted`; spelled with "_"
 * for "-" they are dropped always. From a trusted proxy X-Forwarded-For and Forwarded are joined to one field with our entry at
 * the end (if it sent only one of the two, the other is not begun); all others go on as they came, and ours are sent only where
 * it sent none. Fields of a certificate are the exception: once we ask for one, only ours are sent, X-Client-Cert-Verify,
 * -Subject, -Issuer, -Serial and -Fingerprint with APPEND and REPLACE, X-ARR-ClientCert with ARR. `set` and `remove` go before
 * all of these.
 */
void http_write_request(struct http_writer *w, const struct http_head *head, const struct http_target *target,
                        const struct http_framing *framing, const struct http_request_plan *plan);

enum http_same_site { HTTP_SAME_SITE_KEEP = 0, HTTP_SAME_SITE_LAX, HTTP_SAME_SITE_STRICT, HTTP_SAME_SITE_NONE };

struct http_response_plan {
    bool closes;       /**< the client is told "Connection: close" */
    unsigned minor;    /**< of the client's request: 0 gets "Connection: keep-alive" where the connection stays, and no chunks */
    bool rewrites;     /**< Location, Content-Location, Refresh, Set-Cookie's Domain that name the server name the public host */
    bool is_tls;       /**< the public scheme is https */
    struct slice host; /**< public host and port: the client's Host field */
    const struct slice *back_hosts; /**< what the server may call itself: name or address with or without port */
    size_t back_hosts_count;
    struct slice public_prefix; /**< of a route that changes the prefix; "/" or none: paths begin at the root */
    struct slice back_prefix;   /**< paths below it are given back below public_prefix; both none: no change */
    bool adds_secure;
    bool adds_http_only;
    enum http_same_site same_site; /**< KEEP: as the server says; else for cookies that say nothing */
    const char *date;              /**< RFC 9110 5.6.7, see date.h: for an answer that came without; NULL: not added */
    uint64_t hsts_s;               /**< Strict-Transport-Security: max-age; 0: not added. Only over TLS; replaces the server's */
    const struct http_pair *set;
    size_t set_count;
    const struct slice *remove;
    size_t remove_count;
};

/**
 * Writes status line (HTTP/1.1 as a proxy does, whatever the server said), fields, empty line. The framing is the server's, but
 * for HTTP/1.0 clients, who get a chunked body without its chunks and until close. Such an answer, and any until close, says
 * "Connection: close" also without `closes`. An answer to HEAD or a 304 keeps its Content-Length; 101 and 426 keep Upgrade; other
 * 1xx are passed on with their end-to-end fields, without `set`, Date and HSTS. What happens to links and cookies: link.h,
 * cookie.h.
 */
void http_write_response(struct http_writer *w, const struct http_head *head, const struct http_framing *framing,
                         const struct http_response_plan *plan);

/** A field that is for one connection only: hop-by-hop by itself, or listed in the head's Connection field. */
bool http_is_hop_by_hop(const struct http_head *head, struct slice name);
