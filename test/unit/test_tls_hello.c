/* SPDX-License-Identifier: Apache-2.0 */
/* tls/hello.h: good and malformed extensions, cut at each byte, with input that ends at a guard page; names and wildcards. */
#include "test/unit/unit.h"

#include "test/unit/guard.h"
#include "tls/hello.h"

#include <string.h>

/** Bytes of a literal, which may hold zeros. */
#define B(literal) literal, sizeof(literal) - 1

static const struct {
    const char *bytes;
    size_t length;
    const char *name; /**< NULL: malformed */
    const char *comment;
} names[] = {
    {B("\0\x06\0\0\x03"
       "a.b"),
     "a.b", "one host name"},
    {B("\0\x04\0\0\x01"
       "x"),
     "x", "shortest"},
    {B("\0\x04\x07\0\x01"
       "x"),
     "", "a name of another type only"},
    {B("\0\x0a\x07\0\x03"
       "abc\0\0\x01"
       "x"),
     "x", "another type first"},
    {B(""), NULL, "nothing"},
    {B("\0"), NULL, "half a length"},
    {B("\0\0"), NULL, "an empty list"},
    {B("\0\x03\0\0\0"), NULL, "an empty name"},
    {B("\0\x07\0\0\x03"
       "a.b"),
     NULL, "the list is longer than the extension"},
    {B("\0\x05\0\0\x03"
       "a.b"),
     NULL, "the list is shorter than the extension"},
    {B("\0\x06\0\0\x04"
       "a.b"),
     NULL, "the name is longer than the list"},
    {B("\0\x06\0\0\x02"
       "a.b"),
     NULL, "a byte is left over"},
    {B("\0\x06\0\0\x03"
       "a\0b"),
     NULL, "a zero byte in the name"},
    {B("\0\x08\0\0\x01"
       "a\0\0\x01"
       "b"),
     NULL, "two host names"},
    {B("\xff\xff\0\xff\xff"), NULL, "huge lengths"},
};

static void test_server_names(void **state)
{
    struct guard g;
    (void)state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ROWS(names); i++) {
        char name[HELLO_NAME_MAX + 1];
        const uint8_t *bytes = guard_copy(&g, names[i].bytes, names[i].length);
        int result = hello_server_name(bytes, names[i].length, name);
        EXPECT(result == (names[i].name == NULL ? -1 : 0), names[i].comment);
        EXPECT(result != 0 || strcmp(name, names[i].name) == 0, names[i].comment);
        /* No beginning of an extension is one. */
        for (size_t cut = 0; cut < names[i].length; cut++) {
            bytes = guard_copy(&g, names[i].bytes, cut);
            EXPECT(hello_server_name(bytes, cut, name) == -1, names[i].comment);
        }
    }
    guard_fini(&g);
}

static void test_server_name_of_full_length(void **state)
{
    uint8_t bytes[5 + 256] = {0, 0, 0, 0, 0};
    char name[HELLO_NAME_MAX + 1];
    (void)state;
    for (size_t n = 255; n <= 256; n++) {
        bytes[0] = (uint8_t)((n + 3) >> 8);
        bytes[1] = (uint8_t)(n + 3);
        bytes[3] = (uint8_t)(n >> 8);
        bytes[4] = (uint8_t)n;
        memset(bytes + 5, 'a', n);
        assert_int_equal(hello_server_name(bytes, 5 + n, name), n == 255 ? 0 : -1);
    }
}

static const struct {
    const char *bytes;
    size_t length;
    int result;
    bool is_offered;
    const char *comment;
} offers[] = {
    {B("\0\x0b\x0a"
       "georelay/1"),
     0, true, "alone"},
    {B("\0\x0e\x02h2\x0a"
       "georelay/1"),
     0, true, "second"},
    {B("\0\x0e\x0a"
       "georelay/1\x02h2"),
     0, true, "first"},
    {B("\0\x0c\x02h2\x08http/1.1"), 0, false, "a browser"},
    {B("\0\x0c\x0b"
       "georelay/10"),
     0, false, "a longer name"},
    {B("\0\x0a\x09"
       "georelay/"),
     0, false, "a shorter name"},
    {B("\0\x0b\x0a"
       "georelay/2"),
     0, false, "another version"},
    {B(""), -1, false, "nothing"},
    {B("\0\0"), -1, false, "an empty list"},
    {B("\0\x01\0"), -1, false, "an empty name"},
    {B("\0\x0c\x0a"
       "georelay/1\0"),
     -1, false, "an empty name at the end"},
    {B("\0\x0b\x0b"
       "georelay/1"),
     -1, false, "the name is longer than the list"},
    {B("\0\x0b\x09"
       "georelay/1"),
     -1, false, "what is left over is no name"},
    {B("\0\x0c\x0a"
       "georelay/1"),
     -1, false, "the list is longer than the extension"},
};

static void test_offers(void **state)
{
    struct guard g;
    (void)state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ROWS(offers); i++) {
        bool is_offered = false;
        const uint8_t *bytes = guard_copy(&g, offers[i].bytes, offers[i].length);
        EXPECT(hello_offers(bytes, offers[i].length, "georelay/1", &is_offered) == offers[i].result, offers[i].comment);
        EXPECT(is_offered == offers[i].is_offered, offers[i].comment);
        for (size_t cut = 0; cut < offers[i].length; cut++) {
            bytes = guard_copy(&g, offers[i].bytes, cut);
            EXPECT(hello_offers(bytes, cut, "georelay/1", &is_offered) == -1, offers[i].comment);
        }
    }
    guard_fini(&g);
}

static const struct {
    const char *pattern;
    const char *name;
    enum hello_match match;
} matches[] = {
    {"a.example", "a.example", HELLO_MATCH_EXACT},    {"A.Example", "a.eXAMPLE", HELLO_MATCH_EXACT},
    {"a.example", "b.example", HELLO_MATCH_NONE},     {"a.example", "", HELLO_MATCH_NONE},
    {"a.example", "a.example.", HELLO_MATCH_NONE},    {"*.example", "a.example", HELLO_MATCH_WILDCARD},
    {"*.Example", "A.example", HELLO_MATCH_WILDCARD}, {"*.example", "a.b.example", HELLO_MATCH_NONE},
    {"*.example", "example", HELLO_MATCH_NONE},       {"*.example", ".example", HELLO_MATCH_NONE},
    {"*.example", "*.example", HELLO_MATCH_WILDCARD}, {"*", "a", HELLO_MATCH_NONE},
    {"*a.example", "aa.example", HELLO_MATCH_NONE},   {"*.*.example", "a.b.example", HELLO_MATCH_NONE},
    {"a.*.example", "a.b.example", HELLO_MATCH_NONE},
};

static void test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(matches); i++)
        EXPECT(hello_match(matches[i].pattern, matches[i].name) == matches[i].match, matches[i].pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_names),
        cmocka_unit_test(test_server_name_of_full_length),
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
