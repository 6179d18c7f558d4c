/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HTTP as the admin port speaks it: one request on a connection, GET or HEAD without a body, and one answer. Pure; any thread.
 *
 * Not libevent's evhttp: in 2.1.12 it has no limit of connections and none of a request's time, and it goes by Content-Length
 * where it does not know the Transfer-Encoding. The grammar is that of the web front door (proxy/http/head.h), which refuses what
 * is ambiguous; and where a second request is never read, there is nothing to smuggle one into.
 */
#pragma once

#include "proxy/base/slice.h"
#include "proxy/http/head.h"

#define ADMIN_HEAD_BYTES     8192
#define ADMIN_RESPONSE_BYTES 1024 /**< room for the head of an answer */

extern const struct http_limits admin_http_limits;

enum admin_page { ADMIN_PAGE_HEALTH = 0, ADMIN_PAGE_METRICS, ADMIN_PAGE_STATUS, ADMIN_PAGES };

/** What a request must prove, and how it came. */
struct admin_rules {
    bool is_loopback;  /**< the listener's address is: then Host must name this machine */
    const char *token; /**< NULL: none is asked for */
    bool is_known;     /**< the client's certificate has said who it is: no token is needed */
};

struct admin_request {
    enum admin_page page;
    bool is_head;    /**< HEAD */
    bool has_chunks; /**< the client understands chunks: HTTP/1.1 */
};

/**
 * Judges a whole head, `head.length` bytes up to and with its empty line: 200 and *ret filled in, or the status to refuse it with
 * and a word for the log in *ret_why.
 */
unsigned admin_http_read(struct slice head, const struct admin_rules *rules, struct admin_request *ret, const char **ret_why);

/** The name and content type of a page. */
const char *admin_page_type(enum admin_page page);

/** An answer in pieces: chunks, or until the connection ends. */
#define ADMIN_CHUNKS SIZE_MAX
#define ADMIN_STREAM (SIZE_MAX - 1)

/** The head of an answer of `body_bytes`, or one of the above; its length. */
size_t admin_http_head(unsigned status, const char *type, size_t body_bytes, char text[ADMIN_RESPONSE_BYTES]);

/** "Not Found" and a newline: the body of a refusal. */
const char *admin_http_refusal(unsigned status);
