/* SPDX-License-Identifier: Apache-2.0 */
/* The chain, the seal, the end of a file, the verifier and syslog's header: the audit log without its threads. */
#include "test/unit/unit.h"

#include "proxy/audit/seal.h"
#include "proxy/audit/syslog.h"
#include "proxy/audit/tail.h"
#include "proxy/audit/verify.h"
#include "test/unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 12

static const struct audit_key no_key;
static const struct audit_key a_key = {.bytes = "0123456789abcdef", .length = 16};
static struct scratch folder;

/* A file of LINES lines, the first of which begins a file. The last place. */
static struct chain_place write_file(const char *name, const struct audit_key *key, const char *torn)
{
    char body[128], line[CHAIN_LINE_BYTES];
    struct chain_place place;
    FILE *out = fopen(scratch_path(&folder, name), "w");

    assert_non_null(out);
    chain_place_first(&place);
    for (int i = 0; i < LINES; i++) {
        int length = snprintf(body, sizeof(body), "ts=2026-11-22T01:02:0%d.000+00:00 id=%d ev=x result=ok name=\"a prev=b\"",
                              i % 10, i == 0 ? 1101 : 2101);
        size_t used = chain_seal(&place, key, body, (size_t)length, line);

        assert_true(used > 0);
        fwrite(line, 1, used, out);
    }
    fputs(torn, out);
    fclose(out);
    return place;
}

static uint64_t count_findings(const char *name, const struct audit_key *key, const struct chain_place *seal)
{
    struct verify v;
    FILE *out = fopen("/dev/null", "w");

    verify_init(&v, key, seal, out);
    assert_int_equal(verify_file(&v, scratch_path(&folder, name)), 0);
    verify_end(&v, name);
    fclose(out);
    return v.findings;
}

static void chain_is_read_as_it_was_made(void **state)
{
    char line[CHAIN_LINE_BYTES];
    struct chain_place place;
    struct chain_line parts;
    uint64_t number;
    size_t used;

    (void)state;
    chain_place_first(&place);
    used = chain_seal(&place, &a_key, "id=7 what=\" id=8 seq=9\" bytes=12", 32, line);
    assert_true(chain_read(line, used - 1, &parts));
    assert_int_equal(parts.seq, 1);
    assert_int_equal(parts.id, 7);
    assert_true(parts.has_key);
    assert_true(chain_is_genuine(line, &parts, &a_key));
    assert_false(chain_is_genuine(line, &parts, &no_key));
    assert_true(chain_field_number(line, used, "bytes", &number));
    assert_int_equal(number, 12);
    assert_false(chain_field_number(line, used, "what", &number));
    assert_false(chain_read(line, used - 2, &parts));
    assert_false(chain_read(line + 1, used - 2, &parts));
}

/* Each bit of the file, one by one: with a key and without. */
static void no_bit_can_be_flipped(const struct audit_key *key)
{
    struct chain_place end = write_file("whole", key, "");
    char *text = scratch_read(&folder, "whole");
    size_t length = strlen(text);

    assert_int_equal(count_findings("whole", key, &end), 0);
    for (size_t i = 0; i < length; i += 3) {
        char was = text[i];
        FILE *out = fopen(scratch_path(&folder, "flipped"), "w");

        text[i] = (char)(was ^ (1 << i % 7));
        fwrite(text, 1, length, out);
        fclose(out);
        text[i] = was;
        if (count_findings("flipped", key, &end) == 0)
            fail_msg("byte %zu was changed, and nobody saw it", i);
    }
    free(text);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    no_bit_can_be_flipped(&no_key);
    no_bit_can_be_flipped(&a_key);
}

/* Any run of lines, at any place: also the first ones and the last. */
static void every_removed_line_is_found(void **state)
{
    struct chain_place end = write_file("whole", &no_key, "");
    char *text = scratch_read(&folder, "whole");

    (void)state;
    for (int first = 0; first < LINES; first++)
        for (int count = 1; first + count <= LINES; count++) {
            FILE *out = fopen(scratch_path(&folder, "less"), "w");
            const char *at = text;

            for (int i = 0; i < LINES; i++) {
                size_t length = strcspn(at, "\n") + 1;

                if (i < first || i >= first + count)
                    fwrite(at, 1, length, out);
                at += length;
            }
            fclose(out);
            if (count_findings("less", &no_key, &end) == 0)
                fail_msg("%d lines from line %d on were removed, and nobody saw it", count, first + 1);
        }
    free(text);
}

static void seal_says_what_was_written(void **state)
{
    struct chain_place end = write_file("whole", &a_key, ""), found;
    const char *path = scratch_path(&folder, "seal");
    FILE *out;

    (void)state;
    assert_int_equal(seal_read(path, &a_key, &found), SEAL_MISSING);
    assert_int_equal(seal_write(path, &a_key, &end), 0);
    assert_int_equal(seal_read(path, &a_key, &found), SEAL_GOOD);
    assert_int_equal(found.seq, LINES);
    assert_string_equal(found.hash, end.hash);
    assert_int_equal(seal_read(path, &no_key, &found), SEAL_WRONG);
    out = fopen(path, "a");
    fputs("x", out);
    fclose(out);
    assert_int_equal(seal_read(path, &a_key, &found), SEAL_WRONG);
}

static void tail_tells_line_and_piece(void **state)
{
    struct chain_place end = write_file("torn", &no_key, "seq=13 ts=20");
    char wanted[DIGEST_TEXT];
    struct tail tail;

    (void)state;
    assert_int_equal(tail_read(scratch_path(&folder, "torn"), &no_key, &tail), 0);
    assert_true(tail.has_line && tail.is_genuine);
    assert_int_equal(tail.place.seq, LINES);
    assert_string_equal(tail.place.hash, end.hash);
    assert_int_equal(tail.torn, 12);
    assert_true(digest_sha256("seq=13 ts=20", 12, wanted));
    assert_string_equal(tail.torn_hash, wanted);
    assert_int_equal(tail_read(scratch_path(&folder, "torn"), &a_key, &tail), 0);
    assert_true(tail.has_line && !tail.is_genuine);
    assert_int_equal(tail_read(folder.folder, &no_key, &tail), -1);
}

static void syslog_head_is_of_rfc_5424(void **state)
{
    static const char body[] = "ts=2026-11-22T01:02:03.004+00:00 id=2003 ev=agent_refused result=refused";
    char head[SYSLOG_HEAD_BYTES], line[CHAIN_LINE_BYTES];
    struct chain_place place;
    size_t used;

    (void)state;
    chain_place_first(&place);
    used = chain_seal(&place, &no_key, body, strlen(body), line);
    assert_true(syslog_head(head, line, used - 1, "dmz", 42) > 0);
    assert_string_equal(head, "<108>1 2026-11-22T01:02:03.004+00:00 dmz georelay 42 agent_refused "
                              "[georelay@32473 seq=\"1\" id=\"2003\" category=\"tunnel\" result=\"refused\"] ");
    assert_int_equal(syslog_head(head, "nonsense", 8, "dmz", 42), 0);
}

static int set_up(void **state)
{
    (void)state;
    scratch_init(&folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_fini(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_is_read_as_it_was_made), cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(every_removed_line_is_found),  cmocka_unit_test(seal_says_what_was_written),
        cmocka_unit_test(tail_tells_line_and_piece),    cmocka_unit_test(syslog_head_is_of_rfc_5424),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
