/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/base/log.h: the form of lines. Each test writes to a file, stops the log and reads what is there. */
#include "test/unit/unit.h"

#include "proxy/base/log.h"
#include "test/unit/scratch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LEVEL_AND_EVENT      "level=info ev=test "
#define LEVEL_AND_EVENT_JSON "\"level\":\"info\",\"ev\":\"test\","

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

static void start(enum log_level level, enum log_format format)
{
    remove(scratch_path(&scratch, "log"));
    assert_int_equal(log_start(level, format, scratch_path(&scratch, "log")), 0);
}

static char *stop(void)
{
    log_stop();
    return scratch_read(&scratch, "log");
}

/** Checks the time and returns what follows it, without the line's end. */
static char *after_time(char *line, const char *before, const char *after)
{
    const char *pattern = "dddd-dd-ddTdd:dd:dd.dddZ";
    size_t length = strlen(line);

    assert_true(length > 0 && line[length - 1] == '\n');
    line[length - 1] = '\0';
    assert_memory_equal(line, before, strlen(before));
    line += strlen(before);
    for (; *pattern != '\0'; pattern++, line++)
        assert_true(*pattern == 'd' ? *line >= '0' && *line <= '9' : *line == *pattern);
    assert_memory_equal(line, after, strlen(after));
    return line + strlen(after);
}

struct value {
    const char *input;
    const char *expected;
    const char *comment;
};

static const struct value logfmt_values[] = {
    {"front_eof", "v=front_eof", "a name"},
    {"[::1]:443", "v=[::1]:443", "an address"},
    {"!#$%&'()*+,-./:;<>?@[]^_`{|}~", "v=!#$%&'()*+,-./:;<>?@[]^_`{|}~", "plain punctuation"},
    {NULL, "v=-", "no value"},
    {"", "v=\"\"", "an empty value"},
    {"a b", "v=\"a b\"", "a space"},
    {"x ev=close", "v=\"x ev=close\"", "a forged field"},
    {"a=b", "v=\"a=b\"", "an equals sign"},
    {"a\"b", "v=\"a\\\"b\"", "a quote"},
    {"a\\b", "v=\"a\\\\b\"", "a backslash"},
    {"a\r\nts=1", "v=\"a\\r\\nts=1\"", "a forged line"},
    {"\t\x01\x1b[2J\x7f", "v=\"\\t\\x01\\x1b[2J\\x7f\"", "control characters"},
    {"\xc3\xa9\xff", "v=\"\\xc3\\xa9\\xff\"", "not ASCII"},
};

static const struct value json_values[] = {
    {"front_eof", "\"v\":\"front_eof\"}", "a name"},
    {"a b=c", "\"v\":\"a b=c\"}", "no reason to escape"},
    {NULL, "\"v\":\"-\"}", "no value"},
    {"", "\"v\":\"\"}", "an empty value"},
    {"\",\"ev\":\"close", "\"v\":\"\\\",\\\"ev\\\":\\\"close\"}", "a forged field"},
    {"a\\b\r\n\t", "\"v\":\"a\\\\b\\r\\n\\t\"}", "short escapes"},
    {"\x01\x1b\x7f", "\"v\":\"\\u0001\\u001b\\u007f\"}", "control characters"},
    {"\xc3\xa9", "\"v\":\"\\u00e9\"}", "two bytes"},
    {"\xc2\x9b", "\"v\":\"\\u009b\"}", "a control character of terminals"},
    {"\xe2\x80\xa8", "\"v\":\"\\u2028\"}", "three bytes"},
    {"\xf0\x9f\x98\x80", "\"v\":\"\\ud83d\\ude00\"}", "four bytes"},
    {"\xf4\x8f\xbf\xbf", "\"v\":\"\\udbff\\udfff\"}", "the last character"},
    {"\xf4\x90\x80\x80", "\"v\":\"\\u00f4\\u0090\\u0080\\u0080\"}", "after the last character"},
    {"\xff\xfe", "\"v\":\"\\u00ff\\u00fe\"}", "never in UTF-8"},
    {"\x80x", "\"v\":\"\\u0080x\"}", "starts in the middle"},
    {"\xc3", "\"v\":\"\\u00c3\"}", "cut short"},
    {"\xe2\x80", "\"v\":\"\\u00e2\\u0080\"}", "cut short after two"},
    {"\xc0\xaf", "\"v\":\"\\u00c0\\u00af\"}", "too long a form"},
    {"\xe0\x80\xaf", "\"v\":\"\\u00e0\\u0080\\u00af\"}", "too long a form of three"},
    {"\xed\xa0\x80", "\"v\":\"\\u00ed\\u00a0\\u0080\"}", "a surrogate"},
};

static char *one_value(enum log_format format, const char *value)
{
    struct log_line l;

    start(LOG_LEVEL_INFO, format);
    assert_true(log_begin(&l, LOG_LEVEL_INFO, "test"));
    log_text(&l, "v", value);
    log_end(&l);
    return stop();
}

static void escapes_values_in_logfmt(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(logfmt_values); i++) {
        char *line = one_value(LOG_FORMAT_LOGFMT, logfmt_values[i].input);

        EXPECT(strcmp(after_time(line, "ts=", " " LEVEL_AND_EVENT), logfmt_values[i].expected) == 0, logfmt_values[i].comment);
        free(line);
    }
}

static void escapes_values_in_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(json_values); i++) {
        char *line = one_value(LOG_FORMAT_JSON, json_values[i].input);

        EXPECT(strcmp(after_time(line, "{\"ts\":\"", "\"," LEVEL_AND_EVENT_JSON), json_values[i].expected) == 0,
               json_values[i].comment);
        free(line);
    }
}

/** Every pair of a byte and every other byte: always one line of printable ASCII. */
static void no_byte_leaves_its_line(void **state)
{
    (void)state;
    for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
        size_t lines = 0;
        char *text;

        start(LOG_LEVEL_INFO, (enum log_format)format);
        for (int first = 1; first < 256; first++) {
            struct log_line l;

            assert_true(log_begin(&l, LOG_LEVEL_INFO, "test"));
            for (int second = 0; second < 256; second += 51) {
                char value[] = {(char)first, (char)second, (char)first, '\0'};

                log_text(&l, "v", value);
            }
            log_end(&l);
        }
        text = stop();
        for (const char *at = text; *at != '\0'; at++) {
            assert_true(*at == '\n' || (*at >= 0x20 && *at <= 0x7e));
            lines += *at == '\n';
        }
        assert_int_equal(lines, 255);
        free(text);
    }
}

static void add_all_kinds(enum log_format format)
{
    struct log_line l;
    struct address a;

    start(LOG_LEVEL_INFO, format);
    assert_true(log_begin(&l, LOG_LEVEL_INFO, "test"));
    assert_int_equal(address_parse_port("[2001:db8::1]:5481", &a), 0);
    log_number(&l, "up", 0);
    log_number(&l, "down", UINT64_MAX);
    log_address(&l, "front", &a);
    log_ip(&l, "client", &a);
    memset(&a, 0, sizeof(a));
    log_address(&l, "back", &a);
    log_end(&l);
}

static void writes_numbers_and_addresses(void **state)
{
    char *line;

    (void)state;
    add_all_kinds(LOG_FORMAT_LOGFMT);
    line = stop();
    assert_string_equal(after_time(line, "ts=", " " LEVEL_AND_EVENT),
                        "up=0 down=18446744073709551615 front=[2001:db8::1]:5481 client=2001:db8::1 back=-");
    free(line);

    add_all_kinds(LOG_FORMAT_JSON);
    line = stop();
    assert_string_equal(
        after_time(line, "{\"ts\":\"", "\"," LEVEL_AND_EVENT_JSON),
        "\"up\":0,\"down\":18446744073709551615,\"front\":\"[2001:db8::1]:5481\",\"client\":\"2001:db8::1\",\"back\":\"-\"}");
    free(line);
}

/** The time of a line of now, to the second. */
static time_t written_time(void)
{
    char *line = one_value(LOG_FORMAT_LOGFMT, "x");
    struct tm utc = {0};

    assert_int_equal(
        sscanf(line, "ts=%d-%d-%dT%d:%d:%d", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec), 6);
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    free(line);
    return timegm(&utc);
}

/** Twice, since threads keep what they know of a second. */
static void time_is_now_in_utc(void **state)
{
    (void)state;
    setenv("TZ", "XYZ-11:30", 1);
    tzset();
    for (int i = 0; i < 2; i++) {
        time_t before = time(NULL), written = written_time();

        assert_true(written >= before && written <= time(NULL));
        while (time(NULL) == before)
            usleep(1000);
    }
    unsetenv("TZ");
    tzset();
}

static void unwanted_levels_are_not_begun(void **state)
{
    (void)state;
    for (int wanted = LOG_LEVEL_ERROR; wanted <= LOG_LEVEL_DEBUG; wanted++) {
        start((enum log_level)wanted, LOG_FORMAT_LOGFMT);
        for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
            struct log_line l;

            assert_int_equal(log_begin(&l, (enum log_level)level, "test"), level <= wanted);
        }
        assert_int_equal(log_is_debug(), wanted == LOG_LEVEL_DEBUG);
        free(stop());
    }
}

/** Fills a line with fields of one size until several are left off; checks the cut at each size. */
static void long_lines_are_cut_at_a_field(void **state)
{
    (void)state;
    for (size_t size = 1; size < 2 * LOG_LINE_BYTES; size = size * 3 + 1) {
        for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
            char *value = calloc(1, size + 1);
            char expected[32];
            struct log_line l;
            char *line;

            start(LOG_LEVEL_INFO, (enum log_format)format);
            memset(value, '\x02', size);
            assert_true(log_begin(&l, LOG_LEVEL_INFO, "test"));
            while (l.left_off < 3)
                log_text(&l, "v", value);
            assert_true(l.used <= LOG_LINE_BYTES);
            log_end(&l);
            line = stop();
            snprintf(expected, sizeof(expected), format == LOG_FORMAT_JSON ? ",\"cut\":%u}\n" : " cut=%u\n", 3U);
            assert_true(strlen(line) <= LOG_LINE_BYTES && strlen(line) > strlen(expected));
            assert_string_equal(line + strlen(line) - strlen(expected), expected);
            assert_non_null(strstr(line, "test"));
            free(line);
            free(value);
        }
    }
}

static void short_fields_after_a_long_one_stay(void **state)
{
    char value[LOG_LINE_BYTES + 1] = "";
    struct log_line l;
    char *line;

    (void)state;
    memset(value, 'x', LOG_LINE_BYTES);
    start(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    assert_true(log_begin(&l, LOG_LEVEL_INFO, "test"));
    log_text(&l, "name", value);
    log_text(&l, "why", "front_eof");
    log_end(&l);
    line = stop();
    assert_string_equal(after_time(line, "ts=", " " LEVEL_AND_EVENT), "why=front_eof cut=1");
    free(line);
}

struct cut {
    const char *input;
    size_t length;
    size_t max;
    const char *logfmt; /**< after "v="; NULL: left off */
    const char *json;   /**< after "v": */
    const char *comment;
};

static const struct cut cuts[] = {
    {"abcdefgh", 8, 10, "abcdefgh", "\"abcdefgh\"", "it fits just so in JSON"},
    {"abcdefgh", 8, 9, "abcdefgh", "\"abcd...\"", "one byte too long for JSON"},
    {"abcdefgh", 8, 8, "abcdefgh", "\"abc...\"", "it fits just so in logfmt"},
    {"abcdefgh", 8, 7, "abcd...", "\"ab...\"", "one byte too long"},
    {"abcdefgh", 8, 4, "a...", NULL, "room for one byte"},
    {"abcdefgh", 8, 3, NULL, NULL, "no room for any"},
    {"a b\ncdef", 8, 11, "\"a b\\ncdef\"", "\"a b\\ncdef\"", "an escape, whole"},
    {"a b\ncdef", 8, 10, "\"a b\\n...\"", "\"a b\\n...\"", "cut behind an escape"},
    {"a b\ncdef", 8, 9, "\"a b...\"", "\"a b...\"", "an escape is never split"},
    {"a b\ncdef", 8, 0, NULL, NULL, "no room at all"},
    {"", 0, 2, "\"\"", "\"\"", "nothing"},
    {"", 0, 1, NULL, NULL, "no room for nothing"},
    {"a\0b", 3, 99, "\"a\\x00b\"", "\"a\\u0000b\"", "a zero ends no text"},
    {"\xc3\xa9", 1, 99, "\"\\xc3\"", "\"\\u00c3\"", "what stands behind it is not looked at"},
};

static char *one_slice(enum log_format format, const struct cut *row)
{
    struct log_line l;

    start(LOG_LEVEL_INFO, format);
    assert_true(log_begin(&l, LOG_LEVEL_INFO, "test"));
    log_slice(&l, "v", (struct slice){row->input, row->length}, row->max);
    log_end(&l);
    return stop();
}

static void long_texts_are_cut_within_their_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(cuts); i++) {
        char *logfmt = one_slice(LOG_FORMAT_LOGFMT, &cuts[i]), *json = one_slice(LOG_FORMAT_JSON, &cuts[i]);
        char expected[128];

        snprintf(expected, sizeof(expected), cuts[i].logfmt == NULL ? "cut=1" : "v=%s", cuts[i].logfmt);
        EXPECT(strcmp(after_time(logfmt, "ts=", " " LEVEL_AND_EVENT), expected) == 0, cuts[i].comment);
        snprintf(expected, sizeof(expected), cuts[i].json == NULL ? "\"cut\":1}" : "\"v\":%s}", cuts[i].json);
        EXPECT(strcmp(after_time(json, "{\"ts\":\"", "\"," LEVEL_AND_EVENT_JSON), expected) == 0, cuts[i].comment);
        free(logfmt);
        free(json);
    }
}

static bool put_request(const char *path)
{
    struct log_line l;

    if (!log_begin_access(&l))
        return false;
    log_text(&l, "path", path);
    log_end(&l);
    return true;
}

static void requests_go_to_the_log(void **state)
{
    char *line;

    (void)state;
    start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    assert_true(put_request("/a"));
    line = stop();
    assert_string_equal(after_time(line, "{\"ts\":\"", "\","), "\"level\":\"info\",\"ev\":\"request\",\"path\":\"/a\"}");
    free(line);
    start(LOG_LEVEL_WARN, LOG_FORMAT_JSON);
    assert_false(put_request("/a"));
    line = stop();
    assert_string_equal(line, "");
    free(line);
}

/** The file of requests has its own form and knows no levels; the log sees nothing of them. */
static void requests_go_to_their_file(void **state)
{
    char *line;
    struct log_line l;

    (void)state;
    start(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
    remove(scratch_path(&scratch, "access"));
    assert_int_equal(log_start_access(LOG_FORMAT_JSON, scratch_path(&scratch, "access"), NULL), 0);
    assert_true(put_request("/a"));
    assert_true(log_begin(&l, LOG_LEVEL_WARN, "test"));
    log_end(&l);
    line = stop();
    assert_string_equal(after_time(line, "ts=", " "), "level=warn ev=test");
    free(line);
    line = scratch_read(&scratch, "access");
    assert_string_equal(after_time(line, "{\"ts\":\"", "\","), "\"level\":\"info\",\"ev\":\"request\",\"path\":\"/a\"}");
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_values_in_logfmt),
        cmocka_unit_test(escapes_values_in_json),
        cmocka_unit_test(no_byte_leaves_its_line),
        cmocka_unit_test(writes_numbers_and_addresses),
        cmocka_unit_test(time_is_now_in_utc),
        cmocka_unit_test(unwanted_levels_are_not_begun),
        cmocka_unit_test(long_lines_are_cut_at_a_field),
        cmocka_unit_test(short_fields_after_a_long_one_stay),
        cmocka_unit_test(long_texts_are_cut_within_their_room),
        cmocka_unit_test(requests_go_to_the_log),
        cmocka_unit_test(requests_go_to_their_file),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
