/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Writes text into memory of the caller's, and remembers if it did not fit. Pure.
 */
#pragma once

#include "proxy/base/slice.h"

struct http_writer {
    char *bytes;
    size_t room;
    size_t length;
    bool is_full; /**< something did not fit; what is there is of no use */
};

void http_writer_init(struct http_writer *w, void *bytes, size_t room);
void http_put(struct http_writer *w, struct slice s);
void http_put_text(struct http_writer *w, const char *text);
void http_put_number(struct http_writer *w, uint64_t number);

/** "Name: value" and CRLF. */
void http_put_field(struct http_writer *w, const char *name, struct slice value);
