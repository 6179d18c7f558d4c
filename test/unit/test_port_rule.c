/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/wire/port_rule.h: many made-up protocols, each fed whole, byte by byte and cut at every place: always the same finding,
 * and never a byte held that is not the field's. */
#include "test/unit/unit.h"

#include "proxy/wire/port_rule.h"
#include "test/unit/guard.h"

#include <stdio.h>
#include <string.h>

/** Bytes of a literal, which may hold zeros. */
#define B(literal) literal, sizeof(literal) - 1

#define NO_VALUE (-1L)
#define ANYWHERE 4096

/* 5500 is 0x157c, 5509 is 0x1585: U+0015 and '|'. */
struct row {
    const char *comment;
    const char *stream;
    size_t length;
    const char *after;
    size_t after_count;
    size_t offset;
    enum port_form form;
    size_t within;
    long at;    /* where the matching field begins; -1: mismatch */
    int width;  /* of the field */
    long value; /* NO_VALUE: no whole field was seen */
};

static const struct row rows[] = {
    {"le at start", B("\x7c\x15rest"), B(""), 0, PORT_U16LE, ANYWHERE, 0, 2, 5500},
    {"be at start", B("\x15\x7crest"), B(""), 0, PORT_U16BE, ANYWHERE, 0, 2, 5500},
    {"decimal at start", B("5500 rest"), B(""), 0, PORT_DECIMAL, ANYWHERE, 0, 4, 5500},
    {"le, last of the range", B("\x85\x15"), B(""), 0, PORT_U16LE, ANYWHERE, 0, 2, 5509},
    {"le, one above the range", B("\x86\x15"), B(""), 0, PORT_U16LE, ANYWHERE, -1, 0, 5510},
    {"le, one below the range", B("\x7b\x15"), B(""), 0, PORT_U16LE, ANYWHERE, -1, 0, 5499},
    {"le, zero", B("\0\0rest"), B(""), 0, PORT_U16LE, ANYWHERE, -1, 0, 0},
    {"be, zero", B("\0\0rest"), B(""), 0, PORT_U16BE, ANYWHERE, -1, 0, 0},
    {"decimal, zero", B("0 rest"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, 0},
    {"the other end first", B("\x15\x7c"), B(""), 0, PORT_U16LE, ANYWHERE, -1, 0, 0x7c15},
    {"highest value", B("\xff\xff"), B(""), 0, PORT_U16BE, ANYWHERE, -1, 0, 65535},
    {"binary before", B("\0\x01\xff\xfe\x15\x7c\0\0"), B(""), 4, PORT_U16BE, ANYWHERE, 4, 2, 5500},
    {"binary before, le", B("\x80\x7c\x15\x7c\x15\x7c\x15"), B(""), 3, PORT_U16LE, ANYWHERE, 3, 2, 5500},
    {"text before", B("HELLO 1.0 5503\r\n"), B(""), 10, PORT_DECIMAL, ANYWHERE, 10, 4, 5503},
    {"decimal at the stream's end", B("PORT 5501"), B(""), 5, PORT_DECIMAL, ANYWHERE, 5, 4, 5501},
    {"decimal, zero in front", B("port05502;"), B(""), 4, PORT_DECIMAL, ANYWHERE, 4, 5, 5502},
    {"decimal, zero in front, cut by the offset", B("port05502;"), B(""), 5, PORT_DECIMAL, ANYWHERE, 5, 4, 5502},
    {"five digits end a number", B("550012"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, 55001},
    {"five zeros", B("000005500"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, 0},
    {"too few digits", B("550\n"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, 550},
    {"five digits above any port", B("99999"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, 99999},
    {"no digit", B("x5500"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"blank before the digits", B(" 5500"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"minus", B("-5500"), B(""), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"stream ends before the field", B("abc"), B(""), 4, PORT_U16LE, ANYWHERE, -1, 0, NO_VALUE},
    {"stream ends at the field", B("abcd"), B(""), 4, PORT_U16LE, ANYWHERE, -1, 0, NO_VALUE},
    {"stream ends within the field", B("abcd\x7c"), B(""), 4, PORT_U16LE, ANYWHERE, -1, 0, NO_VALUE},
    {"empty stream", B(""), B(""), 0, PORT_U16LE, ANYWHERE, -1, 0, NO_VALUE},
    {"empty stream, decimal", B(""), B("PORT="), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},

    {"behind a key", B("USER=x;PORT=5500;END"), B("PORT="), 0, PORT_DECIMAL, ANYWHERE, 12, 4, 5500},
    {"behind a key at the end", B("PORT=5509"), B("PORT="), 0, PORT_DECIMAL, ANYWHERE, 5, 4, 5509},
    {"behind a binary key", B("\0\0\x01\x02\x03\x7c\x15\0"), B("\x01\x02\x03"), 0, PORT_U16LE, ANYWHERE, 5, 2, 5500},
    {"behind a key of zeros", B("\x09\0\0\0\x15\x7c\0\0"), B("\0\0\0"), 0, PORT_U16BE, ANYWHERE, 4, 2, 5500},
    {"behind a key, some bytes on", B("..KEY\x04\x02\x7c\x15.."), B("KEY"), 2, PORT_U16LE, ANYWHERE, 7, 2, 5500},
    {"key of one byte", B("abc:5500"), B(":"), 0, PORT_DECIMAL, ANYWHERE, 4, 4, 5500},
    {"key of 64 bytes", B("x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef5500"),
     B("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), 0, PORT_DECIMAL, ANYWHERE, 65, 4, 5500},
    {"no key", B("USER=x;POST=5500;END"), B("PORT="), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"half a key at the end", B("PORT=12;POR"), B("PORTS"), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"key begins twice", B("PPORT=5500"), B("PORT="), 0, PORT_DECIMAL, ANYWHERE, 6, 4, 5500},
    {"key breaks off and comes", B("POPORPORT=5500"), B("PORT="), 0, PORT_DECIMAL, ANYWHERE, 10, 4, 5500},
    {"key overlaps itself", B("ababababac5500"), B("ababac"), 0, PORT_DECIMAL, ANYWHERE, 10, 4, 5500},
    {"key overlaps itself, deep", B("aabaabaaabaaabc\x15\x7c"), B("aabaaabc"), 0, PORT_U16BE, ANYWHERE, 15, 2, 5500},
    {"key of equal bytes", B("aaaaaaab\x15\x7c"), B("aaab"), 0, PORT_U16BE, ANYWHERE, 8, 2, 5500},
    {"only equal bytes: the first counts", B("aaaa5500"), B("aaa"), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"two keys: the first counts", B("P=5501;P=5502"), B("P="), 0, PORT_DECIMAL, ANYWHERE, 2, 4, 5501},
    {"two keys: the first has no port", B("P=80;P=5502;"), B("P="), 0, PORT_DECIMAL, ANYWHERE, -1, 0, 80},
    {"two keys: the first has no number", B("P=x;P=5502;"), B("P="), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"key within the field of the key before", B("P=P=5502"), B("P="), 0, PORT_DECIMAL, ANYWHERE, -1, 0, NO_VALUE},
    {"field twice", B("\x7c\x15\x7d\x15"), B(""), 0, PORT_U16LE, ANYWHERE, 0, 2, 5500},
    {"digits before the key", B("5500PORT=5501\n"), B("PORT="), 0, PORT_DECIMAL, ANYWHERE, 9, 4, 5501},
    {"json", B("{\"name\": \"x\", \"port\": 5504, \"links\": 5}"), B("\"port\": "), 0, PORT_DECIMAL, ANYWHERE, 22, 4, 5504},
    {"xml", B("<hello><port>5505</port></hello>"), B("<port>"), 0, PORT_DECIMAL, ANYWHERE, 13, 4, 5505},
    {"type and length", B("\x10\x02\xab\xcd\x20\x02\x81\x15\x30"), B("\x20\x02"), 0, PORT_U16LE, ANYWHERE, 6, 2, 5505},
    {"utf-16", B("p\0o\0r\0t\0=\0\x7c\x15"), B("p\0o\0r\0t\0=\0"), 0, PORT_U16LE, ANYWHERE, 10, 2, 5500},

    {"le, just within", B("abcd\x7c\x15"), B(""), 4, PORT_U16LE, 6, 4, 2, 5500},
    {"le, just beyond", B("abcd\x7c\x15"), B(""), 4, PORT_U16LE, 5, -1, 0, NO_VALUE},
    {"key, just within", B("abcdKEY\x7c\x15"), B("KEY"), 0, PORT_U16LE, 9, 7, 2, 5500},
    {"key, just beyond", B("abcdeKEY\x7c\x15"), B("KEY"), 0, PORT_U16LE, 9, -1, 0, NO_VALUE},
    {"key and offset, just within", B("abKEY..\x7c\x15"), B("KEY"), 2, PORT_U16LE, 9, 7, 2, 5500},
    {"key and offset, just beyond", B("abcKEY..\x7c\x15"), B("KEY"), 2, PORT_U16LE, 9, -1, 0, NO_VALUE},
    {"decimal, just within", B("ab5500;"), B(""), 2, PORT_DECIMAL, 6, 2, 4, 5500},
    {"decimal, just within, at the end", B("ab5500"), B(""), 2, PORT_DECIMAL, 6, 2, 4, 5500},
    {"decimal, last digit beyond", B("ab5500;"), B(""), 2, PORT_DECIMAL, 5, -1, 0, NO_VALUE},
    {"decimal, goes on beyond", B("ab55001"), B(""), 2, PORT_DECIMAL, 6, -1, 0, NO_VALUE},
    {"decimal, begins beyond", B("abcdef5500"), B(""), 6, PORT_DECIMAL, 6, -1, 0, NO_VALUE},
    {"nothing can be within", B("KEY\x7c\x15"), B("KEY"), 0, PORT_U16LE, 4, -1, 0, NO_VALUE},
};

static struct guard guard;
static struct port_rule rule;

/* What the owner of a scan sees: what went on, what is held, where the field stands. */
struct owner {
    struct port_scan scan;
    size_t came;
    size_t behind; /* taken from the stream but not by the scan */
};

static void begin(struct owner *o, const struct row *row)
{
    const struct port_range ports = {5500, 5509};

    port_rule_init(&rule, (const uint8_t *)row->after, row->after_count, row->offset, row->form, row->within, ports);
    *o = (struct owner){0};
    port_scan_init(&o->scan, &rule);
}

/* Of what came, only the field may be held. */
static void expect_nothing_else_held(const struct owner *o, const struct row *row)
{
    size_t held = port_scan_held(&o->scan);

    EXPECT(held <= PORT_DIGITS_MAX, row->comment);
    EXPECT(o->scan.seen + o->behind == o->came, row->comment);
    if (row->at >= 0 && o->came <= (size_t)row->at)
        EXPECT(held == 0, row->comment);
    if (row->at >= 0 && !port_scan_is_over(&o->scan) && o->came > (size_t)row->at)
        EXPECT(held == o->came - (size_t)row->at, row->comment);
}

static void feed(struct owner *o, const struct row *row, size_t count)
{
    const uint8_t *bytes = guard_copy(&guard, row->stream + o->came, count);

    if (!port_scan_is_over(&o->scan))
        o->behind = count - port_scan_feed(&o->scan, bytes, count);
    else
        o->behind += count;
    o->came += count;
    expect_nothing_else_held(o, row);
}

static void expect_finding(struct owner *o, const struct row *row)
{
    port_scan_end(&o->scan);
    EXPECT((o->scan.state == PORT_SCAN_MATCH) == (row->at >= 0), row->comment);
    EXPECT(port_scan_is_over(&o->scan), row->comment);
    EXPECT(o->scan.has_value == (row->value != NO_VALUE), row->comment);
    if (row->value != NO_VALUE)
        EXPECT(o->scan.value == (uint32_t)row->value, row->comment);
    if (row->at < 0)
        return;
    EXPECT(o->scan.width == (unsigned)row->width && port_scan_held(&o->scan) == o->scan.width, row->comment);
    EXPECT(o->scan.seen == (size_t)row->at + o->scan.width, row->comment);
}

static void test_whole(void **state)
{
    struct owner o;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        begin(&o, &rows[i]);
        feed(&o, &rows[i], rows[i].length);
        expect_finding(&o, &rows[i]);
    }
}

static void test_byte_by_byte(void **state)
{
    struct owner o;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        begin(&o, &rows[i]);
        for (size_t at = 0; at < rows[i].length; at++)
            feed(&o, &rows[i], 1);
        expect_finding(&o, &rows[i]);
    }
}

/* In three pieces, cut at every pair of places; some of the pieces are empty. */
static void test_every_cut(void **state)
{
    struct owner o;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (size_t first = 0; first <= rows[i].length; first++)
            for (size_t second = first; second <= rows[i].length; second++) {
                begin(&o, &rows[i]);
                feed(&o, &rows[i], first);
                feed(&o, &rows[i], second - first);
                feed(&o, &rows[i], rows[i].length - second);
                expect_finding(&o, &rows[i]);
            }
}

/* The stream goes on with bytes that are none of the field's: found without its end, at the same byte in every cut. */
static void test_decides_without_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct owner o;
        size_t decided = 0;

        if (rows[i].at < 0)
            continue;
        begin(&o, &rows[i]);
        feed(&o, &rows[i], rows[i].length);
        if (!port_scan_is_over(&o.scan))
            (void)port_scan_feed(&o.scan, (const uint8_t *)"!", 1);
        EXPECT(o.scan.state == PORT_SCAN_MATCH, rows[i].comment);
        decided = o.scan.seen;
        EXPECT(decided == (size_t)rows[i].at + (size_t)rows[i].width, rows[i].comment);
    }
}

/* A mismatch is known as soon as nothing that may come could be a match: nobody waits for bytes that do not matter. */
static void test_gives_up_early(void **state)
{
    static const struct row row = {"", B("abcdefgh"), B("KEY"), 1, PORT_U16LE, 9, -1, 0, NO_VALUE};
    struct owner o;

    (void)state;
    begin(&o, &row);
    feed(&o, &row, 3);
    assert_int_equal(o.scan.state, PORT_SCAN_SEEK); /* KEY.LE would just fit */
    feed(&o, &row, 1);
    assert_int_equal(o.scan.state, PORT_SCAN_MISMATCH);
    assert_int_equal(o.scan.seen, 4);
}

static void test_silence(void **state)
{
    static const struct row decimal = {"", B("P=5500"), B("P="), 0, PORT_DECIMAL, ANYWHERE, 2, 4, 5500};
    static const struct row binary = {"", B("P=\x7c"), B("P="), 0, PORT_U16LE, ANYWHERE, -1, 0, NO_VALUE};
    struct owner o;

    (void)state;
    begin(&o, &decimal);
    for (size_t came = 0; came < 2; came++) {
        port_scan_silence(&o.scan); /* nothing is held: it does not matter */
        assert_int_equal(o.scan.state, PORT_SCAN_SEEK);
        feed(&o, &decimal, 1);
    }
    port_scan_silence(&o.scan);
    assert_int_equal(o.scan.state, PORT_SCAN_FIELD);
    feed(&o, &decimal, 4);
    assert_int_equal(o.scan.state, PORT_SCAN_FIELD);
    port_scan_silence(&o.scan);
    assert_int_equal(o.scan.state, PORT_SCAN_MATCH);
    port_scan_silence(&o.scan);
    assert_int_equal(o.scan.state, PORT_SCAN_MATCH);

    begin(&o, &decimal);
    feed(&o, &decimal, 4);
    port_scan_silence(&o.scan);
    assert_int_equal(o.scan.state, PORT_SCAN_MISMATCH);
    assert_true(o.scan.has_value && o.scan.value == 55 && port_scan_held(&o.scan) == 0);

    begin(&o, &binary);
    feed(&o, &binary, 3);
    assert_int_equal(port_scan_held(&o.scan), 1);
    port_scan_silence(&o.scan);
    assert_int_equal(o.scan.state, PORT_SCAN_MISMATCH);
    assert_int_equal(port_scan_held(&o.scan), 0);
}

/* Every pattern of up to six letters a and b, in every text of ten: found where the first one stands. */
static void test_patterns(void **state)
{
    (void)state;
    for (unsigned length = 1; length <= 6; length++)
        for (unsigned pattern = 0; pattern < 1u << length; pattern++)
            for (unsigned text = 0; text < 1u << 10; text++) {
                char after[8] = "", stream[16] = "";
                const char *first;
                struct port_scan scan;

                for (unsigned i = 0; i < length; i++)
                    after[i] = pattern >> i & 1 ? 'b' : 'a';
                for (unsigned i = 0; i < 10; i++)
                    stream[i] = text >> i & 1 ? 'b' : 'a';
                port_rule_init(&rule, (const uint8_t *)after, length, 0, PORT_DECIMAL, 64, (struct port_range){1, 9999});
                port_scan_init(&scan, &rule);
                first = strstr(stream, after);
                for (size_t i = 0; first != NULL && i < (size_t)(first - stream) + length; i++)
                    assert_int_equal(port_scan_feed(&scan, (const uint8_t *)stream + i, 1), 1);
                if (first == NULL)
                    (void)port_scan_feed(&scan, (const uint8_t *)stream, 10);
                assert_int_equal(scan.state, first != NULL ? PORT_SCAN_FIELD : PORT_SCAN_SEEK);
            }
}

static void test_write(void **state)
{
    uint8_t field[8] = "........";

    (void)state;
    assert_true(port_field_write(PORT_U16LE, field, 2, 0x1234) && memcmp(field, "\x34\x12.", 3) == 0);
    assert_true(port_field_write(PORT_U16BE, field, 2, 0x1234) && memcmp(field, "\x12\x34.", 3) == 0);
    assert_true(port_field_write(PORT_DECIMAL, field, 4, 7001) && memcmp(field, "7001.", 5) == 0);
    assert_true(port_field_write(PORT_DECIMAL, field, 5, 7001) && memcmp(field, "07001.", 6) == 0);
    assert_true(port_field_write(PORT_DECIMAL, field, 5, 65535) && memcmp(field, "65535.", 6) == 0);
    assert_false(port_field_write(PORT_DECIMAL, field, 4, 15500));
    assert_true(memcmp(field, "65535.", 6) == 0);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(port_form_name(PORT_U16LE), "u16le");
    assert_string_equal(port_form_name(PORT_DECIMAL), "decimal");
    assert_string_equal(port_scan_state_name(PORT_SCAN_SEEK), "seek");
    assert_string_equal(port_scan_state_name(PORT_SCAN_MISMATCH), "mismatch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),          cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_every_cut),      cmocka_unit_test(test_decides_without_the_end),
        cmocka_unit_test(test_gives_up_early), cmocka_unit_test(test_silence),
        cmocka_unit_test(test_patterns),       cmocka_unit_test(test_write),
        cmocka_unit_test(test_names),
    };
    int failed;

    guard_init(&guard, 4096);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    guard_fini(&guard);
    return failed;
}
