/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the one decision on how long a message is. Follows RFC 9112 6 and 9, RFC 9110 7.6.1, 7.8 and 10.1.1. Pure; any thread. */
#include "proxy/http/framing.h"

#include "proxy/http/field_kind.h"
#include "proxy/http/grammar.h"

/** What the Connection field lists, of what matters here. */
struct options {
    bool has_close;
    bool has_keep_alive;
    bool has_upgrade;
};

/** A name that only some readers take for this one, such as "Transfer_Encoding". */
static bool has_look_alike(const struct http_head *head, enum http_name name)
{
    struct slice text = http_name_text(name);

    for (size_t i = 0; i < head->fields_count; i++) {
        const struct http_field *f = &head->fields[i];

        if (f->name.length == text.length && f->known != name && http_name_is(f->name, text.at))
            return true;
    }
    return false;
}

/** Tells why a Transfer-Encoding is refused, or NONE: it is the word chunked and nothing else. RFC 9112 6.1, 7. */
static enum http_fault check_coding(const struct http_head *head)
{
    const struct http_field *field = http_find(head, HTTP_NAME_TRANSFER_ENCODING, 0);
    bool is_alone = http_find(head, HTTP_NAME_TRANSFER_ENCODING, 1) == NULL;
    size_t chunked = 0;
    size_t others = 0;
    bool ends_chunked = false;

    if (head->minor == 0) /* 6.1: such a message's framing is faulty, even with a Content-Length */
        return HTTP_FAULT_BAD_CODING;
    if (is_alone && slice_is_nocase(field->value, "chunked"))
        return HTTP_FAULT_NONE;
    for (size_t n = 0; (field = http_find(head, HTTP_NAME_TRANSFER_ENCODING, n)) != NULL; n++) {
        struct slice rest = field->value;
        struct slice coding;

        while (slice_next_element(&rest, &coding)) {
            ends_chunked = slice_is_nocase(coding, "chunked");
            *(ends_chunked ? &chunked : &others) += 1;
            if (!http_is_token(coding))
                return HTTP_FAULT_BAD_CODING;
        }
    }
    /* 6.3: without chunked at the end, the length of a request can't be known: 400. An unknown coding before it is a 501 (6.1).
     */
    return chunked == 1 && ends_chunked && others > 0 ? HTTP_FAULT_CODING_NOT_SERVED : HTTP_FAULT_BAD_CODING;
}

/** Kind and length as the two fields say; kind NONE if neither is there. RFC 9112 6.3. */
static enum http_fault read_lengths(const struct http_head *head, struct http_framing *ret)
{
    const struct http_field *length = http_find(head, HTTP_NAME_CONTENT_LENGTH, 0);
    bool has_coding = http_has(head, HTTP_NAME_TRANSFER_ENCODING);

    if (has_look_alike(head, HTTP_NAME_CONTENT_LENGTH))
        return HTTP_FAULT_BAD_LENGTH;
    if (has_look_alike(head, HTTP_NAME_TRANSFER_ENCODING))
        return HTTP_FAULT_BAD_CODING;
    if (length != NULL && has_coding)
        return HTTP_FAULT_BOTH_LENGTHS; /* 6.1: the one would override the other; 6.3: it ought to be handled as an error */
    if (has_coding) {
        ret->kind = HTTP_BODY_CHUNKED;
        return check_coding(head);
    }
    if (length == NULL)
        return HTTP_FAULT_NONE;
    ret->kind = HTTP_BODY_LENGTH;
    if (http_find(head, HTTP_NAME_CONTENT_LENGTH, 1) != NULL || !slice_number(length->value, &ret->length) ||
        ret->length > INT64_MAX)
        return HTTP_FAULT_BAD_LENGTH;
    return HTTP_FAULT_NONE;
}

/**
 * RFC 9110 7.6.1: what is meant for all recipients is never listed. Who does it wants a proxy to lose it on the way: who asks,
 * what for, or how long the message is.
 */
static bool may_be_listed(struct slice option)
{
    static const char *const never[] = {"Authorization", "Cache-Control", "Content-*", "Cookie"};

    switch (http_field_kind(option)) {
    case HTTP_FIELD_HOP:
    case HTTP_FIELD_UPGRADE:
    case HTTP_FIELD_TRAILER:
        return true;
    case HTTP_FIELD_END_TO_END:
        return !http_field_is_disguised(option) && !http_name_is_any(option, never, sizeof(never) / sizeof(never[0]));
    default:
        return false;
    }
}

static void note_option(struct options *o, struct slice option)
{
    o->has_close = o->has_close || slice_is_nocase(option, "close");
    o->has_keep_alive = o->has_keep_alive || slice_is_nocase(option, "keep-alive");
    o->has_upgrade = o->has_upgrade || slice_is_nocase(option, "upgrade");
}

static enum http_fault read_connection(const struct http_head *head, struct options *ret)
{
    const struct http_field *field;

    *ret = (struct options){.has_close = false};
    for (size_t n = 0; (field = http_find(head, HTTP_NAME_CONNECTION, n)) != NULL; n++) {
        struct slice rest = field->value;
        struct slice option;

        while (slice_next_element(&rest, &option)) {
            if (!http_is_token(option) || !may_be_listed(option))
                return HTTP_FAULT_BAD_CONNECTION;
            note_option(ret, option);
        }
    }
    return HTTP_FAULT_NONE;
}

/** RFC 9112 9.3. */
static bool is_persistent(const struct http_head *head, const struct options *o)
{
    return !o->has_close && (head->minor == 1 || o->has_keep_alive);
}

/** RFC 9110 7.8: protocol = protocol-name ["/" protocol-version]. */
static bool is_protocol(struct slice s)
{
    size_t name = http_span(s, HTTP_TOKEN);
    struct slice version = {s.at + name, s.length - name};

    if (name == 0 || version.length == 0)
        return name > 0;
    version.at++;
    version.length--;
    return s.at[name] == '/' && http_is_token(version);
}

/** HTTP/2 without TLS (RFC 9113 3.1, 11.1) would carry requests past all that is decided here. */
static bool is_other_http(struct slice protocol)
{
    return slice_is_nocase(protocol, "h2c") || slice_is_nocase(protocol, "h2") || slice_is_nocase(protocol, "http") ||
           slice_starts_nocase(protocol, "http/");
}

/**
 * RFC 9110 7.8: an Upgrade counts if Connection lists it, and not in HTTP/1.0. It may be ignored, as is done here with those that
 * would speak HTTP without us: clients that try HTTP/2 (Java's, curl) go on with HTTP/1.1 then.
 */
static enum http_fault read_upgrade(const struct http_head *head, const struct options *o, bool *ret)
{
    const struct http_field *field;
    size_t count = 0;

    *ret = false;
    if (head->minor == 0 || !o->has_upgrade)
        return HTTP_FAULT_NONE;
    for (size_t n = 0; (field = http_find(head, HTTP_NAME_UPGRADE, n)) != NULL; n++) {
        struct slice rest = field->value;
        struct slice protocol;

        for (; slice_next_element(&rest, &protocol); count++) {
            if (!is_protocol(protocol))
                return HTTP_FAULT_BAD_UPGRADE;
            if (is_other_http(protocol))
                return HTTP_FAULT_NONE;
        }
    }
    *ret = count > 0;
    return HTTP_FAULT_NONE;
}

static bool has_body(const struct http_framing *f)
{
    return f->kind == HTTP_BODY_CHUNKED || f->kind == HTTP_BODY_TO_CLOSE || (f->kind == HTTP_BODY_LENGTH && f->length > 0);
}

/** RFC 9110 10.1.1: 100-continue is the only expectation there is, and HTTP/1.0 does not know it. */
static enum http_fault read_expect(const struct http_head *head, struct http_framing *ret)
{
    const struct http_field *field = http_find(head, HTTP_NAME_EXPECT, 0);

    if (field == NULL)
        return HTTP_FAULT_NONE;
    if (!slice_is_nocase(field->value, "100-continue") || http_find(head, HTTP_NAME_EXPECT, 1) != NULL)
        return HTTP_FAULT_EXPECTATION_UNKNOWN;
    ret->expects_continue = head->minor == 1 && has_body(ret);
    return HTTP_FAULT_NONE;
}

/** What requests and responses have in common. */
static enum http_fault read_common(const struct http_head *head, struct http_framing *ret, struct options *ret_options)
{
    enum http_fault fault;

    *ret = (struct http_framing){.kind = HTTP_BODY_NONE};
    fault = read_lengths(head, ret);
    if (fault == HTTP_FAULT_NONE)
        fault = read_connection(head, ret_options);
    if (fault == HTTP_FAULT_NONE)
        ret->keeps_alive = is_persistent(head, ret_options);
    return fault;
}

enum http_fault http_request_framing(const struct http_head *head, struct http_framing *ret)
{
    struct options options;
    enum http_fault fault = read_common(head, ret, &options);

    if (fault == HTTP_FAULT_NONE)
        fault = read_upgrade(head, &options, &ret->has_upgrade);
    if (fault == HTTP_FAULT_NONE)
        fault = read_expect(head, ret);
    if (fault == HTTP_FAULT_NONE && ret->has_upgrade && has_body(ret))
        fault = HTTP_FAULT_BAD_UPGRADE;
    return fault;
}

/** Interim answers, which may be followed by another, and 204. RFC 9112 6.1, RFC 9110 8.6: neither field may be there. */
static enum http_fault check_bodiless(struct http_framing *f)
{
    if (f->kind == HTTP_BODY_CHUNKED)
        return HTTP_FAULT_BAD_CODING;
    if (f->length > 0)
        return HTTP_FAULT_BAD_LENGTH;
    f->kind = HTTP_BODY_NONE;
    return HTTP_FAULT_NONE;
}

/** RFC 9110 15.2.2: the server says to what it switches, and only if it was asked to. */
static enum http_fault check_switch(const struct http_head *head, const struct options *o, bool had_upgrade,
                                    struct http_framing *f)
{
    enum http_fault fault = read_upgrade(head, o, &f->has_upgrade);

    if (fault == HTTP_FAULT_NONE && (!f->has_upgrade || !had_upgrade))
        fault = HTTP_FAULT_BAD_UPGRADE;
    return fault;
}

enum http_fault http_response_framing(const struct http_head *head, bool is_head, bool had_upgrade, struct http_framing *ret)
{
    struct options options;
    enum http_fault fault = read_common(head, ret, &options);

    if (fault != HTTP_FAULT_NONE)
        return fault;
    /* RFC 9112 6.3, in its order. */
    if (head->status < 200 || head->status == 204) {
        fault = check_bodiless(ret);
        if (fault == HTTP_FAULT_NONE && head->status == 101)
            fault = check_switch(head, &options, had_upgrade, ret);
    } else if (is_head || head->status == 304) {
        ret->kind = HTTP_BODY_NONE;
    } else if (ret->kind == HTTP_BODY_NONE) {
        ret->kind = HTTP_BODY_TO_CLOSE;
        ret->keeps_alive = false;
    }
    return fault;
}
