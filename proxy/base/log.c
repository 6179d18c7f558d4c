/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the form of a line of the log: logfmt, or JSON as of RFC 8259. A line is built by one thread on its stack; log_writer.c
 * has the file and its thread. What is written is printable ASCII whatever the values hold, so it is safe for a terminal too.
 */
#include "proxy/base/log.h"

#include "proxy/base/log_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/** Kept free for the end of a line: the field cut=N, the brace and the newline. */
#define LINE_END_BYTES 24

static atomic_int wanted_level = LOG_LEVEL_INFO;
static atomic_int wanted_format = LOG_FORMAT_LOGFMT;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static bool is_json(void)
{
    return atomic_load_explicit(&wanted_format, memory_order_relaxed) == LOG_FORMAT_JSON;
}

static bool is_wanted(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&wanted_level, memory_order_relaxed);
}

/** Names are ours, and part of the contract with who reads the log. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/** False if there is no room; then nothing is appended. */
static bool append_within(struct log_line *l, const char *bytes, size_t count, size_t limit)
{
    if (count > limit - l->used)
        return false;
    memcpy(l->text + l->used, bytes, count);
    l->used += count;
    return true;
}

static bool append(struct log_line *l, const char *bytes, size_t count)
{
    return append_within(l, bytes, count, LOG_LINE_BYTES - LINE_END_BYTES);
}

static bool append_text(struct log_line *l, const char *text)
{
    return append(l, text, strlen(text));
}

static bool append_key(struct log_line *l, const char *key)
{
    assert(is_name(key));
    if (is_json())
        return append_text(l, l->used == 0 ? "{\"" : ",\"") && append_text(l, key) && append_text(l, "\":");
    return (l->used == 0 || append_text(l, " ")) && append_text(l, key) && append_text(l, "=");
}

static bool is_printable(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e;
}

/** True if a value may stand in logfmt as it is. */
static bool is_plain(const char *value)
{
    if (*value == '\0')
        return false;
    for (; *value != '\0'; value++)
        if (!is_printable((unsigned char)*value) || strchr(" \"\\=", *value) != NULL)
            return false;
    return true;
}

/** The escape of a character that both forms have in common, or NULL. */
static const char *short_escape(unsigned char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static bool append_logfmt(struct log_line *l, const char *value)
{
    char hex[8];

    if (is_plain(value))
        return append_text(l, value);
    if (!append_text(l, "\""))
        return false;
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        const char *escape = short_escape(c);

        if (escape == NULL && !is_printable(c)) {
            snprintf(hex, sizeof(hex), "\\x%02x", c);
            escape = hex;
        }
        if (!(escape == NULL ? append(l, value, 1) : append_text(l, escape)))
            return false;
    }
    return append_text(l, "\"");
}

/**
 * Decodes one character of UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF) and returns its length. A byte
 * that starts none counts as one character with the byte's number.
 */
static size_t decode_utf8(const char *text, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t code;
    size_t length;

    *ret = bytes[0];
    if ((bytes[0] & 0xe0) == 0xc0)
        length = 2;
    else if ((bytes[0] & 0xf0) == 0xe0)
        length = 3;
    else if ((bytes[0] & 0xf8) == 0xf0)
        length = 4;
    else
        return 1;
    code = bytes[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 1; /* the final zero ends up here too */
        code = code << 6 | (bytes[i] & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 1;
    *ret = code;
    return length;
}

static bool append_json(struct log_line *l, const char *value)
{
    if (!append_text(l, "\""))
        return false;
    while (*value != '\0') {
        char escaped[16];
        uint32_t code;
        size_t length = decode_utf8(value, &code);
        const char *escape = code < 0x80 ? short_escape((unsigned char)code) : NULL;

        if (escape != NULL)
            snprintf(escaped, sizeof(escaped), "%s", escape);
        else if (code < 0x80 && is_printable((unsigned char)code))
            snprintf(escaped, sizeof(escaped), "%c", (char)code);
        else if (code < 0x10000)
            snprintf(escaped, sizeof(escaped), "\\u%04" PRIx32, code);
        else
            snprintf(escaped, sizeof(escaped), "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((code - 0x10000) >> 10),
                     0xdc00 + ((code - 0x10000) & 0x3ff));
        if (!append_text(l, escaped))
            return false;
        value += length;
    }
    return append_text(l, "\"");
}

/** 2026-11-21T11:02:03.123Z */
static void append_time(struct log_line *l)
{
    struct timespec now;
    struct tm utc;
    char date[32] = "";
    char text[48];

    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof(text), "%s.%03ldZ", date, now.tv_nsec / 1000000);
    log_text(l, "ts", text);
}

static void line_begin(struct log_line *l, enum log_level level, const char *event)
{
    assert(is_name(event));
    l->used = 0;
    l->left_off = 0;
    append_time(l);
    log_text(l, "level", level_names[level]);
    log_text(l, "ev", event);
}

/** Writes the end of the line into the room that was kept for it. */
static void line_end(struct log_line *l)
{
    char end[LINE_END_BYTES + 1] = "";

    if (l->left_off > 0)
        snprintf(end, sizeof(end), is_json() ? ",\"cut\":%u" : " cut=%u", l->left_off);
    strcat(end, is_json() ? "}\n" : "\n");
    (void)append_within(l, end, strlen(end), LOG_LINE_BYTES);
}

static size_t format_dropped(uint64_t lines, char text[LOG_WRITER_REPORT_BYTES])
{
    struct log_line l;

    line_begin(&l, LOG_LEVEL_WARN, "log_dropped");
    log_number(&l, "lines", lines);
    line_end(&l);
    assert(l.used <= LOG_WRITER_REPORT_BYTES);
    memcpy(text, l.text, l.used);
    return l.used;
}

int log_start(enum log_level level, enum log_format format, const char *path)
{
    if (log_writer_start(path, format_dropped) != 0)
        return -1;
    atomic_store_explicit(&wanted_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&wanted_format, (int)format, memory_order_relaxed);
    return 0;
}

int log_reopen(void)
{
    return log_writer_reopen();
}

void log_stop(void)
{
    log_writer_stop();
}

bool log_begin(struct log_line *l, enum log_level level, const char *event)
{
    if (!is_wanted(level))
        return false;
    line_begin(l, level, event);
    return true;
}

void log_text(struct log_line *l, const char *key, const char *value)
{
    size_t before = l->used;

    if (value == NULL)
        value = "-";
    if (!append_key(l, key) || !(is_json() ? append_json(l, value) : append_logfmt(l, value))) {
        l->used = before;
        l->left_off++;
    }
}

void log_number(struct log_line *l, const char *key, uint64_t value)
{
    size_t before = l->used;
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    if (!append_key(l, key) || !append_text(l, text)) {
        l->used = before;
        l->left_off++;
    }
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

void log_end(struct log_line *l)
{
    line_end(l);
    log_writer_put(l->text, l->used);
}

bool log_is_debug(void)
{
    return is_wanted(LOG_LEVEL_DEBUG);
}
