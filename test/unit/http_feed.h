/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Gives heads to the parser as a network would: whole, byte by byte, split at each position; each time all bytes so far lie in
 * memory that ends at a guard page.
 */
#pragma once

#include "proxy/http/head.h"
#include "test/unit/guard.h"

/** Bytes of a literal, which may hold zeros. */
#define B(literal) literal, sizeof(literal) - 1

enum feed_kind { FEED_REQUEST, FEED_RESPONSE };

struct fed {
    enum http_scan_result result;
    enum http_fault fault; /**< of FAULT, else NONE */
    size_t done;           /**< of WHOLE: the head's length; of FAULT: 0 */
    size_t fields;
};

/** Enough for each table; those that test limits have their own. */
extern const struct http_limits feed_limits;

/** In every way. Fails the test, with the comment, if one way gives another result than the others. */
struct fed feed_head(struct guard *g, enum feed_kind kind, const char *bytes, size_t length, const struct http_limits *limits,
                     const char *comment);

/**
 * Feeds and parses. NONE, or the fault of the scan or of the parser. A head without an end fails the test. `ret` borrows from the
 * guard, until its next copy.
 */
enum http_fault feed_parse(struct guard *g, enum feed_kind kind, const char *bytes, size_t length, const char *comment,
                           struct http_head *ret);
