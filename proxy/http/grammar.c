/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of byte classes and the small steps that all parsers of this folder share. Pure; any thread. */
#include "proxy/http/grammar.h"

#include <assert.h>
#include <string.h>

#define T HTTP_TOKEN
#define R HTTP_TARGET
#define H HTTP_HOST

const uint8_t http_classes[256] = {
    [0 ... 0x1f] = HTTP_CONTROL,
    ['!'] = T | R,
    ['"'] = R,
    ['#'] = T,
    ['$' ... '\''] = T | R,
    ['(' ... ')'] = R,
    ['*' ... '+'] = T | R,
    [','] = R,
    ['-' ... '.'] = T | R | H,
    ['/'] = R,
    ['0' ... '9'] = T | R | H,
    [':' ... '@'] = R,
    ['A' ... 'Z'] = T | R | H,
    ['[' ... ']'] = R,
    ['^'] = T | R,
    ['_'] = T | R | H,
    ['`'] = T | R,
    ['a' ... 'z'] = T | R | H,
    ['{'] = R,
    ['|'] = T | R,
    ['}'] = R,
    ['~'] = T | R | H,
    [0x7f] = HTTP_CONTROL,
    [0x80 ... 0xff] = R,
};

size_t http_span(struct slice s, enum http_class class)
{
    size_t at = 0;

    while (at < s.length && http_is(s.at[at], class))
        at++;
    return at;
}

#define EACH_BYTE(value) (UINT64_MAX / 255 * (value))

/** True if one of eight bytes is below 0x20 or is 0x7f. Bytes above 127 are neither. */
static bool has_control(const char bytes[8])
{
    uint64_t word;
    uint64_t delete;
    uint64_t below;

    memcpy(&word, bytes, sizeof(word));
    delete = word ^ EACH_BYTE(0x7f); /* zero where the byte is 0x7f */
    below = (word - EACH_BYTE(0x20)) & ~word;
    delete = (delete - EACH_BYTE(1)) & ~delete;
    return ((below | delete) & EACH_BYTE(0x80)) != 0;
}

size_t http_text_span(struct slice s)
{
    size_t at = 0;

    while (s.length - at >= 8 && !has_control(s.at + at))
        at += 8;
    while (at < s.length && !http_is(s.at[at], HTTP_CONTROL))
        at++;
    return at;
}

int http_hex(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

enum http_fault http_line_end(struct slice s, size_t *ret_length)
{
    assert(s.length > 0);
    if (s.at[0] == '\n')
        return HTTP_FAULT_BARE_LF;
    if (s.at[0] != '\r')
        return HTTP_FAULT_CONTROL_BYTE;
    if (s.length > 1 && s.at[1] != '\n')
        return HTTP_FAULT_BARE_CR;
    *ret_length = s.length > 1 ? 2 : 0;
    return HTTP_FAULT_NONE;
}

/** RFC 9112 5: field-line = field-name ":" OWS field-value OWS. 5.1: a blank before the colon is an attack, not a slip. */
enum http_fault http_parse_field(struct slice line, struct http_field *ret)
{
    size_t length = http_span(line, HTTP_TOKEN);

    if (length == 0 || length == line.length || line.at[length] != ':')
        return HTTP_FAULT_BAD_FIELD_NAME;
    ret->name = (struct slice){line.at, length};
    ret->value = slice_trim((struct slice){line.at + length + 1, line.length - length - 1});
    return HTTP_FAULT_NONE;
}

static char fold(char c)
{
    if (c == '_')
        return '-';
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool http_name_is(struct slice name, const char *pattern)
{
    size_t at = 0;

    while (at < name.length && pattern[at] != '\0' && pattern[at] != '*' &&
           (name.at[at] == pattern[at] || fold(name.at[at]) == fold(pattern[at])))
        at++;
    return pattern[at] == '*' || (pattern[at] == '\0' && at == name.length);
}

bool http_name_is_any(struct slice name, const char *const patterns[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (http_name_is(name, patterns[i]))
            return true;
    return false;
}
