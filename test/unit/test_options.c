/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/app/options.h: each way to write an option, and each way to get it wrong. */
#include "test/unit/unit.h"

#include "proxy/app/options.h"

#include <string.h>

#define ARGUMENTS_MAX 6

static const char *config, *probe, *days;

static const struct option_row table[] = {
    {"-c", "--config", "FILE", "the configuration", &config},
    {NULL, "--probe", NULL, "tries more", &probe},
    {NULL, "--days", "N", "how long", &days},
    {0},
};

static const struct {
    const char *comment;
    const char *arguments[ARGUMENTS_MAX];
    enum options_result result;
    const char *config;
    const char *probe;
    const char *days;
    const char *words[2];
} rows[] = {
    {"nothing", {NULL}, OPTIONS_OK},
    {"short", {"-c", "a.conf"}, OPTIONS_OK, "a.conf"},
    {"long", {"--config", "a.conf"}, OPTIONS_OK, "a.conf"},
    {"with =", {"--config=a.conf"}, OPTIONS_OK, "a.conf"},
    {"a value with =", {"--config=a=b"}, OPTIONS_OK, "a=b"},
    {"an empty value", {"--config="}, OPTIONS_OK, ""},
    {"the last one wins", {"-c", "a", "-c", "b"}, OPTIONS_OK, "b"},
    {"a flag", {"--probe"}, OPTIONS_OK, .probe = "yes"},
    {"words between",
     {"agent", "--days", "30", "site-a", "--probe"},
     OPTIONS_OK,
     .probe = "yes",
     .days = "30",
     .words = {"agent", "site-a"}},
    {"a lone -", {"-"}, OPTIONS_OK, .words = {"-"}},
    {"a value like an option", {"-c", "--probe"}, OPTIONS_OK, "--probe"},
    {"help", {"--help"}, OPTIONS_HELP},
    {"help, after others", {"--probe", "-h"}, OPTIONS_HELP, .probe = "yes"},
    {"unknown", {"--nothing"}, OPTIONS_BAD},
    {"unknown short", {"-x"}, OPTIONS_BAD},
    {"part of a name", {"--conf", "a"}, OPTIONS_BAD},
    {"more than a name", {"--configs", "a"}, OPTIONS_BAD},
    {"one - too few", {"-config", "a"}, OPTIONS_BAD},
    {"only --", {"--"}, OPTIONS_BAD},
    {"no value", {"-c"}, OPTIONS_BAD},
    {"no value, long", {"--days"}, OPTIONS_BAD},
    {"a flag with a value", {"--probe=no"}, OPTIONS_BAD},
    {"wrong after right", {"-c", "a", "--nothing"}, OPTIONS_BAD, "a"},
};

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *argv[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t) "check"};
        int argc = 1, count = 0, expected = 0;

        while (rows[i].arguments[argc - 1] != NULL) {
            argv[argc] = (char *)(uintptr_t)rows[i].arguments[argc - 1];
            argc++;
        }
        config = probe = days = NULL;
        EXPECT(options_read(argc, argv, table, "usage: test", &count) == rows[i].result, rows[i].comment);
        EXPECT(is_same(config, rows[i].config) && is_same(probe, rows[i].probe) && is_same(days, rows[i].days), rows[i].comment);
        if (rows[i].result != OPTIONS_OK)
            continue;
        for (; expected < 2 && rows[i].words[expected] != NULL; expected++)
            EXPECT(expected < count && is_same(argv[1 + expected], rows[i].words[expected]), rows[i].comment);
        EXPECT(count == expected, rows[i].comment);
    }
}

static void test_a_command_without_words(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "check", (char *)(uintptr_t) "a.conf", NULL};
    (void)state;
    assert_int_equal(options_read(1, argv, table, "usage: test", NULL), OPTIONS_OK);
    assert_int_equal(options_read(2, argv, table, "usage: test", NULL), OPTIONS_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_a_command_without_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
