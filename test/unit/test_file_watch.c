/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/file_watch.h: every way in which a file is changed is told, once, when it is over; what happens beside it is not. */
#include "test/unit/unit.h"

#include "proxy/base/clock.h"
#include "proxy/net/file_watch.h"
#include "proxy/net/watch.h"
#include "test/unit/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a call may take to come; nothing waits for so long in a good run. */
#define PATIENCE_MS 10000

static struct loop loop;
static struct scratch folder;
static struct file_watch *watch;
static unsigned calls;

static void changed(void *arg)
{
    (void)arg;
    calls++;
}

static int set_up(void **state)
{
    (void)state;
    calls = 0;
    scratch_init(&folder);
    assert_int_equal(loop_init(&loop, 0), 0);
    watch = file_watch_new(&loop, changed, NULL);
    assert_non_null(watch);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    file_watch_free(watch);
    loop_fini(&loop);
    scratch_fini(&folder);
    return 0;
}

static const char *path(const char *name)
{
    return scratch_path(&folder, name);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path(name), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void add(const char *name)
{
    assert_int_equal(file_watch_add(watch, path(name)), 0);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Turns of the loop for so long, or until there were `wanted` calls. */
static void turn(uint64_t ms, unsigned wanted)
{
    uint64_t until_ms = clock_ms() + ms;
    struct deadline late = {0};

    deadline_init(&late, &loop, nothing, NULL);
    deadline_set(&late, ms);
    while (calls < wanted && clock_ms() < until_ms)
        loop_turn(&loop);
    deadline_clear(&late);
}

static void expect_call(void)
{
    unsigned before = calls;

    turn(PATIENCE_MS, before + 1);
    assert_int_equal(calls, before + 1);
}

/* What is not told within twice the time of settling is not told at all. */
static void expect_silence(void)
{
    unsigned before = calls;

    turn((uint64_t)FILE_WATCH_SETTLE_MS * 2, before + 1);
    assert_int_equal(calls, before);
}

static void test_replaced_by_rename(void **state)
{
    uint64_t before = clock_ms();

    (void)state;
    write_file("list", "one");
    add("list");
    write_file("fresh", "two");
    assert_int_equal(rename(path("fresh"), path("list")), 0);
    expect_call();
    assert_in_range(clock_ms() - before, FILE_WATCH_SETTLE_MS - 10, FILE_WATCH_LATEST_MS);
    write_file("fresh", "two");
    assert_int_equal(rename(path("fresh"), path("list")), 0);
    expect_call();
}

static void test_written_in_place(void **state)
{
    (void)state;
    write_file("list", "one");
    add("list");
    write_file("list", "");
    write_file("list", "four");
    expect_call(); /* both at once */
    expect_silence();
}

/* Same size, same time of change: the bytes count. */
static void test_written_within_a_tick(void **state)
{
    struct stat st;
    struct timespec times[2];

    (void)state;
    write_file("list", "one");
    assert_int_equal(stat(path("list"), &st), 0);
    add("list");
    write_file("list", "two");
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, path("list"), times, 0), 0);
    expect_call();
}

static void test_kept_open_by_its_writer(void **state)
{
    FILE *file;

    (void)state;
    write_file("list", "one");
    add("list");
    file = fopen(path("list"), "ae");
    assert_non_null(file);
    assert_true(fputs("more", file) >= 0);
    assert_int_equal(fflush(file), 0);
    expect_call();
    assert_int_equal(fclose(file), 0);
}

static void test_deleted_and_back(void **state)
{
    (void)state;
    write_file("list", "one");
    add("list");
    assert_int_equal(unlink(path("list")), 0);
    expect_call();
    write_file("list", "one");
    expect_call();
}

static void test_comes_later(void **state)
{
    (void)state;
    add("list");
    expect_silence();
    write_file("list", "one");
    expect_call();
}

/* The folders, too, may come later, and be replaced. */
static void test_folder_missing(void **state)
{
    (void)state;
    add("a/b/list");
    assert_int_equal(mkdir(path("a"), 0700), 0);
    assert_int_equal(mkdir(path("a/b"), 0700), 0);
    write_file("a/b/list", "one");
    expect_call();
    assert_int_equal(rename(path("a"), path("old")), 0);
    expect_call();
    write_file("old/b/list", "not ours any longer");
    expect_silence();
    assert_int_equal(mkdir(path("a"), 0700), 0);
    assert_int_equal(mkdir(path("a/b"), 0700), 0);
    expect_silence();
    write_file("a/b/list", "two");
    expect_call();
    assert_int_equal(unlink(path("a/b/list")), 0);
    assert_int_equal(rmdir(path("a/b")), 0);
    assert_int_equal(unlink(path("old/b/list")), 0);
    assert_int_equal(rmdir(path("old/b")), 0);
}

static void switch_link(const char *target, const char *name)
{
    assert_int_equal(symlink(target, path("fresh")), 0);
    assert_int_equal(rename(path("fresh"), path(name)), 0);
}

/* live/chain.pem -> ../archive/chain2.pem, as certbot does it: relative, and switched by rename. */
static void test_link_switched(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path("live"), 0700), 0);
    assert_int_equal(mkdir(path("archive"), 0700), 0);
    write_file("archive/chain1", "one");
    switch_link("../archive/chain1", "live/chain");
    add("live/chain");
    write_file("archive/chain2", "two");
    expect_silence();
    switch_link("../archive/chain2", "live/chain");
    expect_call();
    write_file("archive/chain1", "not ours any longer");
    expect_silence();
    write_file("archive/chain2", "three"); /* also behind the new link */
    expect_call();
    switch_link("../archive/chain3", "live/chain"); /* to nowhere yet */
    expect_call();
    write_file("archive/chain3", "four");
    expect_call();
    assert_int_equal(unlink(path("live/chain")), 0);
    assert_int_equal(unlink(path("archive/chain1")), 0);
    assert_int_equal(unlink(path("archive/chain2")), 0);
    assert_int_equal(unlink(path("archive/chain3")), 0);
}

/* now -> first, the file in it: a folder is switched, and the file's own name is not touched. */
static void test_link_to_a_folder_switched(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path("first"), 0700), 0);
    assert_int_equal(mkdir(path("second"), 0700), 0);
    write_file("first/list", "one");
    write_file("second/list", "two");
    switch_link(path("first"), "now"); /* an absolute one */
    add("now/list");
    switch_link("second", "now");
    expect_call();
    write_file("second/list", "three");
    expect_call();
    assert_int_equal(unlink(path("first/list")), 0);
    assert_int_equal(unlink(path("second/list")), 0);
}

static void test_link_to_itself(void **state)
{
    (void)state;
    switch_link("list", "list");
    add("list");
    assert_int_equal(unlink(path("list")), 0);
    write_file("list", "one");
    expect_call();
}

static void test_neighbours_are_silent(void **state)
{
    (void)state;
    write_file("list", "one");
    add("list");
    write_file("list2", "one");
    write_file("lis", "one");
    assert_int_equal(unlink(path("lis")), 0);
    expect_silence();
}

/* A certificate and its key are told together. */
static void test_two_files_at_once(void **state)
{
    (void)state;
    add("crt");
    add("key");
    write_file("crt", "one");
    write_file("key", "one");
    expect_call();
    write_file("key", "two");
    expect_call();
    expect_silence();
}

static struct deadline scribbler;

static void scribble(void *arg)
{
    (void)arg;
    write_file("list", "again");
    deadline_set(&scribbler, FILE_WATCH_SETTLE_MS / 4);
}

/* Who never stops is told of all the same. */
static void test_never_settles(void **state)
{
    uint64_t before = clock_ms();

    (void)state;
    add("list");
    deadline_init(&scribbler, &loop, scribble, NULL);
    scribble(NULL);
    expect_call();
    assert_true(clock_ms() - before >= FILE_WATCH_LATEST_MS - FILE_WATCH_SETTLE_MS);
    deadline_clear(&scribbler);
}

/* A folder that we may search but not read can't be watched; its files are looked at. */
static void test_folder_unreadable(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    write_file("list", "one");
    assert_int_equal(chmod(folder.folder, 0711), 0);
    assert_int_equal(seteuid(65534), 0);
    add("list");
    assert_int_equal(seteuid(0), 0);
    write_file("list", "four");
    assert_int_equal(seteuid(65534), 0);
    expect_call();
    assert_int_equal(seteuid(0), 0);
}

static void test_relative_path(void **state)
{
    char here[512];

    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder.folder), 0);
    assert_int_equal(file_watch_add(watch, "sub/../list"), 0);
    assert_int_equal(file_watch_add(watch, "./list"), 0);
    assert_int_equal(chdir(here), 0);
    write_file("list", "one");
    expect_call();
}

static void changed_and_enough(void *arg)
{
    calls++;
    file_watch_free(*(struct file_watch **)arg);
    *(struct file_watch **)arg = NULL;
}

static unsigned count_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void test_freed_by_its_callback(void **state)
{
    unsigned before = count_files();
    struct file_watch *one = file_watch_new(&loop, changed_and_enough, &one);

    (void)state;
    assert_non_null(one);
    assert_int_equal(file_watch_add(one, path("list")), 0);
    write_file("list", "one");
    expect_call();
    assert_null(one);
    assert_int_equal(count_files(), before);
    file_watch_free(NULL);
}

static void test_path_too_long(void **state)
{
    static char longest[8192];

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    assert_int_equal(file_watch_add(watch, longest), -1);
    assert_int_equal(errno, ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replaced_by_rename, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_written_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_written_within_a_tick, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kept_open_by_its_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deleted_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_comes_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folder_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_link_switched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_link_to_a_folder_switched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_link_to_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_neighbours_are_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_files_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never_settles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folder_unreadable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_relative_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_freed_by_its_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_path_too_long, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
