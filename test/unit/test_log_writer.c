/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/base/log.h: what happens when the log can't be written. In each story the lines that arrived and the lines that the log
 * says it dropped make up the lines that were put. 1.5 MiB are more than both halves of the queue together, so when they have
 * been put, the writer has tried at least one half or lines were dropped at the queue.
 */
#include "test/unit/unit.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "test/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY_LINES 16000 /* of about 100 bytes */

static struct scratch scratch;

static int setup(void **state)
{
    (void)state;
    scratch_init(&scratch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_fini(&scratch);
    return 0;
}

static void put_lines(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct log_line l;

        assert_true(log_begin(&l, LOG_LEVEL_INFO, "test"));
        log_text(&l, "filler", "abcdefghijklmnopqrstuvwxyz");
        log_number(&l, "n", 100000 + i);
        log_text(&l, "last", "yes");
        log_end(&l);
    }
}

struct tally {
    uint64_t whole; /**< lines that arrived */
    uint64_t torn;
    uint64_t told; /**< lines of which the log says that they were dropped */
};

static void count_line(struct tally *t, const char *line, size_t length)
{
    static const char end[] = " last=yes";
    const char *told = strstr(line, " ev=log_dropped lines=");
    bool is_start = strncmp(line, "ts=", 3) == 0;

    if (is_start && told != NULL && told < line + length)
        t->told += strtoull(strchr(told, 's') + 2, NULL, 10);
    else if (is_start && length > sizeof(end) && memcmp(line + length - strlen(end), end, strlen(end)) == 0)
        t->whole++;
    else
        t->torn++;
}

static struct tally tally_of(const char *text)
{
    struct tally t = {0};

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        count_line(&t, text, length);
        text += length + (text[length] == '\n');
    }
    return t;
}

/** A line that lacks only its newline counts as dropped, although it can be read once more follows. */
static void assert_adds_up(const struct tally *t, uint64_t put, unsigned tears)
{
    assert_true(t->whole + t->told >= put);
    assert_true(t->whole + t->told <= put + tears);
    assert_true(t->torn <= tears);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_drops_and_tells(void **state)
{
    struct rlimit before;
    struct tally t;
    char *text;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "disk")), 0);
    set_file_limit(65536);
    put_lines(MANY_LINES);
    set_file_limit(before.rlim_cur);
    put_lines(1);
    log_stop();
    text = scratch_read(&scratch, "disk");
    t = tally_of(text);
    assert_true(t.told > 0);
    assert_adds_up(&t, MANY_LINES + 1, 1);
    free(text);
}

static void device_without_room_does_no_harm(void **state)
{
    (void)state;
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, "/dev/full"), 0);
    put_lines(MANY_LINES);
    log_stop();
}

static int open_fifo(const char *name)
{
    int fd;

    assert_int_equal(mkfifo(scratch_path(&scratch, name), 0600), 0);
    fd = open(scratch_path(&scratch, name), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/** Reads on until the writer has closed its end. */
static void *read_all(void *arg)
{
    int fd = *(int *)arg;
    size_t room = (size_t)MANY_LINES * 300;
    size_t used = 0;
    char *text = malloc(room);

    assert_non_null(text);
    fcntl(fd, F_SETFL, 0);
    for (ssize_t n = 1; n > 0; used += (size_t)n) {
        n = read(fd, text + used, room - used - 1);
        assert_true(n >= 0);
    }
    text[used] = '\0';
    return text;
}

static void stalled_pipe_stops_nobody(void **state)
{
    int fd = open_fifo("stalled");
    uint64_t start;
    pthread_t reader;
    void *text;
    struct tally t;

    (void)state;
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "stalled")), 0);
    start = clock_ms();
    put_lines(MANY_LINES);
    assert_true(clock_ms() - start < 5000);
    assert_int_equal(pthread_create(&reader, NULL, read_all, &fd), 0);
    log_stop();
    assert_int_equal(pthread_join(reader, &text), 0);
    t = tally_of(text);
    assert_true(t.told > 0 && t.whole > 0);
    assert_adds_up(&t, MANY_LINES, 3);
    free(text);
    close(fd);
}

/** The program ignores SIGPIPE; here it is not ignored, since the writer's thread has it blocked. */
static void vanished_reader_may_come_back(void **state)
{
    int fd = open_fifo("gone");
    pthread_t reader;
    void *text;
    struct tally t;

    (void)state;
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "gone")), 0);
    close(fd);
    put_lines(MANY_LINES);
    fd = open(scratch_path(&scratch, "gone"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pthread_create(&reader, NULL, read_all, &fd), 0);
    put_lines(1);
    log_stop();
    assert_int_equal(pthread_join(reader, &text), 0);
    t = tally_of(text);
    assert_true(t.told > 0 && t.whole > 0);
    assert_adds_up(&t, MANY_LINES + 1, 2);
    free(text);
    close(fd);
}

static void start_tells_why_it_failed(void **state)
{
    (void)state;
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "no-folder/log")), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch.folder), -1);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(mkfifo(scratch_path(&scratch, "unread"), 0600), 0);
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "unread")), -1);
    assert_int_equal(errno, ENXIO);
    assert_int_equal(log_reopen(), 0);
    log_stop();
}

static void assert_lines(const char *name, uint64_t expected)
{
    char *text = scratch_read(&scratch, name);
    struct tally t = tally_of(text);

    free(text);
    assert_int_equal(t.whole, expected);
    assert_int_equal(t.torn + t.told, 0);
}

static void reopen_follows_rotation(void **state)
{
    char path[256];
    struct stat st;

    (void)state;
    snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "rotated"));
    umask(0);
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, path), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);

    assert_int_equal(rename(path, scratch_path(&scratch, "rotated.1")), 0);
    assert_int_equal(log_reopen(), 0);
    assert_int_equal(log_reopen(), 0);
    put_lines(2);
    log_stop();
    assert_lines("rotated", 2);
    assert_lines("rotated.1", 0);

    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, path), 0);
    put_lines(3);
    assert_int_equal(rename(path, scratch_path(&scratch, "rotated.1")), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(log_reopen(), -1);
    assert_int_equal(errno, EISDIR);
    put_lines(4);
    log_stop();
    assert_lines("rotated.1", 9);
}

static void *put_some(void *arg)
{
    (void)arg;
    put_lines(2000);
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    pthread_t threads[4];
    struct tally t;
    char *text;

    (void)state;
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "threads")), 0);
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_some, NULL), 0);
    assert_int_equal(log_reopen(), 0);
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    log_stop();
    text = scratch_read(&scratch, "threads");
    t = tally_of(text);
    assert_adds_up(&t, 2000 * ROWS(threads), 0);
    free(text);
}

/* -- while it runs -------------------------------------------------------------------------------------------------------------
 */

/** Waits until the file is so long; fails if that takes longer than anybody would watch a log for. */
static void await_size(const char *name, off_t bytes)
{
    uint64_t until = clock_ms() + 5000;
    struct stat st = {0};

    while (stat(scratch_path(&scratch, name), &st) != 0 || st.st_size < bytes) {
        assert_true(clock_ms() < until);
        usleep(1000);
    }
}

/** Lines that come while others gather need nobody to push them. */
static void lines_are_written_while_it_runs(void **state)
{
    (void)state;
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "live")), 0);
    put_lines(1);
    await_size("live", 1);
    put_lines(3);
    await_size("live", 4 * 90);
    put_lines(MANY_LINES / 4); /* more than half of the queue */
    await_size("live", MANY_LINES / 4 * 90);
    log_stop();
    assert_lines("live", 4 + MANY_LINES / 4);
}

/* -- the file of requests ------------------------------------------------------------------------------------------------------
 */

#define HEAD "#Version: 1.0\n#Fields: date time\n"
#define LINE "2026-11-21 11:02:03\n"

static size_t write_head(char text[LOG_HEAD_BYTES])
{
    memcpy(text, HEAD, strlen(HEAD));
    return strlen(HEAD);
}

static void start_both(const char *name)
{
    remove(scratch_path(&scratch, "main"));
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "main")), 0);
    assert_int_equal(log_start_access(LOG_FORMAT_LINES, name, write_head), 0);
}

static void put_requests(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        log_put_access(LINE, strlen(LINE));
}

static void assert_content(const char *name, const char *expected)
{
    char *text = scratch_read(&scratch, name);

    assert_string_equal(text, expected);
    free(text);
}

static void each_new_file_has_a_head(void **state)
{
    char path[256];

    (void)state;
    snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "w3c"));
    start_both(path);
    log_stop();
    assert_content("w3c", HEAD); /* also before the first line */

    start_both(path);
    put_requests(1);
    assert_int_equal(log_reopen_access(), 0);
    log_stop();
    assert_content("w3c", HEAD LINE); /* not in the middle */

    start_both(path);
    assert_int_equal(rename(path, scratch_path(&scratch, "w3c.1")), 0);
    assert_int_equal(log_reopen_access(), 0);
    put_requests(2);
    log_stop();
    assert_content("w3c.1", HEAD LINE);
    assert_content("w3c", HEAD LINE LINE);

    start_both(path);
    assert_int_equal(truncate(path, 0), 0);
    put_requests(1);
    log_stop();
    assert_content("w3c", HEAD LINE);
}

/** Each file is opened again on its own. */
static void logs_do_not_share_their_rotation(void **state)
{
    char path[256];

    (void)state;
    snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "apart"));
    start_both(path);
    assert_int_equal(rename(path, scratch_path(&scratch, "apart.1")), 0);
    assert_int_equal(rename(scratch_path(&scratch, "main"), scratch_path(&scratch, "main.1")), 0);
    assert_int_equal(log_reopen(), 0);
    put_lines(1);
    put_requests(1);
    log_stop();
    assert_lines("main", 1);
    assert_content("apart.1", HEAD LINE);
}

/** A head that was torn is written again, and only then lines. What was lost is told by a remark. */
static void a_full_disk_leaves_no_file_without_head(void **state)
{
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    set_file_limit(5);
    start_both(scratch_path(&scratch, "full"));
    await_size("full", 5);
    put_requests(3);
    log_stop();
    set_file_limit(before.rlim_cur);
    assert_content("full", "#Vers");

    assert_int_equal(truncate(scratch_path(&scratch, "full"), 0), 0);
    set_file_limit(5);
    start_both(scratch_path(&scratch, "full"));
    await_size("full", 5);
    put_requests(1);
    await_size("main", 1); /* it is lost */
    set_file_limit(before.rlim_cur);
    put_requests(1);
    log_stop();
    assert_content("full", "#Vers\n" HEAD LINE "#Remark: log_dropped lines=1\n");
}

/** However many lines are lost, the log has one line of it. */
static void the_log_tells_that_requests_are_lost(void **state)
{
    const char *told;
    char *text;

    (void)state;
    start_both("/dev/full");
    for (int i = 0; i < 5; i++) {
        put_requests(100);
        usleep(15000);
    }
    log_stop();
    text = scratch_read(&scratch, "main");
    told = strstr(text, "level=warn ev=access_log_failed error=\"No space left on device\"\n");
    assert_non_null(told);
    assert_null(strstr(strchr(told, '\n'), "access_log_failed"));
    free(text);
}

static void access_start_tells_why_it_failed(void **state)
{
    struct log_line l;
    char *text;

    (void)state;
    assert_int_equal(log_start_access(LOG_FORMAT_LINES, scratch_path(&scratch, "no-folder/log"), write_head), -1);
    assert_int_equal(errno, ENOENT);
    remove(scratch_path(&scratch, "main"));
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, scratch_path(&scratch, "main")), 0);
    assert_true(log_begin_access(&l)); /* to the log, as if it had never been tried */
    log_end(&l);
    log_stop();
    text = scratch_read(&scratch, "main");
    assert_non_null(strstr(text, " ev=request\n"));
    free(text);
}

/* -- standard error ------------------------------------------------------------------------------------------------------------
 */

/** Puts the write end of a pipe in the place of standard error; returns the read end. */
static int catch_stderr(int *ret_saved)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *ret_saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(*ret_saved >= 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static void restore_stderr(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void lines_go_to_stderr_without_writer(void **state)
{
    int saved;
    int fd = catch_stderr(&saved);
    struct tally t;
    char *text;

    (void)state;
    put_lines(1);
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, NULL), 0);
    assert_int_equal(log_reopen(), 0);
    put_lines(1);
    log_stop();
    log_stop();
    put_lines(1);
    restore_stderr(saved);
    text = read_all(&fd);
    t = tally_of(text);
    assert_int_equal(t.whole, 3);
    assert_int_equal(t.torn + t.told, 0);
    free(text);
    close(fd);
}

/** Reads as many lines as are known to come; the write end stays open. */
static void read_lines(int fd, unsigned count)
{
    char bytes[4096];

    while (count > 0) {
        ssize_t n = read(fd, bytes, sizeof(bytes));

        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            count -= bytes[i] == '\n';
    }
}

/** A full pipe that is not non-blocking holds the writer in write(2); the end of the program does not wait for it. */
static void stop_leaves_a_stuck_writer_behind(void **state)
{
    int saved;
    int fd = catch_stderr(&saved);
    uint64_t start;
    uint64_t end;

    (void)state;
    assert_int_equal(log_start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, NULL), 0);
    put_lines(2000);
    start = clock_ms();
    log_stop();
    end = clock_ms();
    read_lines(fd, 2000); /* lets the writer come round and free itself */
    restore_stderr(saved);
    assert_true(end - start >= 1900 && end - start < 4000);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk_drops_and_tells),
        cmocka_unit_test(device_without_room_does_no_harm),
        cmocka_unit_test(stalled_pipe_stops_nobody),
        cmocka_unit_test(vanished_reader_may_come_back),
        cmocka_unit_test(start_tells_why_it_failed),
        cmocka_unit_test(reopen_follows_rotation),
        cmocka_unit_test(threads_do_not_mix_their_lines),
        cmocka_unit_test(lines_go_to_stderr_without_writer),
        cmocka_unit_test(stop_leaves_a_stuck_writer_behind),
        cmocka_unit_test(lines_are_written_while_it_runs),
        cmocka_unit_test(each_new_file_has_a_head),
        cmocka_unit_test(logs_do_not_share_their_rotation),
        cmocka_unit_test(a_full_disk_leaves_no_file_without_head),
        cmocka_unit_test(the_log_tells_that_requests_are_lost),
        cmocka_unit_test(access_start_tells_why_it_failed),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
