/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the search for the end of a head, and with it the grammar of lines and of start lines (RFC 9112 2.2, 3, 4). Each byte is
 * looked at once however the head arrives, and the first byte that breaks the grammar decides the fault, so that a fault does not
 * depend on how the bytes were cut. Pure; any thread.
 */
#include "proxy/http/grammar.h"

#include <assert.h>

/** All that a scan works on. `end` is where the bytes, or limits.head, end. */
struct view {
    const char *bytes;
    size_t end;
    const struct http_limits *limits;
};

typedef enum http_fault start_line_fn(struct http_scan *scan, const struct view *v);

/** The bytes from `at` on that are there. */
static struct slice rest(const struct view *v, size_t at)
{
    return (struct slice){v->bytes + at, v->end - at};
}

/** A byte that may not stand at `at`: its own fault if it is a control byte, else `fault`. NONE if it is a CR and the last byte.
 */
static enum http_fault stray_byte(const struct view *v, size_t at, enum http_fault fault)
{
    size_t length;
    enum http_fault control;

    if (!http_is(v->bytes[at], HTTP_CONTROL))
        return fault;
    control = http_line_end(rest(v, at), &length);
    if (control != HTTP_FAULT_NONE)
        return control;
    return length > 0 ? fault : HTTP_FAULT_NONE;
}

/** Goes over a CRLF at `scan->done` and begins a line behind it. Does nothing if only the CR is there. */
static enum http_fault end_line(struct http_scan *scan, const struct view *v)
{
    size_t length = 0;
    enum http_fault fault = http_line_end(rest(v, scan->done), &length);

    if (fault == HTTP_FAULT_NONE && length > 0)
        scan->line = scan->done = scan->done + length;
    return fault;
}

/** True if a byte stands where a form says: "#" is for any digit, "+" for one that is not 0, others for themselves. */
static bool fits(char byte, char form)
{
    if (form == '#' || form == '+')
        return byte >= (form == '#' ? '0' : '1') && byte <= '9';
    return byte == form;
}

/** Goes on in a word that begins at `start` as long as it has the form. */
static void follow_form(struct http_scan *scan, const struct view *v, size_t start, const char *form)
{
    while (scan->done < v->end && form[scan->done - start] != '\0' && fits(v->bytes[scan->done], form[scan->done - start]))
        scan->done++;
}

/** Of "HTTP/x.y" at `at`. */
static bool is_served(const struct view *v, size_t at)
{
    return v->bytes[at + 5] == '1' && (v->bytes[at + 7] == '0' || v->bytes[at + 7] == '1');
}

/** RFC 9112 2.2: a server should ignore at least one empty line before a request line. We ignore one. */
static enum http_fault pass_leading_crlf(struct http_scan *scan, const struct view *v)
{
    enum http_fault fault;

    if (scan->done > 0 || v->end == 0 || v->bytes[0] != '\r')
        return HTTP_FAULT_NONE;
    fault = end_line(scan, v);
    scan->has_leading_crlf = scan->done > 0;
    return fault;
}

static enum http_fault scan_method(struct http_scan *scan, const struct view *v)
{
    scan->done += http_span(rest(v, scan->done), HTTP_TOKEN);
    if (scan->done == v->end)
        return HTTP_FAULT_NONE;
    if (v->bytes[scan->done] != ' ' || scan->done == scan->line)
        return stray_byte(v, scan->done, HTTP_FAULT_BAD_METHOD);
    scan->target = ++scan->done;
    return HTTP_FAULT_NONE;
}

/** RFC 9112 3.2: no white space in a target, and exactly one space at each end (3: lenient splitting is a way to smuggle). */
static enum http_fault scan_target(struct http_scan *scan, const struct view *v)
{
    size_t room = v->limits->target_bytes - (scan->done - scan->target);
    struct slice ahead = rest(v, scan->done);
    char byte;

    if (ahead.length > room)
        ahead.length = room;
    scan->done += http_span(ahead, HTTP_TARGET);
    if (scan->done == v->end)
        return HTTP_FAULT_NONE;
    byte = v->bytes[scan->done];
    if (byte == ' ' && scan->done > scan->target) {
        scan->version = ++scan->done;
        return HTTP_FAULT_NONE;
    }
    if (http_is(byte, HTTP_TARGET))
        return HTTP_FAULT_TARGET_TOO_LONG;
    /* A line that ends here is a request of HTTP/0.9. */
    return stray_byte(v, scan->done, byte == '\r' ? HTTP_FAULT_BAD_VERSION : HTTP_FAULT_BAD_TARGET);
}

static enum http_fault scan_version(struct http_scan *scan, const struct view *v)
{
    static const char form[] = "HTTP/#.#";
    size_t end = scan->version + sizeof(form) - 1;
    enum http_fault fault;

    follow_form(scan, v, scan->version, form);
    if (scan->done == v->end)
        return HTTP_FAULT_NONE;
    if (scan->done < end || v->bytes[scan->done] != '\r')
        return stray_byte(v, scan->done, HTTP_FAULT_BAD_VERSION);
    fault = end_line(scan, v);
    if (fault != HTTP_FAULT_NONE || scan->done == end)
        return fault;
    scan->has_start_line = true;
    return is_served(v, scan->version) ? HTTP_FAULT_NONE : HTTP_FAULT_VERSION_NOT_SERVED;
}

/** RFC 9112 3: request-line = method SP request-target SP HTTP-version. */
static enum http_fault scan_request_line(struct http_scan *scan, const struct view *v)
{
    enum http_fault fault = pass_leading_crlf(scan, v);

    if (fault == HTTP_FAULT_NONE && scan->target == 0)
        fault = scan_method(scan, v);
    if (fault == HTTP_FAULT_NONE && scan->target != 0 && scan->version == 0)
        fault = scan_target(scan, v);
    if (fault == HTTP_FAULT_NONE && scan->version != 0)
        fault = scan_version(scan, v);
    return fault;
}

/** Goes over text and tabs, up to another control byte or the end. */
static void pass_text(struct http_scan *scan, const struct view *v)
{
    for (;;) {
        scan->done += http_text_span(rest(v, scan->done));
        if (scan->done == v->end || v->bytes[scan->done] != '\t')
            return;
        scan->done++;
    }
}

/**
 * RFC 9112 4: status-line = HTTP-version SP status-code SP [ reason-phrase ]. Small web servers leave the second space out with
 * the phrase. That can't be read in two ways, so the line may end there too.
 */
static enum http_fault scan_status_line(struct http_scan *scan, const struct view *v)
{
    static const char form[] = "HTTP/#.# +## ";
    size_t phrase = scan->line + sizeof(form) - 1;
    enum http_fault fault;

    if (scan->done < phrase)
        follow_form(scan, v, scan->line, form);
    if (scan->done < phrase && scan->done == v->end)
        return HTTP_FAULT_NONE;
    if (scan->done < phrase - 1 || (scan->done == phrase - 1 && v->bytes[scan->done] != '\r'))
        return stray_byte(v, scan->done, HTTP_FAULT_BAD_STATUS);
    if (!is_served(v, scan->line))
        return HTTP_FAULT_VERSION_NOT_SERVED;
    pass_text(scan, v);
    if (scan->done == v->end)
        return HTTP_FAULT_NONE;
    fault = end_line(scan, v);
    scan->has_start_line = scan->line > 0;
    return fault;
}

/** The first byte of a line behind the start line, and not of the empty one. */
static enum http_fault begin_field(struct http_scan *scan, const struct view *v)
{
    size_t max = v->limits->fields < HTTP_FIELDS_MAX ? v->limits->fields : HTTP_FIELDS_MAX;
    char first = v->bytes[scan->line];

    if (first == ' ' || first == '\t')
        return HTTP_FAULT_FOLDED_LINE; /* RFC 9112 5.2: reject it, or replace it by blanks; 2.2: also behind the start line */
    if (scan->fields == max)
        return HTTP_FAULT_TOO_MANY_FIELDS;
    scan->fields++;
    return HTTP_FAULT_NONE;
}

/** Up to the end of the bytes or behind the empty line, which sets `*ret_whole`. What a field line says is left to the parser. */
static enum http_fault scan_fields(struct http_scan *scan, const struct view *v, bool *ret_whole)
{
    while (scan->done < v->end) {
        size_t line = scan->line;
        enum http_fault fault = HTTP_FAULT_NONE;
        size_t end;

        if (scan->done == line && v->bytes[line] != '\r')
            fault = begin_field(scan, v);
        if (fault != HTTP_FAULT_NONE)
            return fault;
        pass_text(scan, v);
        end = scan->done;
        if (end == v->end)
            return HTTP_FAULT_NONE;
        fault = end_line(scan, v);
        if (fault != HTTP_FAULT_NONE || scan->done == end)
            return fault;
        if (end == line) {
            *ret_whole = true;
            return HTTP_FAULT_NONE;
        }
    }
    return HTTP_FAULT_NONE;
}

static enum http_scan_result scan_head(struct http_scan *scan, const struct view *v, start_line_fn *start_line,
                                       enum http_fault *ret_fault)
{
    enum http_fault fault = HTTP_FAULT_NONE;
    bool is_whole = false;

    assert(scan->done <= v->end);
    if (!scan->has_start_line)
        fault = start_line(scan, v);
    if (fault == HTTP_FAULT_NONE && scan->has_start_line)
        fault = scan_fields(scan, v, &is_whole);
    if (fault == HTTP_FAULT_NONE && !is_whole && v->end == v->limits->head_bytes)
        fault = HTTP_FAULT_HEAD_TOO_LARGE;
    if (fault != HTTP_FAULT_NONE) {
        *ret_fault = fault;
        return HTTP_SCAN_FAULT;
    }
    return is_whole ? HTTP_SCAN_WHOLE : HTTP_SCAN_MORE;
}

static struct view view_of(const char *bytes, size_t length, const struct http_limits *limits)
{
    return (struct view){bytes, length < limits->head_bytes ? length : limits->head_bytes, limits};
}

enum http_scan_result http_scan_request(struct http_scan *scan, const char *bytes, size_t length,
                                        const struct http_limits *limits, enum http_fault *ret_fault)
{
    struct view v = view_of(bytes, length, limits);

    return scan_head(scan, &v, scan_request_line, ret_fault);
}

enum http_scan_result http_scan_response(struct http_scan *scan, const char *bytes, size_t length,
                                         const struct http_limits *limits, enum http_fault *ret_fault)
{
    struct view v = view_of(bytes, length, limits);

    return scan_head(scan, &v, scan_status_line, ret_fault);
}
