/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/http/access.h: the lines as IIS writes them, and what no peer may do to them. */
#include "test/unit/unit.h"

#include "proxy/http/access.h"

#include <stdlib.h>
#include <string.h>

#define S(literal)                                                                                                               \
    {                                                                                                                            \
        literal, sizeof(literal) - 1                                                                                             \
    }

static char text[2 * HTTP_ACCESS_BYTES];

static const struct http_access usual = {
    .unix_s = 784111777,
    .front_ip = S("203.0.113.1"),
    .front_port = 443,
    .client_ip = S("192.0.2.7"),
    .method = S("GET"),
    .path = S("/db/a b"),
    .user_agent = S("Mozilla/5.0 (Windows NT 10.0)"),
    .referer = S("https://a/?b=c d"),
    .status = 200,
    .sent_bytes = 5120,
    .taken_bytes = 431,
    .ms = 12,
    .id = S("00c0ffee"),
    .upstream = S("10.10.0.5:8080"),
    .has_first = true,
    .first_ms = 9,
    .reason = S("served"),
};

static const char *write_line(const struct http_access *a)
{
    struct http_writer w;

    http_writer_init(&w, text, HTTP_ACCESS_BYTES);
    http_put_access(&w, a);
    assert_false(w.is_full);
    text[w.length] = '\0';
    return text;
}

/** The n-th column, from 0. */
static const char *column(const char *line, unsigned n)
{
    static char copy[HTTP_ACCESS_BYTES];
    size_t length;

    while (n-- > 0)
        line = strchr(line, ' ') + 1;
    length = strcspn(line, " \n");
    memcpy(copy, line, length);
    copy[length] = '\0';
    return copy;
}

static unsigned count_columns(const char *line)
{
    unsigned count = 1;

    for (; *line != '\0'; line++)
        count += *line == ' ' ? 1 : 0;
    return count;
}

static void file_begins_with_its_fields(void **state)
{
    struct http_writer w;
    unsigned columns;

    (void)state;
    http_writer_init(&w, text, sizeof(text) - 1);
    http_put_access_head(&w, 784111777);
    text[w.length] = '\0';
    assert_string_equal(text, "#Software: georelay " GEORELAY_VERSION "\n#Version: 1.0\n#Date: 1994-11-06 08:49:37\n"
                              "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
                              "cs(Referer) sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken x-request-id "
                              "x-upstream x-time-first x-reason\n");
    columns = count_columns(strstr(text, "#Fields: ") + 9);
    assert_int_equal(count_columns(write_line(&usual)), columns);
}

static void line_has_all_columns(void **state)
{
    struct http_access a = usual;

    (void)state;
    assert_string_equal(write_line(&a),
                        "1994-11-06 08:49:37 203.0.113.1 GET /db/a+b - 443 - 192.0.2.7 Mozilla/5.0+(Windows+NT+10.0) "
                        "https://a/?b=c+d 200 0 0 5120 431 12 00c0ffee 10.10.0.5:8080 9 served\n");
    a.query = slice_of("View");
    a.user = slice_of("CN=op, O=Plant");
    a.client_ip = slice_of("2001:db8::1");
    assert_string_equal(column(write_line(&a), 5), "View");
    assert_string_equal(column(text, 7), "CN=op,+O=Plant");
    assert_string_equal(column(text, 8), "2001:db8::1");
    a = (struct http_access){.unix_s = 0, .ms = UINT64_MAX};
    assert_string_equal(write_line(&a), "1970-01-01 00:00:00 - - - - 0 - - - - 0 0 0 0 0 18446744073709551615 - - - -\n");
}

/** Every byte in every text: one line, as many columns as ever, printable. */
static void no_byte_shifts_a_column(void **state)
{
    struct http_access a = usual;
    struct slice *const texts[] = {&a.front_ip, &a.client_ip, &a.method,   &a.path,   &a.query,     &a.user,
                                   &a.id,       &a.referer,   &a.upstream, &a.reason, &a.user_agent};
    unsigned columns = count_columns(write_line(&usual));

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char bytes[3] = {'a', (char)c, 'b'};

        a = usual;
        for (size_t i = 0; i < ROWS(texts); i++)
            *texts[i] = (struct slice){bytes, sizeof(bytes)};
        assert_int_equal(count_columns(write_line(&a)), columns);
        for (const char *at = text; *at != '\0'; at++)
            assert_true((*at >= 0x20 && *at <= 0x7e) || (*at == '\n' && at[1] == '\0'));
    }
    a = usual;
    a.path = slice_of("/a\r\n\t\x7f\xc3\xbc%+\"-");
    assert_string_equal(column(write_line(&a), 4), "/a%0D%0A%09%7F%C3%BC%+\"-");
}

static void long_texts_are_cut(void **state)
{
    struct http_access a = usual;
    char *bytes = malloc(65536);
    struct slice *const texts[] = {&a.front_ip, &a.client_ip, &a.method,   &a.path,   &a.query,     &a.user,
                                   &a.id,       &a.referer,   &a.upstream, &a.reason, &a.user_agent};

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 0x80, 65536);
    for (size_t i = 0; i < ROWS(texts); i++)
        *texts[i] = (struct slice){bytes, 65536};
    a.sent_bytes = a.taken_bytes = a.ms = a.first_ms = UINT64_MAX;
    a.front_port = a.status = UINT32_MAX;
    a.unix_s = INT64_C(253402300799);
    assert_int_equal(strlen(column(write_line(&a), 4)), 3072); /* and with all of them a line still fits */
    assert_string_equal(column(text, 3) + 249, "%80...");
    memset(bytes, 'a', 65536);
    a = usual;
    for (size_t length = 3070; length <= 3075; length++) {
        a.path = (struct slice){bytes, length};
        assert_int_equal(strlen(column(write_line(&a), 4)), length <= 3072 ? length : 3072);
        assert_int_equal(strcmp(column(text, 4) + 3069, "...") == 0, length > 3072);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_begins_with_its_fields),
        cmocka_unit_test(line_has_all_columns),
        cmocka_unit_test(no_byte_shifts_a_column),
        cmocka_unit_test(long_texts_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
