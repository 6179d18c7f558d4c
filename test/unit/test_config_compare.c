/* SPDX-License-Identifier: Apache-2.0 */
/* config/compare.h: what is different in two configurations, and what needs a restart. */
#include "test/unit/unit.h"

#include "config/compare.h"
#include "config/load.h"
#include "test/unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scratch scratch;
static char found[2048];

static int set_up(void **state)
{
    (void)state;
    scratch_init(&scratch);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_fini(&scratch);
    return 0;
}

static struct cfg *load(const char *text)
{
    const char *path = scratch_path(&scratch, "georelay.conf");
    FILE *file = fopen(path, "we");
    struct cfg_problems problems = {0};
    struct cfg *cfg;

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    cfg = cfg_load(path, &problems);
    assert_non_null(cfg);
    cfg_problems_fini(&problems);
    return cfg;
}

/* "name " for each, "name! " for those that need a restart. */
static void differs(void *arg, const char *name, const struct cfg_setting *row)
{
    (void)arg;
    strcat(found, name);
    strcat(found, row->change == CFG_CHANGE_AT_START ? "! " : " ");
}

static const char *compare(const char *before, const char *after)
{
    struct cfg *a = load(before), *b = load(after);

    found[0] = '\0';
    (void)cfg_compare(a, b, differs, NULL);
    cfg_free(a);
    cfg_free(b);
    return found;
}

#define LINK(server) "links = ( { name = \"node-a\"; listen = \"127.0.0.1:5481\"; server = \"" server "\"; } );"

static void what_is_the_same_is_not_told(void **state)
{
    (void)state;
    assert_string_equal(compare("role = \"relay\";", "\n\n# a comment\nrole = \"relay\";"), "");
    assert_string_equal(compare("role = \"relay\";", "role = \"relay\"; limits = { per_client = 256; }; workers = 0;"), "");
    assert_string_equal(compare(LINK("10.0.0.1:5481"), "\n" LINK("10.0.0.1:5481")), "");
}

static void each_setting_is_told_by_name(void **state)
{
    (void)state;
    assert_string_equal(compare(LINK("10.0.0.1:5481"), LINK("10.0.0.2:5481")), "links ");
    assert_string_equal(compare("limits = { connections = 7; };", "limits = { connections = 8; per_client = 3; };"),
                        "limits.connections limits.per_client ");
    assert_string_equal(compare("nat = ( \"203.0.113.7\" );", "nat = ( \"203.0.113.8\" );"), "nat ");
    assert_string_equal(compare("nat = ( \"203.0.113.7\" );", "nat = ( \"203.0.113.7\", \"203.0.113.8\" );"), "nat ");
    assert_string_equal(compare("", "web = { upstream = { health = { }; }; };"), "web ");
}

static void what_needs_a_restart_is_marked(void **state)
{
    (void)state;
    assert_string_equal(compare("workers = 2;", "workers = 3;"), "workers! ");
    assert_string_equal(compare("", "user = \"georelay\"; state = \"/x\";"), "user! state! ");
    assert_string_equal(compare("", "log = { level = \"debug\"; file = \"/x\"; };"), "log.level log.file! ");
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_is_the_same_is_not_told),
        STORY(each_setting_is_told_by_name),
        STORY(what_needs_a_restart_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
