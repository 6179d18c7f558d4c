/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the texts of a head or a page that are more than a copy: numbers, escapes, whole fields. Pure; any thread. */
#include "proxy/http/writer.h"

#include "proxy/http/grammar.h"

void http_writer_init(struct http_writer *w, void *bytes, size_t room)
{
    *w = (struct http_writer){.bytes = bytes, .room = room};
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

/** RFC 9110 5.5: a recipient of CR, LF or NUL in a value "MUST either reject the message or replace each of those characters with
 * SP". */
static void blank_controls(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (http_is(bytes[i], HTTP_CONTROL) && bytes[i] != '\t')
            bytes[i] = ' ';
}

void http_put_field(struct http_writer *w, struct slice name, struct slice value)
{
    size_t begin = w->length + name.length + strlen(": ");

    http_put_pair(w, name, value);
    /* What we write here are names and ids that were never part of a parsed head: a certificate's subject may hold them. */
    if (!w->is_full && !http_is_value(value))
        blank_controls(w->bytes + begin, value.length);
}

void http_put_pair(struct http_writer *w, struct slice name, struct slice value)
{
    http_put(w, name);
    http_put_text(w, ": ");
    http_put(w, value);
    http_put_text(w, "\r\n");
}
