/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How long a message is and what happens to its connection afterwards (RFC 9112 6, 9; RFC 9110 7.6, 7.8).
 *
 * The one place that decides it. What could be read in two ways is a fault: both lengths, differing lengths, a coding other than
 * "chunked", any coding in HTTP/1.0, a name that some readers take for one of these fields ("Transfer_Encoding"). Pure.
 */
#pragma once

#include "proxy/http/head.h"

enum http_body_kind {
    HTTP_BODY_NONE = 0, /**< the message ends with its head */
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_TO_CLOSE /**< responses only */
};

struct http_framing {
    enum http_body_kind kind;
    uint64_t length;       /**< LENGTH: of the body. NONE in answer to HEAD or in 304: what Content-Length said, else 0 */
    bool keeps_alive;      /**< the sender will take (request) or send (response) another message on this connection */
    bool expects_continue; /**< requests: Expect: 100-continue of an HTTP/1.1 client with a body to send */
    bool has_upgrade;      /**< an Upgrade field that Connection lists: a request for another protocol, or the 101's answer. Never
                                for another HTTP ("h2c"): such a request goes on as if it had not asked */
};

/**
 * Content-Length: one or more digits only, below 2^63; several equal ones or a list of equal ones are faults too (BAD_LENGTH),
 * for no client sends them. Transfer-Encoding: exactly "chunked". An upgrade with a body is BAD_UPGRADE. Connection may not list
 * what is meant for the server (RFC 9110 7.6.1), such as Host, Cookie or X-Forwarded-For: BAD_CONNECTION. With a fault `*ret` has
 * no meaning.
 */
enum http_fault http_request_framing(const struct http_head *head, struct http_framing *ret);

/**
 * `is_head`: the request's method was HEAD; `had_upgrade`: the request's framing had has_upgrade. 101 that was not asked for
 * is BAD_UPGRADE. 1xx, 204, 304 and answers to HEAD have no body, whatever they say; a 1xx or 204 with Transfer-Encoding or
 * with Content-Length above 0 is a fault, as it might be meant as a body.
 */
enum http_fault http_response_framing(const struct http_head *head, bool is_head, bool had_upgrade, struct http_framing *ret);
