/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the escapes of both forms. A front door under load writes 50,000 lines a second: bytes are looked at once, nothing is
 * printed with printf(3), and the date is worked out once a second.
 */
#include "proxy/base/log_form.h"

#include <string.h>
#include <time.h>

/** "2026-11-21T11:02:03." */
#define SECOND_BYTES (LOG_FORM_TIME_BYTES - 4)

/** The longest escape: two surrogates, \ud83d\ude00. */
#define ESCAPE_BYTES 12

static const char cut_mark[] = {'.', '.', '.'};

/** Writes the escape of what `rest` begins with, and how many of its bytes it stands for. Returns its length. */
typedef size_t escape_fn(struct slice rest, char escape[ESCAPE_BYTES], size_t *ret_taken);

/** True if a byte stands between quotes as it is, in both forms. */
static bool is_itself(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

/** True if a value may stand in logfmt without quotes. */
static bool is_plain(struct slice value)
{
    for (size_t i = 0; i < value.length; i++)
        if (!is_itself((unsigned char)value.at[i]) || value.at[i] == ' ' || value.at[i] == '=')
            return false;
    return value.length > 0;
}

/** The letter after the backslash in the escapes that both forms have in common, or 0. */
static char short_escape(uint32_t code)
{
    switch (code) {
    case '"':
    case '\\':
        return (char)code;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

/** A backslash, `kind` and so many hexadecimal digits. */
static size_t put_hex(char *to, char kind, uint32_t number, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";

    to[0] = '\\';
    to[1] = kind;
    for (unsigned i = 0; i < digits; i++)
        to[2 + i] = hex[number >> (4 * (digits - 1 - i)) & 15];
    return 2 + digits;
}

static size_t escape_logfmt(struct slice rest, char escape[ESCAPE_BYTES], size_t *ret_taken)
{
    unsigned char c = (unsigned char)rest.at[0];

    *ret_taken = 1;
    escape[0] = '\\';
    escape[1] = short_escape(c);
    return escape[1] != '\0' ? 2 : put_hex(escape, 'x', c, 2);
}

/** How many bytes a character of UTF-8 has that begins with this one; 1 if none does. */
static size_t utf8_length(unsigned char first)
{
    if ((first & 0xe0) == 0xc0)
        return 2;
    if ((first & 0xf0) == 0xe0)
        return 3;
    return (first & 0xf8) == 0xf0 ? 4 : 1;
}

/**
 * Decodes one character of UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF) and returns its length. A byte
 * that starts none counts as one character with the byte's number.
 */
static size_t decode_utf8(struct slice rest, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)rest.at;
    size_t length = utf8_length(bytes[0]);
    uint32_t code = bytes[0] & (0x7fU >> length);

    *ret = bytes[0];
    if (length == 1 || length > rest.length)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 1;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 1;
    *ret = code;
    return length;
}

/* RFC 8259 section 7: a character outside the Basic Multilingual Plane is "represented as a 12-character sequence, encoding the
 * UTF-16 surrogate pair". */
static size_t escape_json(struct slice rest, char escape[ESCAPE_BYTES], size_t *ret_taken)
{
    uint32_t code;

    *ret_taken = decode_utf8(rest, &code);
    escape[0] = '\\';
    escape[1] = short_escape(code);
    if (escape[1] != '\0')
        return 2;
    if (code < 0x10000)
        return put_hex(escape, 'u', code, 4);
    put_hex(escape, 'u', 0xd800 + ((code - 0x10000) >> 10), 4);
    return 6 + put_hex(escape + 6, 'u', 0xdc00 + ((code - 0x10000) & 0x3ff), 4);
}

/** Ends a value that did not fit at `cut`, the last place that leaves room for `tail`; 0: there is none, or it may not be cut. */
static size_t end_cut(struct log_room room, size_t cut, const char *tail, size_t tail_bytes)
{
    if (!room.may_cut || cut == 0)
        return 0;
    memcpy(room.at + cut, tail, tail_bytes);
    return cut + tail_bytes;
}

static size_t put_quoted(struct log_room room, struct slice value, escape_fn *escape_of)
{
    static const char tail[] = {'.', '.', '.', '"'};
    size_t used = 1, cut = room.bytes > sizeof(tail) ? 1 : 0, taken;

    if (room.bytes < 2)
        return 0;
    room.at[0] = '"';
    for (size_t i = 0; i < value.length; i += taken) {
        char escape[ESCAPE_BYTES];
        const char *bytes = value.at + i;
        size_t count = 1;

        taken = 1;
        if (!is_itself((unsigned char)*bytes)) {
            count = escape_of((struct slice){bytes, value.length - i}, escape, &taken);
            bytes = escape;
        }
        if (count > room.bytes - 1 - used)
            return end_cut(room, cut, tail, sizeof(tail));
        if (count == 1)
            room.at[used] = *bytes;
        else
            memcpy(room.at + used, bytes, count);
        used += count;
        if (used + sizeof(tail) <= room.bytes)
            cut = used;
    }
    room.at[used] = '"';
    return used + 1;
}

size_t log_form_logfmt(struct log_room room, struct slice value)
{
    size_t cut = room.bytes > sizeof(cut_mark) ? room.bytes - sizeof(cut_mark) : 0;

    if (!is_plain(value))
        return put_quoted(room, value, escape_logfmt);
    if (value.length <= room.bytes) {
        memcpy(room.at, value.at, value.length);
        return value.length;
    }
    memcpy(room.at, value.at, cut);
    return end_cut(room, cut, cut_mark, sizeof(cut_mark));
}

size_t log_form_json(struct log_room room, struct slice value)
{
    return put_quoted(room, value, escape_json);
}

size_t log_form_number(char text[LOG_FORM_NUMBER_BYTES], uint64_t value)
{
    char digits[LOG_FORM_NUMBER_BYTES];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(text, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

/** A time up to its dot: the same for a whole second, and so kept by each thread. */
static const char *format_second(time_t second)
{
    static _Thread_local char text[LOG_FORM_TIME_BYTES];
    static _Thread_local time_t then = -1;
    struct tm utc;

    if (second == then)
        return text;
    if (gmtime_r(&second, &utc) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &utc) != SECOND_BYTES)
        memset(text, '0', sizeof(text)); /* the clock is beyond the year 9999 */
    then = second;
    return text;
}

void log_form_time(char text[LOG_FORM_TIME_BYTES])
{
    struct timespec now;
    unsigned ms;

    clock_gettime(CLOCK_REALTIME, &now);
    ms = (unsigned)(now.tv_nsec / 1000000);
    memcpy(text, format_second(now.tv_sec), SECOND_BYTES);
    text[SECOND_BYTES] = (char)('0' + ms / 100);
    text[SECOND_BYTES + 1] = (char)('0' + ms / 10 % 10);
    text[SECOND_BYTES + 2] = (char)('0' + ms % 10);
    text[SECOND_BYTES + 3] = 'Z';
}
