/* SPDX-License-Identifier: Apache-2.0 */
/* tls/pki.h: what the commands make, that OpenSSL and georelay accept it for its role only, and that nothing is overwritten. */
#include "test/unit/unit.h"

#include "test/unit/scratch.h"
#include "tls/pki.h"
#include "tls/roles.h"

#include <dirent.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch folder;
static char *out_text;
static char *err_text;
static size_t out_size;
static size_t err_size;

/** A job whose output goes to out_text and err_text, once they are closed. */
static struct pki_job open_job(int days)
{
    free(out_text);
    free(err_text);
    return (struct pki_job){folder.folder, days, open_memstream(&out_text, &out_size), open_memstream(&err_text, &err_size)};
}

static int close_job(struct pki_job *job, int result)
{
    fclose(job->out);
    fclose(job->err);
    assert_int_equal(result == 0, err_size == 0);
    assert_int_equal(result == 0, out_size > 0);
    return result;
}

static int run_init(int days)
{
    struct pki_job job = open_job(days);
    return close_job(&job, pki_init(&job));
}

static int run_agent(const char *name, int days)
{
    struct pki_job job = open_job(days);
    return close_job(&job, pki_agent(&job, name));
}

static int run_web(const char *host, int days)
{
    struct pki_job job = open_job(days);
    return close_job(&job, pki_web(&job, host));
}

static unsigned count_in(const char *path)
{
    DIR *d = opendir(path);
    unsigned count = 0;
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return count;
}

/** Files in the folder, temporary ones too, without the list of revoked ones and the folder of those issued. */
static unsigned count_files(void)
{
    return count_in(folder.folder) - 2;
}

static int set_up(void **state)
{
    (void)state;
    umask(0);
    scratch_init(&folder);
    assert_int_equal(run_init(0), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_fini(&folder);
    free(out_text);
    free(err_text);
    out_text = NULL;
    err_text = NULL;
    return 0;
}

static X509 *read_certificate(const char *name)
{
    FILE *file = fopen(scratch_path(&folder, name), "r");
    assert_non_null(file);
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(x);
    return x;
}

/** The verification's result for a purpose, with ca.crt as the only trusted one. */
static int verify(const char *name, int purpose)
{
    X509 *ca = read_certificate("ca.crt");
    X509 *x = read_certificate(name);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT);
    X509_STORE_CTX_init(check, store, x, NULL);
    X509_STORE_CTX_set_purpose(check, purpose);
    int result = X509_verify_cert(check) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(check);
    X509_STORE_CTX_free(check);
    X509_STORE_free(store);
    X509_free(x);
    X509_free(ca);
    return result;
}

static unsigned mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(stat(scratch_path(&folder, name), &st), 0);
    return st.st_mode & 07777;
}

static void test_init(void **state)
{
    char name[IDENTITY_NAME_MAX + 1];
    (void)state;
    assert_int_equal(count_files(), 4);
    assert_int_equal(mode_of("ca.key"), 0600);
    assert_int_equal(mode_of("relay.key"), 0600);
    assert_int_equal(mode_of("ca.crt"), 0644);
    assert_int_equal(mode_of("relay.crt"), 0644);
    X509 *ca = read_certificate("ca.crt");
    X509 *relay = read_certificate("relay.crt");
    assert_int_equal(X509_check_ca(ca), 1);
    assert_int_equal(X509_get_pathlen(ca), 0);
    assert_int_equal(X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_true(role_is_relay(relay));
    assert_false(role_is_agent(relay, name));
    assert_int_equal(X509_check_ca(relay), 0);
    assert_true(ASN1_INTEGER_cmp(X509_get0_serialNumber(ca), X509_get0_serialNumber(relay)) != 0);
    X509_free(ca);
    X509_free(relay);
    assert_int_equal(verify("relay.crt", X509_PURPOSE_SSL_SERVER), X509_V_OK);
    assert_int_equal(verify("relay.crt", X509_PURPOSE_SSL_CLIENT), X509_V_ERR_INVALID_PURPOSE);
}

static void test_nothing_is_overwritten(void **state)
{
    char *before = scratch_read(&folder, "ca.key");
    (void)state;
    assert_int_equal(run_init(0), -1);
    assert_non_null(strstr(err_text, "never overwritten"));
    char *after = scratch_read(&folder, "ca.key");
    assert_string_equal(before, after);
    assert_int_equal(count_files(), 4);
    free(after);
    /* Also if only one of the files is there: no half of a pair is left. */
    assert_int_equal(unlink(scratch_path(&folder, "ca.key")), 0);
    assert_int_equal(unlink(scratch_path(&folder, "ca.crt")), 0);
    assert_int_equal(run_init(0), -1);
    assert_int_equal(count_files(), 2);
    free(before);
}

static void test_agent(void **state)
{
    char name[IDENTITY_NAME_MAX + 1];
    (void)state;
    assert_int_equal(run_agent("site-a", 0), 0);
    assert_int_equal(count_files(), 6);
    assert_int_equal(mode_of("site-a.key"), 0600);
    X509 *x = read_certificate("site-a.crt");
    assert_true(role_is_agent(x, name));
    assert_string_equal(name, "site-a");
    assert_false(role_is_relay(x));
    X509_free(x);
    assert_int_equal(verify("site-a.crt", X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    assert_int_equal(verify("site-a.crt", X509_PURPOSE_SSL_SERVER), X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(run_agent("site-a", 0), -1);
    assert_int_equal(count_files(), 6);
}

static void test_agent_names(void **state)
{
    static const char *const bad[] = {
        "",    "-a",  ".a", "a/b",   "a b", "../x", "a\n",
        "a,b", "a:b", "ca", "relay", "web", "CA",   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++)
        EXPECT(run_agent(bad[i], 0) == -1, bad[i]);
    assert_int_equal(count_files(), 4);
    assert_int_equal(run_agent("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0), 0);
}

static void remove_web(void)
{
    unlink(scratch_path(&folder, "web.key"));
    unlink(scratch_path(&folder, "web.crt"));
    unlink(scratch_path(&folder, "web.csr"));
}

static void test_web(void **state)
{
    static const struct {
        const char *host;
        bool is_ip;
    } good[] = {
        {"scada.example", false},
        {"scada", false},
        {"*.scada.example", false},
        {"10.0.0.5", true},
        {"2001:db8::5", true},
        {"3com.example", false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", false},
    };
    static const char *const bad[] = {"",
                                      ".",
                                      "a..b",
                                      "a.",
                                      ".a",
                                      "-a.b",
                                      "a-.b",
                                      "a_b",
                                      "a b",
                                      "a/b",
                                      "*",
                                      "a.*.b",
                                      "**.a",
                                      "10.0.0.256",
                                      "a:80",
                                      "[::1]:80",
                                      "a,DNS:b",
                                      "a\nb",
                                      "\xc3\xa4.example"};
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        EXPECT(run_web(good[i].host, 0) == 0, good[i].host);
        X509 *x = read_certificate("web.crt");
        int fits = good[i].is_ip ? X509_check_ip_asc(x, good[i].host, 0)
                                 : X509_check_host(x, good[i].host[0] == '*' ? "a.scada.example" : good[i].host, 0, 0, NULL);
        EXPECT(fits == 1, good[i].host);
        assert_false(role_is_relay(x));
        X509_free(x);
        assert_int_equal(verify("web.crt", X509_PURPOSE_SSL_SERVER), X509_V_OK);
        assert_int_equal(mode_of("web.csr"), 0644);
        remove_web();
    }
    for (size_t i = 0; i < ROWS(bad); i++)
        EXPECT(run_web(bad[i], 0) == -1, bad[i]);
    assert_int_equal(count_files(), 4);
}

static void test_request(void **state)
{
    (void)state;
    assert_int_equal(run_web("scada.example", 0), 0);
    FILE *file = fopen(scratch_path(&folder, "web.csr"), "r");
    X509_REQ *request = PEM_read_X509_REQ(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(request);
    assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
    X509 *x = read_certificate("web.crt");
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), X509_REQ_get0_pubkey(request)), 1);
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(request);
    assert_int_equal(X509v3_get_ext_by_NID(list, NID_subject_alt_name, -1), 0);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_free(x);
    X509_REQ_free(request);
}

static void test_days(void **state)
{
    int day = 0;
    int second = 0;
    (void)state;
    assert_int_equal(run_agent("a", -1), -1);
    assert_int_equal(run_agent("a", 100000), -1);
    assert_int_equal(run_agent("a", 30), 0);
    X509 *x = read_certificate("a.crt");
    assert_int_equal(ASN1_TIME_diff(&day, &second, X509_get0_notBefore(x), X509_get0_notAfter(x)), 1);
    assert_int_equal(day, 30);
    assert_int_equal(second, 3600); /* from an hour ago */
    X509_free(x);
    /* Not longer than the CA. */
    assert_int_equal(run_agent("b", 9000), 0);
    assert_non_null(strstr(out_text, "the CA ends then"));
    x = read_certificate("b.crt");
    X509 *ca = read_certificate("ca.crt");
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca)), 0);
    X509_free(ca);
    X509_free(x);
}

static void test_a_ca_that_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(chmod(scratch_path(&folder, "ca.key"), 0644), 0);
    assert_int_equal(run_agent("a", 0), -1);
    assert_non_null(strstr(err_text, "chmod 600"));
    assert_int_equal(unlink(scratch_path(&folder, "ca.key")), 0);
    assert_int_equal(run_agent("a", 0), -1);
    assert_int_equal(count_files(), 3);
    /* A folder whose ca.crt is another one's. */
    assert_int_equal(rename(scratch_path(&folder, "relay.key"), scratch_path(&folder, "ca.key")), 0);
    assert_int_equal(run_agent("a", 0), -1);
    assert_non_null(strstr(err_text, "does not fit"));
}

static int run_list(void)
{
    struct pki_job job = open_job(0);
    return close_job(&job, pki_list(&job));
}

static int run_revoke(const char *name)
{
    struct pki_job job = open_job(0);
    return close_job(&job, pki_revoke(&job, name));
}

/** Where the line of a certificate begins in what was printed; fails if there is none. */
static const char *line_of(const char *serial)
{
    const char *found = strstr(out_text, serial);
    if (found == NULL)
        fail_msg("%s is not listed:\n%s", serial, out_text);
    return found;
}

/** The serial number in STEM.crt, as it is printed. */
static void serial_of(const char *stem, char text[64])
{
    char name[80];
    snprintf(name, sizeof(name), "%s.crt", stem);
    X509 *x = read_certificate(name);
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *digits = BN_bn2hex(number);
    snprintf(text, 64, "%s", digits);
    OPENSSL_free(digits);
    BN_free(number);
    X509_free(x);
}

static void test_list(void **state)
{
    char serial[64];
    (void)state;
    assert_int_equal(run_agent("site-a", 100), 0);
    assert_int_equal(run_list(), 0);
    serial_of("site-a", serial);
    assert_non_null(strstr(line_of(serial), "   100  good\n"));
    assert_non_null(strstr(out_text, "\nsite-a          agent  "));
    assert_non_null(strstr(out_text, "\ngeorelay CA     ca     "));
    assert_non_null(strstr(out_text, "\ngeorelay relay  relay  "));
    /* Each once, though its copy is there too; and also if only the copy is there. */
    assert_null(strstr(line_of(serial) + 1, serial));
    assert_int_equal(unlink(scratch_path(&folder, "site-a.crt")), 0);
    assert_int_equal(run_list(), 0);
    line_of(serial);
    struct pki_job job = open_job(0);
    job.folder = "/nonexistent";
    assert_int_equal(close_job(&job, pki_list(&job)), -1);
}

static void test_revoke(void **state)
{
    char first[64];
    char second[64];
    char *text;
    (void)state;
    assert_int_equal(run_revoke("site-a"), -1);
    assert_int_equal(run_revoke("relay"), -1); /* agents alone are on the list */
    text = scratch_read(&folder, "revoked");
    assert_non_null(strstr(text, "\nend 0\n"));
    free(text);
    assert_int_equal(run_agent("site-a", 0), 0);
    assert_int_equal(run_agent("site-b", 0), 0);
    serial_of("site-a", first);
    assert_int_equal(run_revoke("site-a"), 0);
    assert_int_equal(mode_of("revoked"), 0644);
    assert_int_equal(run_list(), 0);
    assert_in_range(strstr(line_of(first), "  revoked\n") - line_of(first), 1, 80);
    /* The name is free again; what is revoked stays so, and the new one is not. */
    assert_int_equal(run_agent("site-a", 0), 0);
    serial_of("site-a", second);
    assert_int_equal(run_list(), 0);
    assert_non_null(strstr(line_of(second), "good"));
    assert_int_equal(run_revoke("site-a"), 0);
    text = scratch_read(&folder, "revoked");
    assert_non_null(strstr(text, first));
    assert_non_null(strstr(text, second));
    assert_non_null(strstr(text, "\nend 2\n"));
    free(text);
    /* Once more changes nothing. */
    assert_int_equal(run_revoke("site-a"), 0);
    text = scratch_read(&folder, "revoked");
    assert_non_null(strstr(text, "\nend 2\n"));
    free(text);
    /* CA, relay, two of site-a, site-b; and the two keys. */
    assert_int_equal(count_in(scratch_path(&folder, "issued")), 4 + 2);
    assert_int_equal(count_files(), 4 + 2);
}

/** A list that is not whole is not continued. */
static void test_revoke_with_a_broken_list(void **state)
{
    FILE *file;
    (void)state;
    assert_int_equal(run_agent("site-a", 0), 0);
    file = fopen(scratch_path(&folder, "revoked"), "we");
    assert_non_null(file);
    fputs("AB site-x 2026-01-01T00:00:00Z\n", file);
    fclose(file);
    assert_int_equal(run_revoke("site-a"), -1);
    assert_non_null(strstr(err_text, "not whole"));
    assert_int_equal(run_list(), -1);
    assert_int_equal(count_files(), 6);
    /* Of a folder of an older version: there is no list yet. */
    assert_int_equal(unlink(scratch_path(&folder, "revoked")), 0);
    assert_int_equal(run_revoke("site-a"), 0);
    char *text = scratch_read(&folder, "revoked");
    assert_non_null(strstr(text, "\nend 1\n"));
    free(text);
}

static void test_folders(void **state)
{
    struct stat st;
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "%s/new", folder.folder);
    struct pki_job job = open_job(0);
    job.folder = path;
    assert_int_equal(close_job(&job, pki_init(&job)), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(rename(path, scratch_path(&folder, "old")), 0);
    /* agent and web make no folder: there is no CA in a new one. */
    job = open_job(0);
    job.folder = path;
    assert_int_equal(close_job(&job, pki_web(&job, "a.example")), -1);
    job = open_job(0);
    job.folder = "/nonexistent/pki";
    assert_int_equal(close_job(&job, pki_init(&job)), -1);
    assert_non_null(strstr(err_text, "make its parent first"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_init, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_overwritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_agent_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_web, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_ca_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revoke, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revoke_with_a_broken_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
