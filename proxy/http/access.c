/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the columns of the W3C access log. Pure; any thread. */
#include "proxy/http/access.h"

#include "proxy/http/date.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/** Bytes that a text may take in its line: a path, query, agent or referer, and any other one. */
#define LONG_MAX_BYTES  3072
#define SHORT_MAX_BYTES 256
#define CUT             "..." /**< at the end of a text that takes more */

/** IIS's default columns in its order, then ours. */
static const char fields[] =
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken x-request-id x-upstream "
    "x-time-first x-reason";

/** Worked out once a second by each thread. */
static void put_time(struct http_writer *w, int64_t unix_s)
{
    static _Thread_local char text[80];
    static _Thread_local int64_t then = -1;
    time_t seconds = (time_t)unix_s;
    struct tm utc;

    assert(unix_s >= 0 && unix_s < HTTP_DATE_END);
    if (unix_s != then) {
        gmtime_r(&seconds, &utc);
        snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                 utc.tm_hour, utc.tm_min, utc.tm_sec);
        then = unix_s;
    }
    http_put_text(w, text);
}

void http_put_access_head(struct http_writer *w, int64_t unix_s)
{
    http_put_text(w, "#Software: georelay " GEORELAY_VERSION "\n#Version: 1.0\n#Date: ");
    put_time(w, unix_s);
    http_put_text(w, "\n#Fields: ");
    http_put_text(w, fields);
    http_put_text(w, "\n");
}

static bool is_escaped(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c > 0x7e;
}

/** How many of the first bytes of a text stand in at most `max` bytes when they are written. */
static size_t fit(struct slice text, size_t max)
{
    size_t written = 0;

    for (size_t i = 0; i < text.length; i++) {
        written += is_escaped(text.at[i]) ? 3 : 1;
        if (written > max)
            return i;
    }
    return text.length;
}

static bool is_itself(char c)
{
    return !is_escaped(c) && c != ' ';
}

/** Writes the bytes of a text that come first and stand for themselves, or else one byte; returns how many. */
static size_t put_some(struct http_writer *w, struct slice text)
{
    size_t run = 0;

    while (run < text.length && is_itself(text.at[run]))
        run++;
    if (run > 0)
        http_put(w, (struct slice){text.at, run});
    else if (is_escaped(text.at[0]))
        http_put_escaped(w, text.at[0]);
    else
        http_put_text(w, "+");
    return run > 0 ? run : 1;
}

/** A column: a blank, and the text in at most `max` bytes. */
static void put_text(struct http_writer *w, struct slice text, size_t max)
{
    bool is_whole = fit(text, max) == text.length;

    if (!is_whole)
        text.length = fit(text, max - strlen(CUT));
    http_put_text(w, text.length == 0 ? " -" : " ");
    for (size_t i = 0; i < text.length;)
        i += put_some(w, (struct slice){text.at + i, text.length - i});
    http_put_text(w, is_whole ? "" : CUT);
}

static void put_long(struct http_writer *w, struct slice text)
{
    put_text(w, text, LONG_MAX_BYTES);
}

static void put_short(struct http_writer *w, struct slice text)
{
    put_text(w, text, SHORT_MAX_BYTES);
}

static void put_number(struct http_writer *w, uint64_t number)
{
    http_put_text(w, " ");
    http_put_number(w, number);
}

void http_put_access(struct http_writer *w, const struct http_access *a)
{
    put_time(w, a->unix_s);
    put_short(w, a->front_ip);
    put_short(w, a->method);
    put_long(w, a->path);
    put_long(w, a->query);
    put_number(w, a->front_port);
    put_short(w, a->user);
    put_short(w, a->client_ip);
    put_long(w, a->user_agent);
    put_long(w, a->referer);
    put_number(w, a->status);
    http_put_text(w, " 0 0"); /* sc-substatus and sc-win32-status are IIS's own */
    put_number(w, a->sent_bytes);
    put_number(w, a->taken_bytes);
    put_number(w, a->ms);
    put_short(w, a->id);
    put_short(w, a->upstream);
    if (a->has_first)
        put_number(w, a->first_ms);
    else
        http_put_text(w, " -");
    put_short(w, a->reason);
    http_put_text(w, "\n");
}
