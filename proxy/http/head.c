/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a head taken apart: start line and fields as slices, and the look-up of fields. What scan.c has proven of lines and bytes
 * is asserted here, not examined again. Pure; any thread.
 */
#include "proxy/http/grammar.h"

#include <assert.h>
#include <string.h>

static_assert(HTTP_NAME_COUNT <= 64, "a bit for each in http_head.names");

#define VERSION_LENGTH (sizeof("HTTP/1.1") - 1)
#define PHRASE_AT      (sizeof("HTTP/1.1 200 ") - 1)

/** The next line without its CRLF. */
static struct slice take_line(struct slice *rest)
{
    const char *end = rest->length > 0 ? memchr(rest->at, '\n', rest->length) : NULL;
    struct slice line = {rest->at, 0};

    assert(end != NULL && end > rest->at && end[-1] == '\r');
    line.length = (size_t)(end - rest->at) - 1;
    rest->at += line.length + 2;
    rest->length -= line.length + 2;
    return line;
}

/** What stands before the next space; the space goes too. */
static struct slice take_word(struct slice *line)
{
    const char *end = memchr(line->at, ' ', line->length);
    struct slice word = {line->at, 0};

    assert(end != NULL);
    word.length = (size_t)(end - line->at);
    line->at += word.length + 1;
    line->length -= word.length + 1;
    return word;
}

/** Once for each field, so that nobody needs to compare names any more. */
static void know_name(struct http_head *head, struct http_field *f)
{
    uint64_t bit;

    f->known = http_name_of(f->name);
    f->kind = http_name_kind(f->known, f->name);
    bit = (uint64_t)1 << f->known;
    head->repeated |= head->names & bit;
    head->names |= bit;
}

/** All lines up to and with the empty one, which must be the last. */
static enum http_fault parse_fields(struct slice rest, const struct http_limits *limits, struct http_head *head)
{
    size_t max = limits->fields < HTTP_FIELDS_MAX ? limits->fields : HTTP_FIELDS_MAX;

    head->names = head->repeated = 0;
    head->fields_count = 0;
    for (;;) {
        struct slice line = take_line(&rest);
        struct http_field *field = &head->fields[head->fields_count];
        enum http_fault fault;

        if (line.length == 0)
            break;
        if (head->fields_count == max)
            return HTTP_FAULT_TOO_MANY_FIELDS;
        fault = http_parse_field(line, field);
        if (fault != HTTP_FAULT_NONE)
            return fault;
        know_name(head, field);
        head->fields_count++;
    }
    assert(rest.length == 0);
    return HTTP_FAULT_NONE;
}

enum http_fault http_parse_request(const char *bytes, size_t length, const struct http_limits *limits, struct http_head *ret)
{
    struct slice rest = {bytes, length};
    struct slice line = take_line(&rest);

    if (line.length == 0) /* RFC 9112 2.2 */
        line = take_line(&rest);
    ret->method = take_word(&line);
    ret->target = take_word(&line);
    assert(line.length == VERSION_LENGTH);
    ret->minor = line.at[VERSION_LENGTH - 1] == '1';
    ret->status = 0;
    ret->phrase = slice_of(NULL);
    if (ret->target.length > limits->target_bytes)
        return HTTP_FAULT_TARGET_TOO_LONG;
    return parse_fields(rest, limits, ret);
}

enum http_fault http_parse_response(const char *bytes, size_t length, const struct http_limits *limits, struct http_head *ret)
{
    struct slice rest = {bytes, length};
    struct slice line = take_line(&rest);

    assert(line.length >= PHRASE_AT - 1);
    ret->method = ret->target = slice_of(NULL);
    ret->minor = line.at[VERSION_LENGTH - 1] == '1';
    ret->status = 0;
    for (size_t i = VERSION_LENGTH + 1; i < PHRASE_AT - 1; i++)
        ret->status = ret->status * 10 + (unsigned)(line.at[i] - '0');
    ret->phrase = line.length > PHRASE_AT ? (struct slice){line.at + PHRASE_AT, line.length - PHRASE_AT} : slice_of(NULL);
    return parse_fields(rest, limits, ret);
}

const struct http_field *http_find(const struct http_head *head, enum http_name name, size_t n)
{
    if (!http_has(head, name) || (n > 0 && (head->repeated >> name & 1) == 0))
        return NULL;
    for (size_t i = 0; i < head->fields_count; i++)
        if (head->fields[i].known == name && n-- == 0)
            return &head->fields[i];
    return NULL;
}

bool http_is_token(struct slice s)
{
    return s.length > 0 && http_span(s, HTTP_TOKEN) == s.length;
}

bool http_is_value(struct slice s)
{
    size_t at = http_text_span(s);

    while (at < s.length && s.at[at] == '\t') {
        at++;
        at += http_text_span((struct slice){s.at + at, s.length - at});
    }
    return at == s.length;
}
