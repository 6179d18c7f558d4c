/* SPDX-License-Identifier: Apache-2.0 */
/* config/hours.h, proxy/session/hours.h and proxy/session/admission.h: what a time of the week says, and who may come. */
#include "test/unit/unit.h"

#include "config/hours.h"
#include "proxy/session/admission.h"
#include "proxy/session/hours.h"

enum { SU = 0, MO, TU, WE, TH, FR, SA };

static bool holds(const char *text, int weekday, int hour, int minute)
{
    struct cfg_hours h = {0};

    assert_true(cfg_hours_parse(text, &h));
    return hours_contain(&h, 1, weekday, hour * 60 + minute);
}

static void test_days_and_times(void **state)
{
    (void)state;
    assert_true(holds("Mo-Fr 07:00-18:00", MO, 7, 0));
    assert_false(holds("Mo-Fr 07:00-18:00", MO, 6, 59));
    assert_true(holds("Mo-Fr 07:00-18:00", FR, 17, 59));
    assert_false(holds("Mo-Fr 07:00-18:00", FR, 18, 0));
    assert_false(holds("Mo-Fr 07:00-18:00", SA, 12, 0));
    assert_true(holds("Mo-Fr 07-18", WE, 12, 0));
    assert_true(holds("mo,We 7-8:30", WE, 8, 29));
    assert_false(holds("Mo,We 7-8:30", TU, 8, 0));
    assert_true(holds("Fr-Mo 8-12", SU, 9, 0)); /* over the week's end */
    assert_false(holds("Fr-Mo 8-12", TU, 9, 0));
    assert_true(holds("00:00-24:00", SA, 23, 59));
    assert_true(holds("Mo-Su 00:00-24:00", SU, 0, 0));
}

static void test_over_midnight(void **state)
{
    (void)state;
    assert_true(holds("22:00-06:00", TU, 23, 0) && holds("22:00-06:00", TU, 5, 59));
    assert_false(holds("22:00-06:00", TU, 6, 0) || holds("22:00-06:00", TU, 21, 59));
    assert_true(holds("Fr 22:00-06:00", FR, 22, 0));
    assert_true(holds("Fr 22:00-06:00", SA, 5, 59)); /* the night that began on Friday */
    assert_false(holds("Fr 22:00-06:00", FR, 5, 0));
    assert_false(holds("Fr 22:00-06:00", SA, 22, 0));
    assert_true(holds("Sa 22:00-06:00", SU, 1, 0));
}

static void test_several(void **state)
{
    struct cfg_hours list[2] = {0};

    (void)state;
    assert_true(cfg_hours_parse("Mo-Fr 7-18", &list[0]) && cfg_hours_parse("Sa 8-12", &list[1]));
    assert_true(hours_contain(list, 2, SA, 9 * 60) && hours_contain(list, 2, MO, 9 * 60));
    assert_false(hours_contain(list, 2, SU, 9 * 60));
    assert_true(hours_contain(NULL, 0, SU, 0)); /* none: always */
}

static void test_what_is_no_time(void **state)
{
    static const char *const bad[] = {
        "",        "Mo",          "Mo-Fr",      "Mo-Fr07-18", "Mo- 07-18",   "Mo-Xx 07-18", "07",          "07-",   "-18",
        "07:0-18", "07:00-18:60", "25-26",      "07-25",      "24:00-06:00", "07:00-24:01", "22:00-00:00", "07-07", "07-18 ",
        "07-18x",  " 07-18",      "Mo,,Tu 7-8", "Mo, Tu 7-8", "007-18",      "Mo 7 - 8",    "07.00-18.00"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cfg_hours h = {.days = 99};

        if (cfg_hours_parse(bad[i], &h))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(h.days, 99);
    }
}

static void test_lists(void **state)
{
    struct cfg_network allow[1] = {0}, deny[1] = {0};
    struct cfg_admission a = {0};
    struct address in = {0}, out = {0}, bad = {0}, none = {0};
    char rule[ADMISSION_RULE];

    (void)state;
    assert_int_equal(network_parse("192.0.2.0/24", &allow[0].network), 0);
    assert_int_equal(network_parse("192.0.2.66", &deny[0].network), 0);
    assert_int_equal(address_parse("192.0.2.1", &in) | address_parse("198.51.100.1", &out) | address_parse("192.0.2.66", &bad),
                     0);
    assert_true(admission_allows(&a, &in) && admission_allows(&a, &none));
    a.deny = deny;
    a.deny_count = 1;
    assert_true(admission_allows(&a, &in) && admission_allows(&a, &out));
    assert_false(admission_allows(&a, &bad) || admission_allows(&a, &none));
    a.allow = allow;
    a.allow_count = 1;
    assert_true(admission_allows(&a, &in));
    assert_false(admission_allows(&a, &out) || admission_allows(&a, &bad));
    assert_string_equal(admission_rule(&a, &out, rule), "allow_from");
    assert_string_equal(admission_rule(&a, &bad, rule), "deny_from 192.0.2.66/32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_and_times),  cmocka_unit_test(test_over_midnight), cmocka_unit_test(test_several),
        cmocka_unit_test(test_what_is_no_time), cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
