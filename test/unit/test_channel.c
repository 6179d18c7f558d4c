/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/tunnel/channel.h: frames come whole however they arrive, and not a byte of what follows is taken. */
#include "test/unit/unit.h"

#include "proxy/tunnel/channel.h"
#include "test/component/scripted_stream.h"

#include <stdio.h>
#include <string.h>

static struct scripted_stream stream;
static struct channel_reader reader;
static struct frame found;

/* PING, DELIVER, OPENED, and the stream's first bytes. */
static uint8_t input[3 * FRAME_MAX + 8];
static size_t input_size, frames_size;

static void add_frame(const struct frame *f)
{
    input_size += frame_format(f, input + input_size);
}

static int set_up(void **state)
{
    struct frame deliver = {.type = FRAME_DELIVER, .number = 77, .text = "node-a"};
    (void)state;
    assert_int_equal(address_parse_port("192.168.1.1:5500", &deliver.client), 0);
    add_frame(&(struct frame){.type = FRAME_PING, .number = 0x0102030405060708});
    add_frame(&deliver);
    add_frame(&(struct frame){.type = FRAME_OPENED});
    frames_size = input_size;
    memcpy(input + input_size, "payload", 7);
    input_size += 7;
    return 0;
}

static enum channel_result read_one(void)
{
    enum channel_result result;

    memset(&found, 0xa5, sizeof(found));
    do
        result = channel_read(&reader, &stream.stream, &found);
    while (result == CHANNEL_AGAIN && stream.rows[ON_READ].next < stream.rows[ON_READ].count);
    return result;
}

static void expect_the_three(const char *comment)
{
    char rest[16];

    EXPECT(read_one() == CHANNEL_FRAME && found.type == FRAME_PING, comment);
    EXPECT(found.number == 0x0102030405060708, comment);
    EXPECT(read_one() == CHANNEL_FRAME && found.type == FRAME_DELIVER, comment);
    EXPECT(found.number == 77 && strcmp(found.text, "node-a") == 0 && address_port(&found.client) == 5500, comment);
    EXPECT(read_one() == CHANNEL_FRAME && found.type == FRAME_OPENED, comment);
    EXPECT(stream.input_used == frames_size, comment); /* the payload is still there */
    stream.rows[ON_READ].next = stream.rows[ON_READ].count;
    EXPECT(stream_read(&stream.stream, rest, sizeof(rest)) == 7 && memcmp(rest, "payload", 7) == 0, comment);
}

static void begin(const void *bytes, size_t size)
{
    scripted_init(&stream, bytes, size);
    reader = (struct channel_reader){0};
}

static void test_whole(void **state)
{
    (void)state;
    begin(input, input_size);
    expect_the_three("whole");
    scripted_fini(&stream);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    begin(input, input_size);
    for (size_t i = 0; i < frames_size; i++)
        scripted_on(&stream, ON_READ, 2, (long[]){STREAM_AGAIN, 1});
    expect_the_three("byte by byte");
    scripted_fini(&stream);
}

/* So many bytes have arrived when we are called first; the others come later. */
static void test_split_everywhere(void **state)
{
    static const enum frame_type expected[] = {FRAME_PING, FRAME_DELIVER, FRAME_OPENED};
    (void)state;
    for (size_t at = 0; at < frames_size; at++) {
        char comment[32];
        size_t frames = 0;

        snprintf(comment, sizeof(comment), "split at %zu", at);
        begin(input, at);
        stream.is_open = true;
        while (frames < ROWS(expected)) {
            enum channel_result result = channel_read(&reader, &stream.stream, &found);

            if (result == CHANNEL_AGAIN) {
                EXPECT(stream.input_used == at && stream.input_size == at, comment);
                stream.input_size = input_size;
                continue;
            }
            EXPECT(result == CHANNEL_FRAME && found.type == expected[frames], comment);
            frames++;
        }
        EXPECT(stream.input_used == frames_size, comment);
        scripted_fini(&stream);
    }
}

static const struct {
    const char *comment;
    uint8_t bytes[8];
    size_t size;
    enum channel_result result;
    size_t read_at_most;
} ends[] = {
    {"nothing", {0}, 0, CHANNEL_END, 0},
    {"half a head", {3, 0}, 2, CHANNEL_END, 2},
    {"half a body", {3, 0, 0, 8, 1, 2}, 6, CHANNEL_END, 6},
    {"unknown type", {99, 0, 0, 0, 9, 9}, 6, CHANNEL_BAD, 4},
    {"type zero", {0, 0, 0, 0}, 4, CHANNEL_BAD, 4},
    {"second byte", {3, 1, 0, 8, 9}, 5, CHANNEL_BAD, 4},
    {"too long", {3, 0, 2, 1, 9}, 5, CHANNEL_BAD, 4},
    {"a body of the wrong length", {12, 0, 0, 1, 9, 9}, 6, CHANNEL_BAD, 5},
};

static void test_ends_and_rubbish(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ends); i++) {
        begin(ends[i].bytes, ends[i].size);
        EXPECT(channel_read(&reader, &stream.stream, &found) == ends[i].result, ends[i].comment);
        EXPECT(stream.input_used <= ends[i].read_at_most, ends[i].comment);
        scripted_fini(&stream);
    }
    begin(input, input_size);
    scripted_on(&stream, ON_READ, 2, (long[]){3, STREAM_FAILED});
    assert_int_equal(channel_read(&reader, &stream.stream, &found), CHANNEL_BROKEN);
    scripted_fini(&stream);
}

static void test_reasons(void **state)
{
    static const struct {
        enum channel_result result;
        enum reason why;
        enum reason expected;
    } rows[] = {
        {CHANNEL_END, REASON_NONE, REASON_CHANNEL_LOST},
        {CHANNEL_BAD, REASON_NONE, REASON_PROTOCOL_ERROR},
        {CHANNEL_BROKEN, REASON_FRONT_RESET, REASON_CHANNEL_LOST},
        {CHANNEL_BROKEN, REASON_FRONT_VANISHED, REASON_CHANNEL_LOST},
        {CHANNEL_BROKEN, REASON_TLS_TRUNCATED, REASON_CHANNEL_LOST},
        {CHANNEL_BROKEN, REASON_TLS_REJECTED, REASON_TLS_REJECTED},
    };
    (void)state;
    begin("", 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        stream.stream.why = rows[i].why;
        assert_int_equal(channel_reason(rows[i].result, &stream.stream), rows[i].expected);
    }
    scripted_fini(&stream);
}

static void test_writing(void **state)
{
    (void)state;
    begin("", 0);
    assert_true(channel_write(&stream.stream, &(struct frame){.type = FRAME_OPENED}));
    assert_true(scripted_has(&stream, (uint8_t[]){12, 0, 0, 0}, 4));
    assert_true(channel_write_reason(&stream.stream, FRAME_REFUSED, REASON_NO_SPARE));
    assert_true(stream.written_size == 4 + 4 + 1 + 8 && memcmp(stream.written + 9, "no_spare", 8) == 0);
    scripted_on(&stream, ON_WRITE, 3, (long[]){2, STREAM_AGAIN, STREAM_FAILED});
    for (int i = 0; i < 3; i++) /* cut short, not taken, broken */
        assert_false(channel_write(&stream.stream, &(struct frame){.type = FRAME_OPENED}));
    scripted_fini(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_split_everywhere),
        cmocka_unit_test(test_ends_and_rubbish),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
