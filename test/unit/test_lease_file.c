/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/link/lease_file.h: what is written is read again, what is not ours is skipped, a failed write leaves the old file. */
#include "test/unit/unit.h"

#include "proxy/base/log.h"
#include "proxy/link/lease_file.h"
#include "test/unit/leases.h"
#include "test/unit/scratch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct cfg_agent agents[] = {{.name = (char *)(uintptr_t) "site-a"}, {.name = (char *)(uintptr_t) "site-b"}};
static struct cfg_pool pools[2];
static struct cfg_link links[3];
static struct cfg cfg;
static struct lease_table tables[3];
static struct scratch folder;

static void open_tables(void)
{
    for (size_t i = 0; i < ROWS(links); i++)
        assert_int_equal(lease_table_init(&tables[i], &links[i]), 0);
}

static void close_tables(void)
{
    for (size_t i = 0; i < ROWS(links); i++)
        lease_table_fini(&tables[i]);
}

static int set_up(void **state)
{
    (void)state;
    pools[0] = pool("10.20.0.1-10.20.0.99");
    pools[1] = pool("2001:db8::1-2001:db8::99");
    links[0] = (struct cfg_link){.name = (char *)(uintptr_t) "node-a", .advise = {.pool = &pools[0], .pool_count = 1}};
    links[1] = (struct cfg_link){.name = (char *)(uintptr_t) "node-b", .advise = {.pool = &pools[1], .pool_count = 1}};
    links[2] = (struct cfg_link){.name = (char *)(uintptr_t) "no-pool"};
    cfg = (struct cfg){.role = CFG_ROLE_RELAY,
                       .served = links,
                       .served_count = ROWS(links),
                       .tunnel = {.agents = agents, .agents_count = ROWS(agents)}};
    scratch_init(&folder);
    open_tables();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_tables();
    scratch_fini(&folder);
    return 0;
}

static const char *path(void)
{
    return scratch_path(&folder, "leases");
}

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(path(), "we");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void expect_file(const char *text)
{
    char *found = scratch_read(&folder, "leases");

    assert_string_equal(found, text);
    free(found);
}

static size_t count_leases(void)
{
    return tables[0].leases_count + tables[1].leases_count + tables[2].leases_count;
}

static void lease_to(size_t link, const struct cfg_agent *agent, const char *client, const char *address, int64_t used_s)
{
    struct identity identity = who(agent, client);
    struct address where = at(address);

    assert_true(lease_remember(&tables[link], &identity, &where, used_s));
}

static void expect_lease(size_t link, const struct cfg_agent *agent, const char *client, const char *address, int64_t used_s)
{
    struct identity identity = who(agent, client);
    struct lease *lease = lease_find(&tables[link], &identity);
    char text[ADDRESS_TEXT];

    assert_non_null(lease);
    assert_string_equal(address_format_ip(&lease->address, text), address);
    assert_int_equal(lease->used_s, used_s);
}

static void test_round_trip(void **state)
{
    char *text, *again;
    (void)state;
    lease_to(0, NULL, "192.168.1.1", "10.20.0.7", 1700000000);
    lease_to(0, &agents[0], "192.168.1.1", "10.20.0.8", 1700000001);
    lease_to(0, &agents[1], "2001:db8:1::5", "10.20.0.99", 0);
    lease_to(1, NULL, "192.168.1.1", "2001:db8::42", 1700000002);
    text = lease_file_text(&cfg, tables);
    assert_non_null(text);
    assert_int_equal(lease_file_write(path(), text), 0);
    expect_file(text);
    close_tables();
    open_tables();
    assert_int_equal(lease_file_load(path(), &cfg, tables), 0);
    assert_int_equal(count_leases(), 4);
    expect_lease(0, NULL, "192.168.1.1", "10.20.0.7", 1700000000);
    expect_lease(0, &agents[0], "192.168.1.1", "10.20.0.8", 1700000001);
    expect_lease(0, &agents[1], "2001:db8:1::5", "10.20.0.99", 0);
    expect_lease(1, NULL, "192.168.1.1", "2001:db8::42", 1700000002);
    again = lease_file_text(&cfg, tables);
    assert_int_equal(strlen(again), strlen(text));
    free(text);
    free(again);
}

static const struct {
    const char *comment;
    const char *line;
    size_t leases;
} lines[] = {
    {"a good one", "lease node-a direct 192.168.1.1 10.20.0.1 5", 1},
    {"a good one of an agent", "lease node-a site-b 192.168.1.1 10.20.0.1 5", 1},
    {"edited on Windows", "lease node-a direct 192.168.1.1 10.20.0.1 5\r", 1},
    {"spaces", "lease  node-a\tdirect 192.168.1.1   10.20.0.1 5  ", 1},
    {"a comment", "# lease node-a direct 192.168.1.1 10.20.0.1 5", 0},
    {"empty", "", 0},
    {"another word", "leases node-a direct 192.168.1.1 10.20.0.1 5", 0},
    {"too few fields", "lease node-a direct 192.168.1.1 10.20.0.1", 0},
    {"too many fields", "lease node-a direct 192.168.1.1 10.20.0.1 5 6", 0},
    {"no number", "lease node-a direct 192.168.1.1 10.20.0.1 soon", 0},
    {"letters after the number", "lease node-a direct 192.168.1.1 10.20.0.1 5x", 0},
    {"a link that is gone", "lease node-z direct 192.168.1.1 10.20.0.1 5", 0},
    {"a link without pool", "lease no-pool direct 192.168.1.1 10.20.0.1 5", 0},
    {"an agent that is gone", "lease node-a site-z 192.168.1.1 10.20.0.1 5", 0},
    {"a client that is none", "lease node-a direct 192.168.1 10.20.0.1 5", 0},
    {"an address that is none", "lease node-a direct 192.168.1.1 10.20.0 5", 0},
    {"an address of another pool", "lease node-b direct 192.168.1.1 10.20.0.1 5", 0},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        char text[256];
        size_t size = (size_t)snprintf(text, sizeof(text), "%s\nlease node-b direct 192.168.1.77 2001:db8::7 1", lines[i].line);

        write_file(text, size); /* the last line has no newline */
        EXPECT(lease_file_load(path(), &cfg, tables) == 0, lines[i].comment);
        EXPECT(count_leases() == lines[i].leases + 1, lines[i].comment);
        close_tables();
        open_tables();
    }
}

static void test_garbage(void **state)
{
    static const char letters[] = "lease node-a 10.\n0";
    static char text[100000];
    unsigned seed = 5;
    (void)state;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(text); i++) {
            seed = seed * 1103515245u + 12345u;
            text[i] = round % 2 ? (char)(seed >> 16) : letters[(seed >> 16) % (sizeof(letters) - 1)];
        }
        write_file(text, sizeof(text));
        assert_int_equal(lease_file_load(path(), &cfg, tables), 0);
        assert_int_equal(count_leases(), 0);
    }
    memset(text, 'x', sizeof(text)); /* one line, longer than any buffer */
    write_file(text, sizeof(text));
    assert_int_equal(lease_file_load(path(), &cfg, tables), 0);
}

static void test_missing_and_unreadable(void **state)
{
    (void)state;
    assert_int_equal(lease_file_load(path(), &cfg, tables), 0); /* the first start */
    assert_int_equal(lease_file_load(folder.folder, &cfg, tables), -1);
    write_file("lease node-a direct 192.168.1.1 10.20.0.1 5\n", 44);
    if (geteuid() != 0) {
        assert_int_equal(chmod(path(), 0), 0);
        assert_int_equal(lease_file_load(path(), &cfg, tables), -1);
    }
    assert_int_equal(count_leases(), 0);
}

static void test_mode_and_leftovers(void **state)
{
    struct stat info;
    (void)state;
    mode_t before = umask(0);
    FILE *leftover = fopen(scratch_path(&folder, "leases.new"), "we"); /* of a crash */
    assert_true(fputs("much that is longer than the new text", leftover) >= 0);
    fclose(leftover);
    assert_int_equal(unlink(scratch_path(&folder, "leases.new")), 0);
    assert_int_equal(lease_file_write(path(), "one\n"), 0);
    assert_int_equal(stat(path(), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    umask(before);

    leftover = fopen(scratch_path(&folder, "leases.new"), "we");
    assert_true(fputs("much that is longer than the new text", leftover) >= 0);
    fclose(leftover);
    assert_int_equal(lease_file_write(path(), "two\n"), 0);
    expect_file("two\n");
    assert_int_equal(access(scratch_path(&folder, "leases.new"), F_OK), -1);
}

/* Nobody can make us write elsewhere by putting a link where the new file is to be. */
static void test_no_following_of_links(void **state)
{
    (void)state;
    write_file("old\n", 4);
    FILE *other = fopen(scratch_path(&folder, "other"), "we");
    assert_true(fputs("precious\n", other) >= 0);
    fclose(other);
    assert_int_equal(symlink("other", scratch_path(&folder, "leases.new")), 0);
    assert_int_equal(lease_file_write(path(), "new\n"), -1);
    assert_int_equal(errno, ELOOP);
    expect_file("old\n");
    char *text = scratch_read(&folder, "other");
    assert_string_equal(text, "precious\n");
    free(text);
}

/* The disk is full, as far as this process can see. */
static void test_no_room(void **state)
{
    static char text[8192];
    struct rlimit before, small;
    (void)state;
    memset(text, '#', sizeof(text) - 1);
    write_file("old\n", 4);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = lease_file_write(path(), text), error = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, -1);
    assert_int_equal(error, EFBIG);
    expect_file("old\n");
    assert_int_equal(access(scratch_path(&folder, "leases.new"), F_OK), -1); /* nothing is left lying about */
}

static void test_places_that_cannot_be_written(void **state)
{
    char far[6000];
    (void)state;
    assert_int_equal(lease_file_write(scratch_path(&folder, "missing/leases"), "new\n"), -1);
    assert_int_equal(errno, ENOENT);
    memset(far, 'x', sizeof(far) - 1);
    far[sizeof(far) - 1] = '\0';
    assert_int_equal(lease_file_write(far, "new\n"), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_int_equal(mkdir(path(), 0700), 0); /* the rename fails */
    assert_int_equal(lease_file_write(path(), "new\n"), -1);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(access(scratch_path(&folder, "leases.new"), F_OK), -1);
}

static int quiet(void **state)
{
    (void)state;
    return log_start(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, "/dev/null");
}

static int loud(void **state)
{
    (void)state;
    log_stop();
    return 0;
}

/* Only an address of a pool is worth remembering. */
static void test_leases_of_other_addressings(void **state)
{
    struct identity client = who(NULL, "192.168.1.1");
    enum reason why = REASON_NONE;
    char *text;
    (void)state;
    links[2].advise.addressing = CFG_ADDRESSING_TRANSPARENT;
    assert_non_null(lease_get(&tables[2], &client, &why));
    lease_to(0, NULL, "192.168.1.1", "10.20.0.7", 1700000000);
    text = lease_file_text(&cfg, tables);
    assert_non_null(strstr(text, "\nlease node-a "));
    assert_null(strstr(text, "no-pool"));
    free(text);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_round_trip),
        STORY(test_lines),
        STORY(test_garbage),
        STORY(test_missing_and_unreadable),
        STORY(test_mode_and_leftovers),
        STORY(test_no_following_of_links),
        STORY(test_no_room),
        STORY(test_leases_of_other_addressings),
        STORY(test_places_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, quiet, loud);
}
