/* SPDX-License-Identifier: Apache-2.0 */
/* tls/revoked.h and its list: what a list may say, that half a file is never used, and whose streams are found. */
#include "test/unit/unit.h"

#include "test/unit/guard.h"
#include "test/unit/tls_forge.h"
#include "test/unit/tls_pair.h"
#include "tls/revoked.h"
#include "tls/revoked_list.h"

#include <openssl/bn.h>
#include <openssl/pem.h>
#include <string.h>

static struct forge forge;
static struct forge other;
static struct tls_tickets *tickets;
static struct tls_revoked *revoked;
static struct cfg_certificate relay, site_a, site_b;

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    forge_init(&other);
    tickets = tls_tickets_new();
    revoked = tls_revoked_new();
    relay = forge_write(&forge, &(struct forge_leaf){"relay", "URI:urn:georelay:relay"});
    site_a = forge_write(&forge, &(struct forge_leaf){"site-a", "URI:urn:georelay:agent:site-a", "clientAuth"});
    site_b = forge_write(&forge, &(struct forge_leaf){"site-b", "URI:urn:georelay:agent:site-b", "clientAuth"});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_revoked_free(revoked);
    tls_tickets_free(tickets);
    forge_fini(&forge);
    forge_fini(&other);
    return 0;
}

/* ---- the text ---- */

#define LONGEST "0123456789abcdefABCDEF0123456789abcdef01" /* 40 digits */

static const struct {
    const char *comment;
    const char *text;
    int count; /* -1: refused */
} lists[] = {
    {"none", "end 0\n", 0},
    {"no newline at the end", "end 0", 0},
    {"comments and empty lines", "# x\n\n   # y\n\nend 0\n\n# z\n", 0},
    {"one", "AB site-a 2026-01-01T00:00:00Z\nend 1\n", 1},
    {"the number is enough", "ab\nend 1\n", 1},
    {"blanks", " \tAB\t site-a\nend\t1 \n", 1},
    {"lines of Windows", "AB site-a x\r\n\r\nend 1\r\n", 1},
    {"the longest number", LONGEST " x y\nend 1\n", 1},
    {"a number that begins like the end", "EndA\nend 1\n", -1},
    {"hexadecimal that begins like it", "ED\nend 1\n", 1},
    {"empty", "", -1},
    {"no end", "AB site-a x\n", -1},
    {"cut within the end", "AB site-a x\nen", -1},
    {"cut before the number", "AB site-a x\nend", -1},
    {"fewer than it says", "AB site-a x\nend 2\n", -1},
    {"more than it says", "AB x y\nAC x y\nend 1\n", -1},
    {"something after the end", "end 0\nAB x y\n", -1},
    {"two ends", "end 0\nend 0\n", -1},
    {"no number", "site-a AB\nend 1\n", -1},
    {"too long a number", LONGEST "0 x y\nend 1\n", -1},
    {"words behind the end", "end 0 0\n", -1},
    {"a count that is none", "end x\n", -1},
    {"a count too large", "end 99999999999999999999\n", -1},
};

static int count_line(void *arg, const struct revoked_serial *serial)
{
    (void)serial;
    ++*(int *)arg;
    return 0;
}

static void test_lists(void **state)
{
    struct guard guard;
    (void)state;
    guard_init(&guard, 4096);
    for (size_t i = 0; i < ROWS(lists); i++) {
        size_t length = strlen(lists[i].text);
        const char *text = (const char *)guard_copy(&guard, lists[i].text, length);
        const char *wrong = NULL;
        unsigned line;
        int count = 0;
        int result = revoked_list_parse(text, length, count_line, &count, &wrong, &line);
        EXPECT((result == 0) == (lists[i].count >= 0), lists[i].comment);
        EXPECT(result != 0 || count == lists[i].count, lists[i].comment);
        EXPECT((wrong != NULL) == (result != 0), lists[i].comment);
    }
    guard_fini(&guard);
}

static void test_serials(void **state)
{
    struct revoked_serial a, b;
    static const uint8_t bytes[] = {0, 0, 0x0a, 0xbc};
    static const uint8_t too_long[REVOKED_SERIAL + 1] = {1};
    (void)state;
    assert_int_equal(revoked_serial_parse("aBc", 3, &a), 0);
    assert_int_equal(revoked_serial_from_bytes(bytes, sizeof(bytes), &b), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(revoked_serial_parse("000abc", 6, &b), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(revoked_serial_parse("abd", 3, &b), 0);
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_int_equal(revoked_serial_parse("", 0, &b), -1);
    assert_int_equal(revoked_serial_parse("0x1", 3, &b), -1);
    assert_int_equal(revoked_serial_from_bytes(too_long, sizeof(too_long), &b), -1);
}

/* ---- files ---- */

static struct cfg_tunnel tunnel(bool has_list, bool has_crl)
{
    static char list[128], crl[128];
    snprintf(list, sizeof(list), "%s", scratch_path(&forge.scratch, "revoked"));
    snprintf(crl, sizeof(crl), "%s", scratch_path(&forge.scratch, "ca.crl"));
    return (struct cfg_tunnel){.ca = forge.ca_path, .revoked = has_list ? list : NULL, .crl = has_crl ? crl : NULL};
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(scratch_path(&forge.scratch, name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static X509 *read_x509(const struct cfg_certificate *files)
{
    FILE *file = fopen(files->chain, "re");
    assert_non_null(file);
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(x);
    fclose(file);
    return x;
}

static void revoke(const struct cfg_certificate *files)
{
    X509 *x = read_x509(files);
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *digits = BN_bn2hex(number);
    char text[256];
    snprintf(text, sizeof(text), "01 x y\n%s site y\nff x y\nend 3\n", digits);
    write_text("revoked", text);
    OPENSSL_free(digits);
    BN_free(number);
    X509_free(x);
}

/** A CRL with that certificate on it, signed by `by`, to be replaced in `next_s` seconds. */
static void write_crl(const struct forge *by, const struct cfg_certificate *files, long next_s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, time(NULL) - 60);
    ASN1_TIME *next = ASN1_TIME_set(NULL, time(NULL) + next_s);
    X509 *x = read_x509(files);
    X509_REVOKED *one = X509_REVOKED_new();
    FILE *file = fopen(scratch_path(&forge.scratch, "ca.crl"), "we");
    assert_non_null(file);
    assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->ca.certificate)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, when), 1);
    assert_int_equal(X509_CRL_set1_nextUpdate(crl, next), 1);
    X509_REVOKED_set_serialNumber(one, X509_get_serialNumber(x));
    X509_REVOKED_set_revocationDate(one, when);
    assert_int_equal(X509_CRL_add0_revoked(crl, one), 1);
    assert_true(X509_CRL_sign(crl, by->ca.key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
    assert_int_equal(fclose(file), 0);
    X509_CRL_free(crl);
    X509_free(x);
    ASN1_TIME_free(when);
    ASN1_TIME_free(next);
}

static int load(bool has_list, bool has_crl, struct forge_problems *problems)
{
    struct cfg_tunnel t = tunnel(has_list, has_crl);
    *problems = (struct forge_problems){0};
    int result = tls_revoked_load(revoked, &t, forge_problem, problems);
    assert_int_equal(result == 0, problems->count == 0);
    return result;
}

/** A list that can't be used changes nothing, and is told of. */
static void test_a_bad_list_changes_nothing(void **state)
{
    struct forge_problems problems;
    (void)state;
    assert_int_equal(load(true, false, &problems), -1); /* there is none */
    assert_non_null(strstr(problems.text, "georelay pki"));
    revoke(&site_a);
    assert_int_equal(load(true, false, &problems), 0);
    assert_int_equal(tls_revoked_count(revoked), 3);
    write_text("revoked", "01 x y\n");
    assert_int_equal(load(true, false, &problems), -1);
    assert_non_null(strstr(problems.text, "not whole"));
    assert_int_equal(tls_revoked_count(revoked), 3);
    write_text("revoked", "end 0\n");
    assert_int_equal(load(true, false, &problems), 0);
    assert_int_equal(tls_revoked_count(revoked), 0);
}

static void test_crls(void **state)
{
    struct forge_problems problems;
    (void)state;
    write_crl(&forge, &site_a, 3600);
    write_text("revoked", "01 x y\nend 1\n");
    assert_int_equal(load(true, true, &problems), 0);
    assert_int_equal(tls_revoked_count(revoked), 2);
    assert_false(tls_revoked_is_outdated(revoked));
    write_crl(&other, &site_a, 3600); /* of a CA of the same name */
    assert_int_equal(load(true, true, &problems), -1);
    assert_non_null(strstr(problems.text, "not signed"));
    assert_int_equal(tls_revoked_count(revoked), 2);
    write_crl(&forge, &site_b, -10); /* an old one counts, and says so */
    assert_int_equal(load(false, true, &problems), 0);
    assert_true(tls_revoked_is_outdated(revoked));
    assert_int_equal(tls_revoked_count(revoked), 1);
    write_text("ca.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    assert_int_equal(load(false, true, &problems), -1);
    write_text("ca.crl", "");
    assert_int_equal(load(false, true, &problems), -1);
    assert_int_equal(tls_revoked_count(revoked), 1);
}

/* ---- streams ---- */

/** What is held of the relay's end of a connection of that agent; and whether it was resumed. */
static bool is_held(struct tls_context *door, struct tls_context *agent, bool *ret_is_resumed)
{
    static struct chunk_pool pool;
    struct tls_facts facts;
    enum stream_step step;
    char byte;
    int fd[2];
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    struct stream *back = pair_connect(agent, fd[1], 0, &pool);
    assert_false(tls_revoked_holds(revoked, front)); /* nobody yet */
    assert_int_equal(pair_greet(front, back, NULL, &step), STREAM_STEP_DONE);
    assert_int_equal(stream_write(front, "x", 1), 1);
    assert_int_equal(pair_read(back, &byte, 1), 1);
    tls_stream_facts(front, &facts);
    *ret_is_resumed = facts.is_resumed;
    bool result = tls_revoked_holds(revoked, front);
    assert_false(tls_revoked_holds(NULL, front));
    stream_close(front, STREAM_CLOSE_RESET);
    stream_close(back, STREAM_CLOSE_RESET);
    chunk_pool_fini(&pool);
    return result;
}

/** Also of a session that is resumed from before the revocation. */
static void test_streams(void **state)
{
    struct forge_problems problems = {0};
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct tls_context *a = tls_context_new_agent(&site_a, forge.ca_path, forge_problem, &problems);
    struct tls_context *b = tls_context_new_agent(&site_b, forge.ca_path, forge_problem, &problems);
    bool is_resumed;
    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_false(is_held(door, a, &is_resumed));
    revoke(&site_a);
    assert_int_equal(load(true, false, &problems), 0);
    assert_true(is_held(door, a, &is_resumed));
    assert_true(is_resumed);
    assert_false(is_held(door, b, &is_resumed));
    /* With its sessions dropped it is held all the same, and others resume as before. */
    tls_revoked_drop_sessions(revoked, tickets);
    assert_true(is_held(door, a, &is_resumed));
    assert_false(is_resumed);
    assert_false(is_held(door, b, &is_resumed));
    assert_true(is_resumed);
    write_text("revoked", "end 0\n");
    assert_int_equal(load(true, false, &problems), 0);
    assert_false(is_held(door, a, &is_resumed));
    tls_context_put(a);
    tls_context_put(b);
    tls_context_put(door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_serials),
        cmocka_unit_test_setup_teardown(test_a_bad_list_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_streams, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
