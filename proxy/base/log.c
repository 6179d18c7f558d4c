/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the lines of the log: their fields, their room, and which of them are wanted where. A line is built by one thread on its
 * stack; log_form.c has the form of values, log_writer.c the files and their threads.
 */
#include "proxy/base/log.h"

#include "proxy/base/log_form.h"
#include "proxy/base/log_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/** Kept free for the end of a line: the field cut=N, the brace and the newline. */
#define LINE_END_BYTES 24

static atomic_int wanted_level = LOG_LEVEL_INFO;
static atomic_int formats[LOG_WRITERS] = {LOG_FORMAT_LOGFMT, LOG_FORMAT_LOGFMT};
static atomic_bool has_access_file;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static enum log_format format_of(enum log_which which)
{
    return (enum log_format)atomic_load_explicit(&formats[which], memory_order_relaxed);
}

static bool is_wanted(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&wanted_level, memory_order_relaxed);
}

/** Names are ours, and part of the contract with who reads the log. */
static bool is_name(const char *name)
{
    const char *at = name;

    while ((*at >= 'a' && *at <= 'z') || *at == '_' || (*at >= '0' && *at <= '9'))
        at++;
    return at > name && *at == '\0';
}

/* -- fields --------------------------------------------------------------------------------------------------------------------
 */

static size_t room_of(const struct log_line *l)
{
    return LOG_LINE_BYTES - LINE_END_BYTES - l->used;
}

/** False if there is no room; then nothing is appended. */
static bool append(struct log_line *l, const char *bytes, size_t count)
{
    if (count > room_of(l))
        return false;
    memcpy(l->text + l->used, bytes, count);
    l->used += count;
    return true;
}

/** What stands before a value: ` key=`, or `,"key":`. */
static bool append_key(struct log_line *l, const char *key)
{
    size_t length = strlen(key);

    assert(is_name(key));
    if (l->format == LOG_FORMAT_JSON)
        return append(l, l->used == 0 ? "{\"" : ",\"", 2) && append(l, key, length) && append(l, "\":", 2);
    return (l->used == 0 || append(l, " ", 1)) && append(l, key, length) && append(l, "=", 1);
}

static bool append_value(struct log_line *l, struct slice value, size_t max, bool may_cut)
{
    struct log_room room = {.at = l->text + l->used, .bytes = room_of(l), .may_cut = may_cut};
    size_t count;

    if (room.bytes > max)
        room.bytes = max;
    count = l->format == LOG_FORMAT_JSON ? log_form_json(room, value) : log_form_logfmt(room, value);
    l->used += count;
    return count > 0;
}

/** Takes back what was appended of a field that does not fit. */
static void leave_off(struct log_line *l, size_t before)
{
    l->used = before;
    l->left_off++;
}

void log_text(struct log_line *l, const char *key, const char *value)
{
    size_t before = l->used;

    if (!append_key(l, key) || !append_value(l, slice_of(value == NULL ? "-" : value), LOG_LINE_BYTES, false))
        leave_off(l, before);
}

void log_slice(struct log_line *l, const char *key, struct slice value, size_t max)
{
    size_t before = l->used;

    if (!append_key(l, key) || !append_value(l, value, max, true))
        leave_off(l, before);
}

void log_number(struct log_line *l, const char *key, uint64_t value)
{
    size_t before = l->used;
    char digits[LOG_FORM_NUMBER_BYTES];

    if (!append_key(l, key) || !append(l, digits, log_form_number(digits, value)))
        leave_off(l, before);
}

void log_address(struct log_line *l, const char *key, const struct address *value)
{
    char text[ADDRESS_TEXT];

    log_text(l, key, address_format(value, text));
}

void log_ip(struct log_line *l, const char *key, const struct address *value)
{
    char text[ADDRESS_TEXT];

    log_text(l, key, address_format_ip(value, text));
}

/* -- lines ---------------------------------------------------------------------------------------------------------------------
 */

static void line_begin(struct log_line *l, enum log_which which, enum log_level level, const char *event)
{
    char time[LOG_FORM_TIME_BYTES];

    assert(is_name(event));
    l->is_access = which == LOG_WRITER_ACCESS;
    l->format = format_of(which);
    l->used = 0;
    l->left_off = 0;
    log_form_time(time);
    log_slice(l, "ts", (struct slice){time, sizeof(time)}, LOG_LINE_BYTES);
    log_text(l, "level", level_names[level]);
    log_text(l, "ev", event);
}

/** Writes the end of the line into the room that was kept for it. */
static void line_end(struct log_line *l)
{
    bool is_json = l->format == LOG_FORMAT_JSON;
    const char *end = is_json ? "}\n" : "\n";

    if (l->left_off > 0)
        l->used += (size_t)snprintf(l->text + l->used, LINE_END_BYTES, is_json ? ",\"cut\":%u" : " cut=%u", l->left_off);
    memcpy(l->text + l->used, end, strlen(end));
    l->used += strlen(end);
    assert(l->used <= LOG_LINE_BYTES);
}

bool log_begin(struct log_line *l, enum log_level level, const char *event)
{
    if (!is_wanted(level))
        return false;
    line_begin(l, LOG_WRITER_MAIN, level, event);
    return true;
}

bool log_begin_access(struct log_line *l)
{
    if (!atomic_load_explicit(&has_access_file, memory_order_relaxed))
        return log_begin(l, LOG_LEVEL_INFO, "request");
    assert(format_of(LOG_WRITER_ACCESS) != LOG_FORMAT_LINES);
    line_begin(l, LOG_WRITER_ACCESS, LOG_LEVEL_INFO, "request");
    return true;
}

void log_fields_begin(struct log_line *l)
{
    l->is_access = false;
    l->format = LOG_FORMAT_LOGFMT;
    l->used = 0;
    l->left_off = 0;
}

void log_fields_end(struct log_line *l)
{
    line_end(l);
}

void log_end(struct log_line *l)
{
    line_end(l);
    log_writer_put(l->is_access ? LOG_WRITER_ACCESS : LOG_WRITER_MAIN, l->text, l->used);
}

void log_put_access(const char *line, size_t length)
{
    log_writer_put(LOG_WRITER_ACCESS, line, length);
}

bool log_is_debug(void)
{
    return is_wanted(LOG_LEVEL_DEBUG);
}

/* -- start and stop ------------------------------------------------------------------------------------------------------------
 */

/** The line that tells of dropped ones, in the form of its file. W3C's extended format knows remarks. */
static size_t format_dropped(enum log_which which, uint64_t lines, char text[LOG_WRITER_OWN_BYTES])
{
    struct log_line l;

    if (format_of(which) == LOG_FORMAT_LINES)
        return (size_t)snprintf(text, LOG_WRITER_OWN_BYTES, "#Remark: log_dropped lines=%" PRIu64 "\n", lines);
    line_begin(&l, which, LOG_LEVEL_WARN, "log_dropped");
    log_number(&l, "lines", lines);
    line_end(&l);
    assert(l.used <= LOG_WRITER_OWN_BYTES);
    memcpy(text, l.text, l.used);
    return l.used;
}

/** Nobody would miss the access log of a full disk until it is needed: the log says so. */
static void tell_failed(int error)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_WARN, "access_log_failed"))
        return;
    log_text(&l, "error", strerror(error));
    log_end(&l);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&wanted_level, (int)level, memory_order_relaxed);
}

int log_start(enum log_level level, enum log_format format, const char *path)
{
    const struct log_writer_ops ops = {.dropped = format_dropped};

    assert(format != LOG_FORMAT_LINES);
    if (log_writer_start(LOG_WRITER_MAIN, path, &ops) != 0)
        return -1;
    log_set_level(level);
    atomic_store_explicit(&formats[LOG_WRITER_MAIN], (int)format, memory_order_relaxed);
    return 0;
}

int log_start_access(enum log_format format, const char *path, log_head_fn *head)
{
    const struct log_writer_ops ops = {.head = head, .dropped = format_dropped, .failed = tell_failed};

    atomic_store_explicit(&formats[LOG_WRITER_ACCESS], (int)format, memory_order_relaxed);
    if (log_writer_start(LOG_WRITER_ACCESS, path, &ops) != 0)
        return -1;
    atomic_store_explicit(&has_access_file, true, memory_order_relaxed);
    return 0;
}

int log_reopen(void)
{
    return log_writer_reopen(LOG_WRITER_MAIN);
}

int log_reopen_access(void)
{
    return log_writer_reopen(LOG_WRITER_ACCESS);
}

void log_stop(void)
{
    atomic_store_explicit(&has_access_file, false, memory_order_relaxed);
    log_writer_stop(LOG_WRITER_ACCESS); /* first: what it has to say goes to the log */
    log_writer_stop(LOG_WRITER_MAIN);
}
