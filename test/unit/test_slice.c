/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/base/slice.h, with input that ends at a guard page. */
#include "test/unit/unit.h"

#include "proxy/base/slice.h"
#include "test/unit/guard.h"

#include <string.h>

static struct guard guard;

/** A slice that ends at the guard page, valid until the next one. */
static struct slice slice(const char *text)
{
    return (struct slice){(const char *)guard_copy(&guard, text, strlen(text)), strlen(text)};
}

static int setup(void **state)
{
    (void)state;
    guard_init(&guard, 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard_fini(&guard);
    return 0;
}

static void none_is_a_slice_of_nothing(void **state)
{
    struct slice none = slice_of(NULL);
    struct slice element;
    uint64_t number;

    (void)state;
    assert_null(none.at);
    assert_int_equal(none.length, 0);
    assert_true(slice_is(none, ""));
    assert_true(slice_equals(none, slice("")));
    assert_true(slice_starts(none, ""));
    assert_false(slice_starts(none, "a"));
    assert_int_equal(slice_trim(none).length, 0);
    assert_false(slice_next_element(&none, &element));
    assert_false(slice_number(none, &number));
}

static void equality_is_of_all_bytes(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool is_equal;
        bool is_equal_nocase;
    } rows[] = {
        {"", "", true, true},          {"a", "a", true, true},           {"a", "A", false, true},
        {"a", "b", false, false},      {"a", "", false, false},          {"", "a", false, false},
        {"ab", "a", false, false},     {"a", "ab", false, false},        {"Host", "hOST", false, true},
        {"@", "`", false, false},      {"[", "{", false, false},         {"\xc4", "\xe4", false, false},
        {"az09", "AZ09", false, true}, {"a\x01", "a\x21", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct slice a = slice(rows[i].a);

        EXPECT(slice_is(a, rows[i].b) == rows[i].is_equal, rows[i].a);
        EXPECT(slice_equals(a, slice_of(rows[i].b)) == rows[i].is_equal, rows[i].a);
        EXPECT(slice_is_nocase(a, rows[i].b) == rows[i].is_equal_nocase, rows[i].a);
        EXPECT(slice_equals_nocase(a, slice_of(rows[i].b)) == rows[i].is_equal_nocase, rows[i].a);
    }
}

static void start_is_what_comes_first(void **state)
{
    (void)state;
    assert_true(slice_starts(slice("http://a"), "http://"));
    assert_true(slice_starts(slice("http://"), "http://"));
    assert_false(slice_starts(slice("http:/"), "http://"));
    assert_false(slice_starts(slice("HTTP://"), "http://"));
    assert_true(slice_starts_nocase(slice("HTTP://"), "http://"));
    assert_false(slice_starts_nocase(slice("HTTP:/"), "http://"));
    assert_true(slice_starts(slice("a"), ""));
}

static void blanks_go_from_both_ends(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},           {" ", ""}, {"\t \t", ""}, {"a", "a"}, {" a\t", "a"}, {"a b", "a b"}, {"  a \t b  ", "a \t b"},
        {"\va\v", "\va\v"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        EXPECT(slice_is(slice_trim(slice(rows[i][0])), rows[i][1]), rows[i][0]);
}

/** Expected elements, each followed by ";". */
static void elements_come_one_by_one(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {",", ""},
        {" , ,\t,", ""},
        {"a", "a;"},
        {"a,b", "a;b;"},
        {" a , b ", "a;b;"},
        {",a,,b,", "a;b;"},
        {"a b", "a b;"},
        {"a=\"x,y\",b", "a=\"x,y\";b;"},
        {"\"a\\\",b\",c", "\"a\\\",b\";c;"},
        {"\"a\\\\\",c", "\"a\\\\\";c;"},
        {"\"a,b", "\"a,b;"}, /* no end: one element, which no reader of tokens takes */
        {"\"a\\", "\"a\\;"}, /* a backslash at the very end */
        {"a\\,b", "a\\;b;"}, /* outside of quotes a backslash is nothing special */
        {"close, x-y", "close;x-y;"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct slice rest = slice(rows[i][0]);
        struct slice element;
        char text[64] = "";

        while (slice_next_element(&rest, &element)) {
            strncat(text, element.at, element.length);
            strcat(text, ";");
        }
        EXPECT(strcmp(text, rows[i][1]) == 0, rows[i][0]);
        EXPECT(rest.length == 0, rows[i][0]);
    }
}

static void numbers_are_digits_and_fit(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        uint64_t number;
    } rows[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"0018446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551620", false, 0},
        {"28446744073709551615", false, 0},
        {"99999999999999999999999999", false, 0},
        {"", false, 0},
        {"+1", false, 0},
        {"-1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1,1", false, 0},
        {"0x1", false, 0},
        {"1e3", false, 0},
        {"1.0", false, 0},
        {"\xd9\xa1", false, 0}, /* ARABIC-INDIC DIGIT ONE */
        {"/", false, 0},
        {":", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t number = 0;

        EXPECT(slice_number(slice(rows[i].text), &number) == rows[i].is_number, rows[i].text);
        EXPECT(number == rows[i].number, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_a_slice_of_nothing), cmocka_unit_test(equality_is_of_all_bytes),
        cmocka_unit_test(start_is_what_comes_first),  cmocka_unit_test(blanks_go_from_both_ends),
        cmocka_unit_test(elements_come_one_by_one),   cmocka_unit_test(numbers_are_digits_and_fit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
