/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the one place where bytes of a head or a page are appended, and so the one check of their room. Pure; any thread. */
#include "proxy/http/writer.h"

#include <string.h>

void http_writer_init(struct http_writer *w, void *bytes, size_t room)
{
    *w = (struct http_writer){.bytes = bytes, .room = room};
}

void http_put(struct http_writer *w, struct slice s)
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

void http_put_number(struct http_writer *w, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    http_put(w, (struct slice){digits + at, sizeof(digits) - at});
}

void http_put_escaped(struct http_writer *w, char byte)
{
    static const char hex[] = "0123456789ABCDEF";
    const char text[] = {'%', hex[(uint8_t)byte >> 4], hex[(uint8_t)byte & 15]};

    http_put(w, (struct slice){text, sizeof(text)});
}

void http_put_number_line(struct http_writer *w, const char *before, uint64_t number)
{
    http_put_text(w, before);
    http_put_number(w, number);
    http_put_text(w, "\r\n");
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

void http_put_field(struct http_writer *w, const char *name, struct slice value)
{
    size_t begin;

    http_put_text(w, name);
    http_put_text(w, ": ");
    begin = w->length;
    http_put(w, value);
    /* RFC 9110 5.5: a recipient of CR, LF or NUL in a value "MUST either reject the message or replace each of those characters
     * with SP". What we write here are names and ids that were never part of a parsed head: a certificate's subject may hold
     * them. */
    for (size_t i = begin; i < w->length; i++)
        if (is_control(w->bytes[i]))
            w->bytes[i] = ' ';
    http_put_text(w, "\r\n");
}

void http_put_pair(struct http_writer *w, struct slice name, struct slice value)
{
    http_put(w, name);
    http_put_text(w, ": ");
    http_put(w, value);
    http_put_text(w, "\r\n");
}
