/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/base/reason.h: the table has no holes, no doubles, and names that any log can hold. */
#include "test/unit/unit.h"

#include "proxy/base/reason.h"

#include <string.h>

static void every_reason_has_name_and_sentence(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        const char *name = reason_name((enum reason)i);
        const char *sentence = reason_sentence((enum reason)i);

        EXPECT(name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] == '\0', name);
        EXPECT(strlen(name) < 64, name);
        EXPECT(sentence[0] != '\0' && sentence[strlen(sentence) - 1] != '.', name);
    }
}

/* What a peer can't know, or what would hide that it refused. */
static bool is_own(int why)
{
    static const enum reason own[] = {REASON_NONE,   REASON_FRONT_EOF,  REASON_BACK_EOF,
                                      REASON_SERVED, REASON_REDIRECTED, REASON_HANDED_OVER};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if ((int)own[i] == why)
            return true;
    return false;
}

static void every_name_leads_back_but_our_own(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        const char *name = reason_name((enum reason)i);

        if (is_own(i))
            EXPECT(reason_by_name(name, (unsigned)strlen(name)) == REASON_REFUSED_BY_PEER, name);
        else
            EXPECT(reason_by_name(name, (unsigned)strlen(name)) == (enum reason)i, name);
    }
}

static void unknown_names_are_refusals(void **state)
{
    (void)state;
    assert_int_equal(reason_by_name("", 0), REASON_REFUSED_BY_PEER);
    assert_int_equal(reason_by_name("dial", 4), REASON_REFUSED_BY_PEER);
    assert_int_equal(reason_by_name("dial_refused", 11), REASON_REFUSED_BY_PEER);
    assert_int_equal(reason_by_name("none", 4), REASON_REFUSED_BY_PEER);
}

static void ends_in_order_are_good(void **state)
{
    (void)state;
    assert_true(reason_is_good(REASON_FRONT_EOF));
    assert_true(reason_is_good(REASON_SHUTDOWN));
    assert_false(reason_is_good(REASON_BACK_RESET));
}

static void remedies_are_for_what_went_wrong(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++)
        if (reason_remedy((enum reason)i) != NULL) {
            EXPECT(!reason_is_good((enum reason)i), reason_name((enum reason)i));
            EXPECT(reason_remedy((enum reason)i)[0] != '\0', reason_name((enum reason)i));
        }
    assert_non_null(strstr(reason_remedy(REASON_NO_DELIVERER), "NAT"));
    assert_null(reason_remedy(REASON_FRONT_RESET));
    assert_null(reason_remedy(REASON_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_name_and_sentence), cmocka_unit_test(every_name_leads_back_but_our_own),
        cmocka_unit_test(unknown_names_are_refusals),         cmocka_unit_test(ends_in_order_are_good),
        cmocka_unit_test(remedies_are_for_what_went_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
