/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/: every file of test/config/valid and docs/examples has no problem, and every file of test/config/invalid has exactly
 * those that its first lines say:
 *
 *     # expect: LINE: part of "sentence. Remedy."          (LINE 0: the file as a whole; FILE:LINE for an included file)
 *
 * Each is copied into a scratch folder together with test/config/files, all readable by nobody else but open.key.
 */
#include "test/unit/unit.h"

#include "config/check.h"
#include "config/load.h"
#include "config/print.h"
#include "test/unit/scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TESTS = 200, EXPECTATIONS = 64, LINE_BYTES = 512, PATH_BYTES = 512 };

struct expectation {
    char file[64]; /* empty: the file under test */
    unsigned line;
    char part[LINE_BYTES];
};

/* A configuration file on its own in a folder with the files that it names. */
struct stage {
    struct scratch scratch;
    char path[PATH_BYTES];
    struct cfg_problems problems;
    struct cfg *cfg;
};

static const char *source_root(void)
{
    const char *root = getenv("GEORELAY_SOURCE");

    return root ? root : ".";
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
    FILE *in = fopen(from, "re");
    FILE *out = fopen(to, "we");
    char bytes[4096];
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(to, mode), 0);
}

static void copy_stand_ins(const struct stage *s)
{
    char folder[PATH_BYTES];
    DIR *files;

    snprintf(folder, sizeof(folder), "%s/test/config/files", source_root());
    files = opendir(folder);
    assert_non_null(files);
    for (struct dirent *entry = readdir(files); entry; entry = readdir(files)) {
        char from[2 * PATH_BYTES];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(from, sizeof(from), "%s/%s", folder, entry->d_name);
        copy_file(from, scratch_path(&s->scratch, entry->d_name), strcmp(entry->d_name, "open.key") == 0 ? 0644 : 0600);
    }
    closedir(files);
}

static void stage_init(struct stage *s, const char *file)
{
    *s = (struct stage){0};
    scratch_init(&s->scratch);
    copy_stand_ins(s);
    snprintf(s->path, sizeof(s->path), "%s", scratch_path(&s->scratch, "georelay.conf"));
    copy_file(file, s->path, 0600);
    s->cfg = cfg_load(s->path, &s->problems);
    if (s->cfg)
        cfg_check(s->cfg, &s->problems);
}

static void stage_fini(struct stage *s)
{
    cfg_free(s->cfg);
    cfg_problems_fini(&s->problems);
    scratch_fini(&s->scratch);
}

static void has_no_problem(void **state)
{
    struct stage s;
    FILE *sink = fopen("/dev/null", "we");

    stage_init(&s, *state);
    cfg_problems_print(&s.problems, stderr);
    EXPECT(s.problems.count == 0, (const char *)*state);
    cfg_print_plan(s.cfg, sink);
    fclose(sink);
    stage_fini(&s);
}

static bool parse_expectation(const char *text, struct expectation *e)
{
    char *end;

    e->file[0] = '\0';
    if (text[0] < '0' || text[0] > '9') {
        size_t length = strcspn(text, ":");

        if (length == 0 || length >= sizeof(e->file) || text[length] != ':')
            return false;
        memcpy(e->file, text, length);
        e->file[length] = '\0';
        text += length + 1;
    }
    e->line = (unsigned)strtoul(text, &end, 10);
    if (end == text || strncmp(end, ": ", 2) != 0)
        return false;
    snprintf(e->part, sizeof(e->part), "%s", end + 2);
    e->part[strcspn(e->part, "\n")] = '\0';
    return e->part[0] != '\0';
}

static size_t read_expectations(const char *path, struct expectation *list)
{
    static const char mark[] = "# expect: ";
    FILE *file = fopen(path, "re");
    char line[LINE_BYTES];
    size_t count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) && line[0] == '#')
        if (strncmp(line, mark, strlen(mark)) == 0) {
            assert_true(count < EXPECTATIONS);
            EXPECT(parse_expectation(line + strlen(mark), &list[count]), line);
            count++;
        }
    fclose(file);
    return count;
}

static bool is_met(const struct stage *s, const struct expectation *e)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s", e->file[0] ? scratch_path(&s->scratch, e->file) : s->path);
    for (size_t i = 0; i < s->problems.kept; i++) {
        const struct cfg_problem *problem = &s->problems.list[i];
        char text[3 * LINE_BYTES];

        snprintf(text, sizeof(text), "%s. %s.", problem->sentence, problem->remedy);
        if (problem->line == e->line && strcmp(problem->file, path) == 0 && strstr(text, e->part))
            return true;
    }
    return false;
}

static void has_the_expected_problems(void **state)
{
    struct expectation *list = calloc(EXPECTATIONS, sizeof(*list));
    size_t count, met = 0;
    struct stage s;

    assert_non_null(list);
    count = read_expectations(*state, list);
    stage_init(&s, *state);
    for (size_t i = 0; i < count; i++) {
        if (is_met(&s, &list[i]))
            met++;
        else
            print_error("not found: %s:%u: %s\n", list[i].file, list[i].line, list[i].part);
    }
    if (count == 0 || met < count || s.problems.count != count) {
        cfg_problems_print(&s.problems, stderr);
        fail_msg("%s: %zu problems, %zu expected, %zu of these found", (char *)*state, s.problems.count, count, met);
    }
    stage_fini(&s);
    free(list);
}

static int is_configuration(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* Adds one test for each configuration file of a folder. Its name is the file's path, which is freed at the end of main. */
static size_t add_folder(struct CMUnitTest *tests, size_t count, const char *folder, CMUnitTestFunction test)
{
    struct dirent **entries = NULL;
    char path[PATH_BYTES];
    int found;

    snprintf(path, sizeof(path), "%s/%s", source_root(), folder);
    found = scandir(path, &entries, is_configuration, alphasort);
    for (int i = 0; i < found; i++) {
        char *name = NULL;

        if (count < TESTS && asprintf(&name, "%s/%s", path, entries[i]->d_name) > 0)
            tests[count++] = (struct CMUnitTest){.name = name, .test_func = test, .initial_state = name};
        free(entries[i]);
    }
    free(entries);
    if (found > 0)
        return count;
    fprintf(stderr, "no configuration files in %s: set GEORELAY_SOURCE to the source folder\n", path);
    exit(1);
}

int main(void)
{
    static struct CMUnitTest tests[TESTS];
    size_t count = 0;
    int failed;

    count = add_folder(tests, count, "test/config/valid", has_no_problem);
    count = add_folder(tests, count, "docs/examples", has_no_problem);
    count = add_folder(tests, count, "test/config/invalid", has_the_expected_problems);
    failed = _cmocka_run_group_tests("configuration files", tests, count, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        free(tests[i].initial_state);
    return failed;
}
