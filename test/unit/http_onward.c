/* SPDX-License-Identifier: Apache-2.0 */
/* Owns one head in and one head out. Used by one thread. */
#include "test/unit/unit.h"

#include "test/unit/http_onward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 65536

static const struct http_limits limits = {.head_bytes = ROOM, .fields = HTTP_FIELDS_MAX, .target_bytes = ROOM};

static char written[ROOM + 1];

static void parse_request(const char *text, struct http_head *ret, const char *comment)
{
    struct http_scan scan = {.done = 0};
    enum http_fault fault;

    EXPECT(http_scan_request(&scan, text, strlen(text), &limits, &fault) == HTTP_SCAN_WHOLE, comment);
    EXPECT(scan.done == strlen(text), comment);
    EXPECT(http_parse_request(text, scan.done, &limits, ret) == HTTP_FAULT_NONE, comment);
}

static void parse_response(const char *text, struct http_head *ret, const char *comment)
{
    struct http_scan scan = {.done = 0};
    enum http_fault fault;

    EXPECT(http_scan_response(&scan, text, strlen(text), &limits, &fault) == HTTP_SCAN_WHOLE, comment);
    EXPECT(scan.done == strlen(text), comment);
    EXPECT(http_parse_response(text, scan.done, &limits, ret) == HTTP_FAULT_NONE, comment);
}

/** All that a writer may write to; the rest is for the tools that look for more. */
static struct http_writer writer_of(char *bytes, size_t room)
{
    struct http_writer w;

    http_writer_init(&w, bytes, room);
    return w;
}

static void keep(struct http_writer *w, const char *comment)
{
    EXPECT(!w->is_full, comment);
    w->bytes[w->length] = '\0';
    EXPECT(strlen(w->bytes) == w->length, comment);
}

const char *onward_request(const char *head, const struct http_request_plan *plan, const char *comment)
{
    struct http_head parsed;
    struct http_head again;
    struct http_target target;
    struct http_framing framing;
    struct http_framing framing_again;
    struct http_writer w = writer_of(written, ROOM);

    parse_request(head, &parsed, comment);
    EXPECT(http_target(&parsed, &target) == HTTP_FAULT_NONE, comment);
    EXPECT(http_request_framing(&parsed, &framing) == HTTP_FAULT_NONE, comment);
    http_write_request(&w, &parsed, &target, &framing, plan);
    keep(&w, comment);
    parse_request(written, &again, comment);
    EXPECT(http_request_framing(&again, &framing_again) == HTTP_FAULT_NONE, comment);
    EXPECT(framing_again.kind == framing.kind && framing_again.length == framing.length, comment);
    EXPECT(framing_again.has_upgrade == framing.has_upgrade, comment);
    for (size_t room = 0; room <= w.length; room++) {
        char *exact = malloc(room == 0 ? 1 : room);
        struct http_writer small = writer_of(exact, room);

        http_write_request(&small, &parsed, &target, &framing, plan);
        EXPECT(small.is_full == (room < w.length), comment);
        free(exact);
    }
    return written;
}

const char *onward_response(const char *head, bool is_head, bool had_upgrade, const struct http_response_plan *plan,
                            const char *comment)
{
    struct http_head parsed;
    struct http_head again;
    struct http_framing framing;
    struct http_framing framing_again;
    struct http_writer w = writer_of(written, ROOM);
    bool loses_chunks;

    parse_response(head, &parsed, comment);
    EXPECT(http_response_framing(&parsed, is_head, had_upgrade, &framing) == HTTP_FAULT_NONE, comment);
    http_write_response(&w, &parsed, &framing, plan);
    keep(&w, comment);
    parse_response(written, &again, comment);
    EXPECT(http_response_framing(&again, is_head, had_upgrade, &framing_again) == HTTP_FAULT_NONE, comment);
    loses_chunks = framing.kind == HTTP_BODY_CHUNKED && plan->minor == 0;
    EXPECT(framing_again.kind == (loses_chunks ? HTTP_BODY_TO_CLOSE : framing.kind), comment);
    EXPECT(framing_again.length == framing.length, comment);
    for (size_t room = 0; room <= w.length; room++) {
        char *exact = malloc(room == 0 ? 1 : room);
        struct http_writer small = writer_of(exact, room);

        http_write_response(&small, &parsed, &framing, plan);
        EXPECT(small.is_full == (room < w.length), comment);
        free(exact);
    }
    return written;
}

void onward_is(const char *text, const char *expected, const char *comment)
{
    if (strcmp(text, expected) != 0)
        fail_msg("%s\n--- written\n%s--- expected\n%s", comment, text, expected);
}

bool onward_has(const char *text, const char *line)
{
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line))
        if ((at == text || at[-1] == '\n') && strncmp(at + strlen(line), "\r\n", 2) == 0)
            return true;
    return false;
}
