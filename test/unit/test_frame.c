/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/wire/frame.h: each type by hand, then every cut and every changed byte, with input that ends at a guard page. */
#include "test/unit/unit.h"

#include "proxy/wire/frame.h"
#include "test/unit/guard.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#define INSTANCE "0123456789abcdef"
#define NUMBER   "\x01\x02\x03\x04\x05\x06\x07\x08"
#define TEN      "aaaaaaaaaa"
#define FIFTY    TEN TEN TEN TEN TEN
#define IP4      "\x04\x0a\x00\x00\x05"
#define IP6      "\x06\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define MAPPED   "\x06\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x05"

#define FIVE_HUNDRED FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

/** Bytes of a literal, which may hold zeros. */
#define B(literal) literal, sizeof(literal) - 1

struct row {
    uint8_t type;
    const char *body;
    size_t length;
    const char *comment;
};

/** One or more of every type. All are good, and each is the only way to write its content. */
static const struct row good[] = {
    {FRAME_HELLO,
     B("\0\x01\0\x01" INSTANCE "\x05"
       "0.1.0"),
     "HELLO"},
    {FRAME_HELLO, B("\0\x01\0\x02" INSTANCE "\0"), "HELLO, versions 1 and 2"},
    {FRAME_HELLO, B("\0\x01\xff\xff" INSTANCE "\0"), "HELLO, widest range, no program version"},
    {FRAME_WELCOME,
     B("\0\x01\0\0\x3a\x98\0\x04\x05"
       "0.1.0"),
     "WELCOME"},
    {FRAME_WELCOME, B("\0\x01\0\0\0\x64\0\0\0"), "WELCOME, least heartbeat, no spares"},
    {FRAME_WELCOME, B("\0\x01\0\0\xea\x60\x04\0\0"), "WELCOME, longest heartbeat, most spares"},
    {FRAME_PING, B(NUMBER), "PING"},
    {FRAME_PONG, B("\xff\xff\xff\xff\xff\xff\xff\xff"), "PONG"},
    {FRAME_NEED, B("\0\x01"), "NEED, least"},
    {FRAME_NEED, B("\x04\0"), "NEED, most"},
    {FRAME_DRAIN, B(""), "DRAIN"},
    {FRAME_BYE, B("\x08replaced"), "BYE"},
    {FRAME_SPARE, B(INSTANCE), "SPARE"},
    {FRAME_DELIVER, B(NUMBER "\x06node-a" IP4 "\x15\x7c"), "DELIVER, IPv4"},
    {FRAME_DELIVER, B(NUMBER "\x01x" IP6 "\xff\xff"), "DELIVER, IPv6"},
    {FRAME_DIALLING, B(""), "DIALLING"},
    {FRAME_OPEN, B(INSTANCE NUMBER "\x06node-a" IP4 "\xc0\0"), "OPEN, IPv4"},
    {FRAME_OPEN, B(INSTANCE NUMBER "\x3f" TEN TEN TEN TEN TEN TEN "aaa" IP6 "\xc0\0"), "OPEN, IPv6, longest link"},
    {FRAME_OPENED, B(""), "OPENED"},
    {FRAME_REFUSED,
     B("\x0c"
       "dial_refused"),
     "REFUSED"},
    {FRAME_REFUSED, B("\x02 ~"), "REFUSED, first and last printable character"},
    {FRAME_ASK, B(NUMBER "\x06node-a\x06site-a" IP4 "\xc0\0\x15\x69"), "ASK, for a client behind an agent"},
    {FRAME_ASK, B(NUMBER "\x3f" TEN TEN TEN TEN TEN TEN "aaa\x3f" TEN TEN TEN TEN TEN TEN "aaa" IP6 "\xc0\0\0\0"),
     "ASK, longest names, the entry's own port"},
    {FRAME_ASK, B(NUMBER "\x01x\0" IP4 "\0\x01\xff\xff"), "ASK, direct client"},
    {FRAME_HAND, B(INSTANCE NUMBER "\x06node-a\x06site-a" IP4 "\x15\x7c"), "HAND, for a client behind an agent"},
    {FRAME_HAND, B(INSTANCE NUMBER "\x01x\0" IP6 "\xff\xff"), "HAND, direct client"},
    {FRAME_OPEN_AT,
     B(INSTANCE NUMBER "\x03"
                       "dyn" IP4 "\xc0\0\xc0\x01"),
     "OPEN_AT"},
    {FRAME_OPEN_AT, B(INSTANCE NUMBER "\x01x" IP6 "\xc0\0\0\x01"), "OPEN_AT, lowest port"},
    {FRAME_RENEW, B("\0\x05\0\0\0\x05hello"), "RENEW, in one piece"},
    {FRAME_RENEW, B("\x20\0\x1f\xff\0\x01x"), "RENEW, the last byte of the longest"},
    {FRAME_RENEWED, B("\x01\xf4\0\0\x01\xf4" FIVE_HUNDRED), "RENEWED, the longest piece"},
    {FRAME_RENEWED, B("\0\x0a\0\x05\0\x03\0\xff\x80"), "RENEWED, a piece in the middle, any bytes"},
    {FRAME_NOT_RENEWED, B("\x0brenewal_off"), "NOT_RENEWED"},
};

static const struct row bad[] = {
    {0, B(""), "type 0"},
    {FRAME_TYPE_END, B(""), "the type after the last"},
    {255, B(""), "type 255"},
    {FRAME_HELLO, B("\0\0\0\x01" INSTANCE "\0"), "HELLO, version 0"},
    {FRAME_HELLO, B("\0\x02\0\x01" INSTANCE "\0"), "HELLO, lowest above highest"},
    {FRAME_WELCOME, B("\0\0\0\0\x3a\x98\0\x04\0"), "WELCOME, version 0"},
    {FRAME_WELCOME, B("\0\x01\0\0\0\x63\0\x04\0"), "WELCOME, heartbeat of 99 ms"},
    {FRAME_WELCOME, B("\0\x01\0\0\xea\x61\0\x04\0"), "WELCOME, heartbeat of 60001 ms"},
    {FRAME_WELCOME, B("\0\x01\0\0\x3a\x98\x04\x01\0"), "WELCOME, 1025 spares"},
    {FRAME_NEED, B("\0\0"), "NEED, none"},
    {FRAME_NEED, B("\x04\x01"), "NEED, 1025"},
    {FRAME_DRAIN, B("\0"), "DRAIN with a body"},
    {FRAME_BYE, B("\x01\x1f"), "BYE, control character"},
    {FRAME_BYE, B("\x01\x7f"), "BYE, delete"},
    {FRAME_BYE, B("\x01\x80"), "BYE, eighth bit"},
    {FRAME_BYE,
     B("\x02"
       "a\0"),
     "BYE, zero inside"},
    {FRAME_BYE, B(""), "BYE without length"},
    {FRAME_SPARE, B(INSTANCE "x"), "SPARE with a byte more"},
    {FRAME_DELIVER, B(NUMBER "\0" IP4 "\x15\x7c"), "DELIVER without link"},
    {FRAME_DELIVER, B(NUMBER "\x40" TEN TEN TEN TEN TEN TEN "aaaa" IP4 "\x15\x7c"), "DELIVER, link of 64 characters"},
    {FRAME_DELIVER, B(NUMBER "\x01x" MAPPED "\x15\x7c"), "DELIVER, IPv4-mapped"},
    {FRAME_DELIVER, B(NUMBER "\x01x\x05\x0a\0\0\x05\x15\x7c"), "DELIVER, family 5"},
    {FRAME_OPEN, B(INSTANCE NUMBER "\0" IP4 "\xc0\0"), "OPEN without link"},
    {FRAME_OPEN, B(INSTANCE NUMBER "\x01x\0\xc0\0"), "OPEN, family 0"},
    {FRAME_OPENED, B("x"), "OPENED with a body"},
    {FRAME_ASK, B(NUMBER "\0\0" IP4 "\xc0\0\x15\x69"), "ASK without entry"},
    {FRAME_ASK, B(NUMBER "\x40" TEN TEN TEN TEN TEN TEN "aaaa\0" IP4 "\xc0\0\x15\x69"), "ASK, entry of 64 characters"},
    {FRAME_ASK, B(NUMBER "\x01x\x40" TEN TEN TEN TEN TEN TEN "aaaa" IP4 "\xc0\0\x15\x69"), "ASK, agent of 64 characters"},
    {FRAME_ASK, B(NUMBER "\x01x\x01\x1f" IP4 "\xc0\0\x15\x69"), "ASK, control character in the agent"},
    {FRAME_ASK, B(NUMBER "\x01x\0" MAPPED "\xc0\0\x15\x69"), "ASK, IPv4-mapped"},
    {FRAME_ASK, B(NUMBER "\x01x\0" IP4 "\xc0\0"), "ASK without the server's port"},
    {FRAME_HAND, B(INSTANCE NUMBER "\0\0" IP4 "\x15\x7c"), "HAND without entry"},
    {FRAME_HAND, B(INSTANCE NUMBER "\x01x\x40" TEN TEN TEN TEN TEN TEN "aaaa" IP4 "\x15\x7c"), "HAND, agent of 64 characters"},
    {FRAME_HAND, B(INSTANCE NUMBER "\x01x\0\x05\x0a\0\0\x05\x15\x7c"), "HAND, family 5"},
    {FRAME_OPEN_AT, B(INSTANCE NUMBER "\0" IP4 "\xc0\0\xc0\x01"), "OPEN_AT without link"},
    {FRAME_OPEN_AT, B(INSTANCE NUMBER "\x01x" IP4 "\xc0\0\0\0"), "OPEN_AT, port 0"},
    {FRAME_RENEW, B("\0\x05\0\0\0\0"), "RENEW, an empty piece"},
    {FRAME_RENEW, B("\0\x04\0\0\0\x05hello"), "RENEW, more than the whole"},
    {FRAME_RENEW, B("\0\x05\0\x01\0\x05hello"), "RENEW, beyond the whole"},
    {FRAME_RENEW, B("\0\x05\xff\xff\0\x05hello"), "RENEW, far beyond the whole"},
    {FRAME_RENEW, B("\x20\x01\0\0\0\x05hello"), "RENEW, 8193 bytes in all"},
    {FRAME_RENEWED, B("\x20\0\0\0\x01\xf5" FIVE_HUNDRED "a"), "RENEWED, 501 bytes"},
    {FRAME_RENEWED, B("\0\x05\0\0\0\x04hello"), "RENEWED, a byte left over"},
    {FRAME_NOT_RENEWED, B(""), "NOT_RENEWED without length"},
};

static struct guard body_guard;
static struct guard head_guard;

static int setup(void **state)
{
    (void)state;
    guard_init(&body_guard, 2 * FRAME_BODY_MAX);
    guard_init(&head_guard, FRAME_HEAD);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard_fini(&body_guard);
    guard_fini(&head_guard);
    return 0;
}

static int parse(const uint8_t head[FRAME_HEAD], const void *body, size_t length, struct frame *ret)
{
    return frame_parse(guard_copy(&head_guard, head, FRAME_HEAD), guard_copy(&body_guard, body, length), length, ret);
}

static void make_head(uint8_t head[FRAME_HEAD], unsigned type, size_t length)
{
    head[0] = (uint8_t)type;
    head[1] = 0;
    head[2] = (uint8_t)(length >> 8);
    head[3] = (uint8_t)length;
}

/** A frame that parses must be written as exactly the bytes it came from. */
static bool is_stable(const uint8_t head[FRAME_HEAD], const void *body, size_t length, const struct frame *f)
{
    uint8_t bytes[FRAME_MAX];

    return frame_format(f, bytes) == FRAME_HEAD + length && memcmp(bytes, head, FRAME_HEAD) == 0 &&
           memcmp(bytes + FRAME_HEAD, body, length) == 0;
}

static void head_tells_length(void **state)
{
    static const struct {
        uint8_t head[FRAME_HEAD];
        int expected;
    } rows[] = {
        {{FRAME_HELLO, 0, 0, 0}, 0}, {{FRAME_REFUSED, 0, 0, 17}, 17},   {{FRAME_PING, 0, 2, 0}, 512},
        {{FRAME_PING, 0, 2, 1}, -1}, {{FRAME_PING, 0, 0xff, 0xff}, -1}, {{FRAME_PING, 1, 0, 8}, -1},
        {{0, 0, 0, 0}, -1},          {{FRAME_TYPE_END, 0, 0, 0}, -1},   {{0x16, 3, 1, 2}, -1},
        {{'G', 'E', 'T', ' '}, -1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_int_equal(frame_body_length(guard_copy(&head_guard, rows[i].head, FRAME_HEAD)), rows[i].expected);
}

static void good_frames_go_round(void **state)
{
    bool is_seen[FRAME_TYPE_END] = {false};

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        const struct row *row = &good[i];
        uint8_t head[FRAME_HEAD];
        struct frame f;

        make_head(head, row->type, row->length);
        EXPECT(parse(head, row->body, row->length, &f) == 0, row->comment);
        EXPECT(f.type == row->type, row->comment);
        EXPECT(is_stable(head, row->body, row->length, &f), row->comment);
        is_seen[row->type] = true;
    }
    for (unsigned type = 1; type < FRAME_TYPE_END; type++)
        EXPECT(is_seen[type], frame_name(type));
}

static void bad_frames_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        uint8_t head[FRAME_HEAD];
        struct frame f;

        make_head(head, bad[i].type, bad[i].length);
        EXPECT(parse(head, bad[i].body, bad[i].length, &f) == -1, bad[i].comment);
    }
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        for (size_t length = 0; length < good[i].length; length++) {
            uint8_t head[FRAME_HEAD];
            struct frame f;

            make_head(head, good[i].type, length);
            EXPECT(parse(head, good[i].body, length, &f) == -1, good[i].comment);
            make_head(head, good[i].type, good[i].length);
            EXPECT(parse(head, good[i].body, length, &f) == -1, good[i].comment);
        }
    }
}

static void every_longer_frame_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        uint8_t head[FRAME_HEAD];
        uint8_t body[FRAME_BODY_MAX] = {0};
        struct frame f;

        memcpy(body, good[i].body, good[i].length);
        for (size_t length = good[i].length + 1; length <= FRAME_BODY_MAX; length++) {
            make_head(head, good[i].type, length);
            EXPECT(parse(head, body, length, &f) == -1, good[i].comment);
        }
    }
}

/** A changed byte gives a frame that is refused or one that is stable; never a crash, never a second spelling. */
static void every_changed_byte_is_handled(void **state)
{
    size_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        uint8_t bytes[FRAME_MAX];
        struct frame f;

        make_head(bytes, good[i].type, good[i].length);
        memcpy(bytes + FRAME_HEAD, good[i].body, good[i].length);
        for (size_t at = 0; at < FRAME_HEAD + good[i].length; at++) {
            uint8_t before = bytes[at];

            for (unsigned value = 0; value < 256; value++) {
                bytes[at] = (uint8_t)value;
                if (parse(bytes, bytes + FRAME_HEAD, good[i].length, &f) != 0)
                    continue;
                accepted++;
                EXPECT(is_stable(bytes, bytes + FRAME_HEAD, good[i].length, &f), good[i].comment);
            }
            bytes[at] = before;
        }
    }
    assert_true(accepted > ROWS(good));
}

static int parse_good(const char *comment, struct frame *ret)
{
    for (size_t i = 0; i < ROWS(good); i++) {
        uint8_t head[FRAME_HEAD];

        make_head(head, good[i].type, good[i].length);
        if (strcmp(good[i].comment, comment) == 0)
            return parse(head, good[i].body, good[i].length, ret);
    }
    return -1;
}

static void members_come_from_their_fields(void **state)
{
    struct frame f;
    char text[ADDRESS_TEXT];

    (void)state;
    assert_int_equal(parse_good("OPEN, IPv4", &f), 0);
    assert_memory_equal(f.instance, INSTANCE, FRAME_INSTANCE);
    assert_int_equal(f.number, 0x0102030405060708);
    assert_string_equal(f.text, "node-a");
    assert_string_equal(address_format(&f.client, text), "10.0.0.5:49152");
    assert_int_equal(f.version | f.version_low | f.spares | (int)f.heartbeat_ms, 0);

    assert_int_equal(parse_good("WELCOME", &f), 0);
    assert_int_equal(f.version, 1);
    assert_int_equal(f.heartbeat_ms, 15000);
    assert_int_equal(f.spares, 4);
    assert_string_equal(f.text, "0.1.0");
    assert_false(address_is_set(&f.client));

    assert_int_equal(parse_good("ASK, for a client behind an agent", &f), 0);
    assert_int_equal(f.number, 0x0102030405060708);
    assert_string_equal(f.text, "node-a");
    assert_string_equal(f.behind, "site-a");
    assert_string_equal(address_format(&f.client, text), "10.0.0.5:49152");
    assert_int_equal(f.port, 5481);

    assert_int_equal(parse_good("HAND, for a client behind an agent", &f), 0);
    assert_memory_equal(f.instance, INSTANCE, FRAME_INSTANCE);
    assert_string_equal(f.behind, "site-a");
    assert_string_equal(address_format(&f.client, text), "10.0.0.5:5500");
    assert_int_equal(f.port, 0);

    assert_int_equal(parse_good("OPEN_AT", &f), 0);
    assert_string_equal(f.text, "dyn");
    assert_string_equal(f.behind, "");
    assert_string_equal(address_format(&f.client, text), "10.0.0.5:49152");
    assert_int_equal(f.port, 49153);

    assert_int_equal(parse_good("RENEWED, a piece in the middle, any bytes", &f), 0);
    assert_int_equal(f.whole, 10);
    assert_int_equal(f.offset, 5);
    assert_int_equal(f.length, 3);
    assert_memory_equal(f.data, "\0\xff\x80", 3);
}

static void longest_text_fits(void **state)
{
    struct frame f = {.type = FRAME_HELLO, .version_low = 1, .version = 1};
    struct frame back;
    uint8_t bytes[FRAME_MAX];
    size_t length;

    (void)state;
    memset(f.text, 'v', FRAME_TEXT_MAX);
    length = frame_format(&f, bytes);
    assert_int_equal(length, FRAME_HEAD + 2 + 2 + FRAME_INSTANCE + 1 + FRAME_TEXT_MAX);
    assert_int_equal(parse(bytes, bytes + FRAME_HEAD, length - FRAME_HEAD, &back), 0);
    assert_string_equal(back.text, f.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_tells_length),
        cmocka_unit_test(good_frames_go_round),
        cmocka_unit_test(bad_frames_are_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_longer_frame_is_refused),
        cmocka_unit_test(every_changed_byte_is_handled),
        cmocka_unit_test(members_come_from_their_fields),
        cmocka_unit_test(longest_text_fits),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
