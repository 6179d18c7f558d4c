/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the system, run for what it says: proxy/app/child.h. */
#include "test/unit/unit.h"

#include "proxy/app/child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void says_all_of_it(void **state)
{
    static const char *const words[] = {"printf", "%s", "two words; $(none)\n", NULL};
    enum child_end end = CHILD_FAILED;
    char *text = child_read(words, &end);

    (void)state;
    assert_int_equal(end, CHILD_DONE);
    assert_string_equal(text, "two words; $(none)\n");
    free(text);
}

static void says_nothing(void **state)
{
    static const char *const words[] = {"true", NULL};
    char *text = child_read(words, NULL);

    (void)state;
    assert_string_equal(text, "");
    free(text);
}

static void ends_that_are_not_good(void **state)
{
    static const char *const fails[] = {"false", NULL};
    static const char *const absent[] = {"georelay-no-such-program", NULL};
    static const char *const endless[] = {"cat", "/dev/zero", NULL};
    static const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
    enum child_end end = CHILD_DONE;

    (void)state;
    assert_null(child_read(fails, &end));
    assert_int_equal(end, CHILD_FAILED);
    assert_null(child_read(absent, &end));
    assert_int_equal(end, CHILD_ABSENT);
    assert_null(child_read(endless, &end));
    assert_int_equal(end, CHILD_ENDLESS);
    assert_null(child_read(killed, &end));
    assert_int_equal(end, CHILD_FAILED);
}

/* Never by PATH, and nothing of ours goes with it. */
static void takes_nothing_along(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char script[128];
    const char *const words[] = {"sh", "-c", script, NULL};
    char *text;

    (void)state;
    assert_true(fd >= 0);
    snprintf(script, sizeof(script), "echo \"$OF_A_TEST\"; test -e /proc/$$/fd/1 && test ! -e /proc/$$/fd/%d && echo none", fd);
    assert_int_equal(setenv("OF_A_TEST", "seen", 1), 0);
    assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
    text = child_read(words, NULL);
    assert_non_null(text);
    assert_string_equal(text, "\nnone\n");
    free(text);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_all_of_it),
        cmocka_unit_test(says_nothing),
        cmocka_unit_test(ends_that_are_not_good),
        cmocka_unit_test(takes_nothing_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
