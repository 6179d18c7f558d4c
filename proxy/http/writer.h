/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Writes text into memory of the caller's, and remembers if it did not fit. Pure.
 */
#pragma once

#include "proxy/base/slice.h"

#include <string.h>

struct http_writer {
    char *bytes;
    size_t room;
    size_t length;
    bool is_full; /**< something did not fit; what is there is of no use */
};

void http_writer_init(struct http_writer *w, void *bytes, size_t room);

/** Inline, as the next one, so that the compiler counts and copies the constants that most of a head is. */
static inline void http_put(struct http_writer *w, struct slice s)
{
    /* Once full, always full: a shorter text that would fit again must not close a gap. */
    if (w->is_full || s.length > w->room - w->length) {
        w->is_full = true;
        return;
    }
    if (s.length == 0)
        return;
    memcpy(w->bytes + w->length, s.at, s.length);
    w->length += s.length;
}

static inline void http_put_text(struct http_writer *w, const char *text)
{
    http_put(w, (struct slice){text, strlen(text)});
}

void http_put_number(struct http_writer *w, uint64_t number);

/** "%C3": a byte in percent-encoding (RFC 3986 2.1). */
void http_put_escaped(struct http_writer *w, char byte);

/** `before`, the number, CRLF: "Content-Length: 5". */
void http_put_number_line(struct http_writer *w, const char *before, uint64_t number);

/**
 * "Name: value" and CRLF. A control byte in the value but for TAB is written as a blank (RFC 9110 5.5), so that nothing a peer
 * chose can begin a line.
 */
void http_put_field(struct http_writer *w, struct slice name, struct slice value);

/** The same of a field that is known to be sound: parsed, or checked with the configuration. Byte for byte. */
void http_put_pair(struct http_writer *w, struct slice name, struct slice value);
