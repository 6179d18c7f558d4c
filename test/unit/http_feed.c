/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the ways in which a head arrives. Used by one thread. */
#include "test/unit/unit.h"

#include "test/unit/http_feed.h"

#include <string.h>

const struct http_limits feed_limits = {.head_bytes = 32768, .fields = HTTP_FIELDS_MAX, .target_bytes = 8192};

static enum http_scan_result scan(enum feed_kind kind, struct http_scan *s, const char *bytes, size_t length,
                                  const struct http_limits *limits, enum http_fault *ret)
{
    if (kind == FEED_REQUEST)
        return http_scan_request(s, bytes, length, limits, ret);
    return http_scan_response(s, bytes, length, limits, ret);
}

/** `first` bytes, then `step` more each time, until there is a result or no more bytes. */
static struct fed feed(struct guard *g, enum feed_kind kind, const char *bytes, size_t length, const struct http_limits *limits,
                       size_t first, size_t step)
{
    struct http_scan s = {.done = 0};
    struct fed fed = {HTTP_SCAN_MORE, HTTP_FAULT_NONE, 0, 0};

    for (size_t count = first;; count += step) {
        if (count > length)
            count = length;
        fed.result = scan(kind, &s, (const char *)guard_copy(g, bytes, count), count, limits, &fed.fault);
        if (fed.result != HTTP_SCAN_MORE || count == length)
            break;
    }
    if (fed.result != HTTP_SCAN_FAULT)
        fed.done = s.done;
    fed.fields = s.fields;
    return fed;
}

static bool is_same(struct fed a, struct fed b)
{
    return a.result == b.result && a.fault == b.fault && a.done == b.done && a.fields == b.fields;
}

struct fed feed_head(struct guard *g, enum feed_kind kind, const char *bytes, size_t length, const struct http_limits *limits,
                     const char *comment)
{
    struct fed whole = feed(g, kind, bytes, length, limits, length, 1);

    EXPECT(is_same(whole, feed(g, kind, bytes, length, limits, 0, 1)), comment);
    for (size_t at = 1; at < length; at++)
        EXPECT(is_same(whole, feed(g, kind, bytes, length, limits, at, length)), comment);
    return whole;
}

enum http_fault feed_parse(struct guard *g, enum feed_kind kind, const char *bytes, size_t length, const char *comment,
                           struct http_head *ret)
{
    struct fed fed = feed_head(g, kind, bytes, length, &feed_limits, comment);
    const char *copy;

    if (fed.result == HTTP_SCAN_FAULT)
        return fed.fault;
    EXPECT(fed.result == HTTP_SCAN_WHOLE, comment);
    copy = (const char *)guard_copy(g, bytes, fed.done);
    if (kind == FEED_REQUEST)
        return http_parse_request(copy, fed.done, &feed_limits, ret);
    return http_parse_response(copy, fed.done, &feed_limits, ret);
}
