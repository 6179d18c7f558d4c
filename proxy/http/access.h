/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A line of the access log in the extended format of W3C (WD-logfile-960323) as IIS writes it, and the lines that head such a
 * file. logfmt and JSON are the log's own (proxy/base/log.h). Pure.
 *
 *     #Software: georelay 0.1.0
 *     #Version: 1.0
 *     #Date: 2026-11-21 11:02:03
 *     #Fields: date time s-ip cs-method … time-taken x-request-id x-upstream x-time-first x-reason
 *     2026-11-21 11:02:03 203.0.113.1 GET /db/a View 443 - 192.0.2.7 Mozilla/5.0+(Windows) - 200 0 0 5120 431 12 … 10.0.0.5:8080
 * 9 served
 *
 * Times are UTC, as IIS's. In texts a blank is "+", nothing is "-", and control bytes and bytes above 126 are percent-encoded,
 * so that no peer can begin a line or shift a column.
 */
#pragma once

#include "proxy/http/writer.h"

/** One request. Texts may be none, and are borrowed. */
struct http_access {
    int64_t unix_s; /**< when it was over; below HTTP_DATE_END (date.h) */
    struct slice front_ip;
    unsigned front_port;
    struct slice client_ip;
    struct slice method;
    struct slice path;
    struct slice query; /**< none unless the configuration wants it */
    struct slice user;  /**< of a client certificate */
    struct slice user_agent;
    struct slice referer;
    unsigned status;      /**< 0: none was sent */
    uint64_t sent_bytes;  /**< to the client */
    uint64_t taken_bytes; /**< from the client */
    uint64_t ms;          /**< from its first byte to the answer's last */
    struct slice id;
    struct slice upstream;
    bool has_first;
    uint64_t first_ms; /**< until the answer's first byte, with has_first */
    struct slice reason;
};

/** Room that is enough for a line: long texts are cut and then end in "...". */
#define HTTP_ACCESS_BYTES 16384

/** The lines at the beginning of a file, with LF at their ends. */
void http_put_access_head(struct http_writer *w, int64_t unix_s);

/** The line with its LF. */
void http_put_access(struct http_writer *w, const struct http_access *a);
