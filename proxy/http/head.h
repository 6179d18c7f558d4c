/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The head of an HTTP/1.x message: start line and fields, up to and with the empty line.
 *
 * Strict (RFC 9112, and RFC 9110 5.5, 5.6.2 for fields): what the grammar does not allow is a fault, never repaired. Two steps,
 * so that a head which arrives byte by byte costs one pass: http_scan() looks for the end and finds faults of line endings and
 * control bytes as soon as they arrive; http_parse_*() takes the whole head apart. Bytes above 127 are allowed in targets, field
 * values and reason phrases and passed on as they are; a bare CR, bare LF, NUL or other control byte (but for TAB in values) is
 * not.
 *
 * Pure: no I/O, no allocation. A parsed head borrows the bytes that it was parsed from.
 */
#pragma once

#include "proxy/base/slice.h"
#include "proxy/http/field_kind.h"

enum http_fault {
#define X(constant, name, status, sentence) HTTP_FAULT_##constant,
#include "proxy/http/fault.def"
#undef X
    HTTP_FAULT_COUNT
};

const char *http_fault_name(enum http_fault fault);
const char *http_fault_sentence(enum http_fault fault);

/** What a client is told whose request has this fault: 400, 413, 414, 417, 431, 501 or 505. */
unsigned http_fault_status(enum http_fault fault);

/** More fields than this are never parsed, whatever limits.fields says. */
#define HTTP_FIELDS_MAX 256

struct http_limits {
    size_t head_bytes;   /**< whole head, with a leading CRLF; full without an end is HEAD_TOO_LARGE */
    size_t fields;       /**< at most HTTP_FIELDS_MAX */
    size_t target_bytes; /**< requests */
};

/** How far the search for the end of a head has come. All zero at the head's first byte. */
struct http_scan {
    size_t done;           /**< bytes looked at; a CR at the end waits for the byte behind it */
    size_t line;           /**< where the current line begins */
    size_t target;         /**< requests: where the target begins; 0: not there yet */
    size_t version;        /**< requests: where the version begins; 0: not there yet */
    size_t fields;         /**< field lines so far, complete or not */
    bool has_start_line;   /**< the start line is complete */
    bool has_leading_crlf; /**< one empty line before a request line was passed over (RFC 9112 2.2) */
};

enum http_scan_result {
    HTTP_SCAN_MORE,  /**< all bytes looked at, the head goes on */
    HTTP_SCAN_WHOLE, /**< the head ends at `scan->done`: parse it */
    HTTP_SCAN_FAULT  /**< `*ret_fault`; nothing more may be read from this connection */
};

/**
 * Looks at `bytes[scan->done .. length)`. `bytes` are all bytes of the head so far and must be the same ones at each call (they
 * may have moved). Finds what is wrong with lines as early as it can be known: also that the start line can't become one (a TLS
 * record, "SSH-2.0"), that the target or the head is over its limit. The fault does not depend on how the bytes were cut.
 */
enum http_scan_result http_scan_request(struct http_scan *scan, const char *bytes, size_t length,
                                        const struct http_limits *limits, enum http_fault *ret_fault);
enum http_scan_result http_scan_response(struct http_scan *scan, const char *bytes, size_t length,
                                         const struct http_limits *limits, enum http_fault *ret_fault);

struct http_field {
    struct slice name;    /**< as written */
    struct slice value;   /**< without blanks and tabs around it; inner bytes as written */
    enum http_name known; /**< which of the names that we know it is, in any case */
    enum http_field_kind kind;
};

struct http_head {
    unsigned minor;      /**< 0 or 1: HTTP/1.minor */
    struct slice method; /**< requests */
    struct slice target; /**< requests: as written */
    unsigned status;     /**< responses: 100 to 999 */
    struct slice phrase; /**< responses: may be empty */
    uint64_t names;      /**< bit N: a field with the known name N is there */
    uint64_t repeated;   /**< the same, more than one */
    size_t fields_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/**
 * `bytes` are one whole head as http_scan_*() found it with these limits (lines are asserted, not examined again), up to
 * `scan->done`. NONE and *ret filled in, or a fault of its field names.
 */
enum http_fault http_parse_request(const char *bytes, size_t length, const struct http_limits *limits, struct http_head *ret);
enum http_fault http_parse_response(const char *bytes, size_t length, const struct http_limits *limits, struct http_head *ret);

/** True if a field of that name is there. Not for OTHER. */
static inline bool http_has(const struct http_head *head, enum http_name name)
{
    return (head->names >> name & 1) != 0;
}

/** The `n`-th field (from 0) of that name, or NULL. Not for OTHER. */
const struct http_field *http_find(const struct http_head *head, enum http_name name, size_t n);

/** The grammar's token (RFC 9110 5.6.2), at least one byte. */
bool http_is_token(struct slice s);

/** A field value: visible bytes, blanks, tabs, bytes above 127. May be empty. */
bool http_is_value(struct slice s);
