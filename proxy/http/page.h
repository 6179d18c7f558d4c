/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Answers of georelay's own: short, readable, without external files, with what to do and the request's id.
 *
 * HTML, JSON for a client whose Accept prefers it, a SOAP fault (1.1, or 1.2 for application/soap+xml) for a SOAP request. All
 * are ASCII, said to be UTF-8. None may be stored (Cache-Control: no-store). Pure.
 */
#pragma once

#include "proxy/http/writer.h"

enum http_page_form { HTTP_PAGE_HTML = 0, HTTP_PAGE_JSON, HTTP_PAGE_SOAP11, HTTP_PAGE_SOAP12 };

/** What a request says that decides the form of an answer. All none: nothing. */
struct http_page_hints {
    struct slice content_type;
    struct slice accept; /**< the values of all Accept fields, each with an LF behind it */
    bool has_soap_action;
};

/** The form that fits a request. */
enum http_page_form http_page_form_for(const struct http_page_hints *hints);

struct http_page {
    unsigned status; /**< 308, 400 to 599; also that of a SOAP fault, see page.c */
    enum http_page_form form;
    const char *sentence;   /**< what happened, for people; NULL: the status' own */
    const char *advice;     /**< what to do; NULL: the status' own */
    struct slice id;        /**< of the request; none: not shown. Its first 128 bytes are */
    struct slice location;  /**< 308: the Location field */
    struct slice allow;     /**< 405: the Allow field, which RFC 9110 15.5.6 demands: "GET, HEAD"; may be empty elsewhere */
    const char *date;       /**< see date.h; RFC 9110 6.6.1 demands it of who has a clock. NULL: no Date */
    unsigned retry_after_s; /**< 0: no Retry-After */
    bool is_head;           /**< the request's method was HEAD: no body is sent */
    bool closes;            /**< "Connection: close" */
    uint64_t hsts_s;        /**< as in http_response_plan; 0 without TLS */
};

/** Room that is enough for any page whose sentence and advice are the status' own, without `location` and `allow`. */
#define HTTP_PAGE_BYTES 4096

/** A whole response. Text from peers is escaped for its form. */
void http_write_page(struct http_writer *w, const struct http_page *page);

/** "Not Found" and the like, of what georelay answers itself; "Error" for another one. */
const char *http_status_phrase(unsigned status);
