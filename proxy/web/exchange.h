/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An exchange: one request and its response, as far as they must be remembered while bytes stream by.
 *
 * Embedded in the conversation; the session's thread.
 */
#pragma once

#include "proxy/base/reason.h"
#include "proxy/http/framing.h"
#include "proxy/http/page.h"
#include "proxy/http/target.h"
#include "proxy/web/rules.h"

#define EXCHANGE_ID_BYTES 32

struct exchange {
    bool is_open; /**< there is one, and its line is not written yet */
    char id[EXCHANGE_ID_BYTES + 1];
    char *text; /**< owns the slices below, and those of `hints` */
    struct slice method;
    struct slice path;
    struct slice query;
    struct slice host;
    struct slice user_agent;
    struct slice referer;
    struct http_framing request;
    struct http_framing response;
    struct http_page_hints hints; /**< for the form of an own answer, if there is one */
    unsigned minor;               /**< HTTP/1.minor of the client */
    bool is_head;
    bool is_https;      /**< the client came over TLS, to us or as a trusted proxy says */
    bool is_repeatable; /**< a method that may be sent twice (RFC 9110 9.2.2) */
    bool has_response;  /**< the final response's head was taken */
    bool is_own;        /**< the answer is ours */
    bool logs_on;       /**< the request logs on the server's connection, see back_must_pin() */
    unsigned tries;     /**< servers that were asked */
    unsigned interims;  /**< 1xx responses so far */
    unsigned status;    /**< sent to the client; 0: none yet */
    struct web_choice choice;
    enum reason why;
    enum http_fault fault;
    uint64_t started_ms;
    uint64_t first_ms; /**< until the first byte of the response or own answer; valid if `status` is set */
};

/** A new exchange for this head: gives it an id and copies what must be remembered. False without memory. */
bool exchange_open(struct exchange *x, const struct http_head *head, const struct http_target *target);

/** One for a request that could not be read: only id and time. */
void exchange_open_blind(struct exchange *x);

/** Frees; the next one may be opened. Idempotent. */
void exchange_close(struct exchange *x);
