/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What bytes are, for the parsers of this folder: classes, words and lines. Not for other folders.
 */
#pragma once

#include "proxy/http/head.h"

/** Classes of bytes; a byte may be of several. */
enum http_class {
    HTTP_TOKEN = 1,  /**< RFC 9110 5.6.2 */
    HTTP_TARGET = 2, /**< of a request target: visible, or above 127; not "#" */
    HTTP_HOST = 4,   /**< of a host's name: letters, digits, "-", ".", "_", "~" */
    HTTP_CONTROL = 8 /**< below 32, and 127 */
};

extern const uint8_t http_classes[256];

static inline bool http_is(char byte, enum http_class class)
{
    return (http_classes[(uint8_t)byte] & class) != 0;
}

/** How many of the first bytes are of this class. */
size_t http_span(struct slice s, enum http_class class);

/** How many of the first bytes are text: no control byte, not even TAB. Steps of eight bytes. */
size_t http_text_span(struct slice s);

/** 0 to 15, or -1. */
int http_hex(char byte);

/**
 * What stands at a control byte, the first of `s`: CRLF gives NONE and 2, CR as the last byte that there is NONE and 0 (wait for
 * more), anything else a fault. RFC 9112 2.2 would let a recipient take a lone LF for a line's end; parsers differ there, so we
 * do not.
 */
enum http_fault http_line_end(struct slice s, size_t *ret_length);

/** Takes a field line (without CRLF, and without control bytes but for TAB) apart: RFC 9112 5. NONE or BAD_FIELD_NAME. */
enum http_fault http_parse_field(struct slice line, struct http_field *ret);

/**
 * True if a field's name is this one for any reader: in any case, and with "_" for "-", which are one and the same for servers
 * that make variables of fields (RFC 3875 4.1.18). A `pattern` that ends in "*" stands for all names that begin so.
 */
bool http_name_is(struct slice name, const char *pattern);

/** http_name_is() for any of `count` patterns. */
bool http_name_is_any(struct slice name, const char *const patterns[], size_t count);
