/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts from files: each mistake is told with its remedy, all of them at once, and nothing is left behind. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct forge forge;
static struct forge other;
static struct tls_tickets *tickets;
static struct cfg_certificate good;

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    forge_init(&other);
    tickets = tls_tickets_new();
    good = forge_write(&forge, &(struct forge_leaf){"good", "DNS:a.example"});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_tickets_free(tickets);
    forge_fini(&forge);
    forge_fini(&other);
    return 0;
}

/** What loading these certificates tells; "" if nothing. */
static const char *load(struct cfg_certificate *list, size_t count)
{
    static struct forge_problems problems;
    struct cfg_web web = {.name = (char *)(uintptr_t) "main", .certificates = list, .certificates_count = count};
    problems = (struct forge_problems){0};
    struct tls_context *door = tls_context_new_door(&web, 1, NULL, tickets, forge_problem, &problems);
    assert_int_equal(door == NULL, problems.count > 0);
    tls_context_put(door);
    return problems.text;
}

static void expect(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

static char *path_of(const char *name)
{
    static char paths[16][128];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof(paths[0]), "%s/%s", forge.scratch.folder, name);
    return path;
}

/** Writes a file of that mode and gives its path. */
static char *write_file(const char *name, const char *text, mode_t mode)
{
    char *path = path_of(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void test_good(void **state)
{
    (void)state;
    assert_string_equal(load(&good, 1), "");
}

static void test_files_that_can_not_be_read(void **state)
{
    struct cfg_certificate c = {.chain = path_of("absent.crt"), .key = path_of("absent.key")};
    (void)state;
    expect(load(&c, 1), "absent.crt can't be read: No such file");
    expect(load(&c, 1), "absent.key can't be read: No such file");
    c = (struct cfg_certificate){.chain = forge.scratch.folder, .key = good.key};
    expect(load(&c, 1), "Is a directory");
    c = (struct cfg_certificate){.chain = (char *)(uintptr_t) "/dev/zero", .key = good.key};
    expect(load(&c, 1), "must be a readable file");
    char *huge = malloc(300000);
    memset(huge, 'x', 299999);
    huge[299999] = '\0';
    c = (struct cfg_certificate){.chain = write_file("huge.crt", huge, 0644), .key = good.key};
    expect(load(&c, 1), "far too long");
    free(huge);
}

static void test_text_that_is_none(void **state)
{
    struct cfg_certificate c = {.chain = write_file("empty.crt", "", 0644), .key = write_file("empty.key", "", 0600)};
    (void)state;
    expect(load(&c, 1), "empty.crt holds no certificate");
    expect(load(&c, 1), "empty.key holds no private key");
    char *text = scratch_read(&forge.scratch, "good.crt");
    text[strlen(text) / 2] = '!';
    c = (struct cfg_certificate){.chain = write_file("torn.crt", text, 0644), .key = good.key};
    expect(load(&c, 1), "torn.crt holds a damaged certificate");
    free(text);
}

static void test_key_modes(void **state)
{
    char *text = scratch_read(&forge.scratch, "good.key");
    static const struct {
        mode_t mode;
        bool is_good;
    } rows[] = {{0600, true}, {0400, true}, {0640, false}, {0604, false}, {0620, false}, {0644, false}};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cfg_certificate c = {.chain = good.chain, .key = write_file("mode.key", text, rows[i].mode)};
        const char *told = load(&c, 1);
        if (rows[i].is_good)
            assert_string_equal(told, "");
        else
            expect(told, "run: chmod 600 ");
    }
    unlink(path_of("mode.key"));
    free(text);
}

static void test_key_with_pass_phrase(void **state)
{
    EVP_PKEY *key = pki_issue_key();
    FILE *file = fopen(path_of("locked.key"), "w");
    (void)state;
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    fclose(file);
    chmod(path_of("locked.key"), 0600);
    struct cfg_certificate c = {.chain = good.chain, .key = path_of("locked.key")};
    expect(load(&c, 1), "has a pass phrase; remove it");
    EVP_PKEY_free(key);
}

static void test_keys_and_dates(void **state)
{
    static const struct {
        struct forge_leaf leaf;
        const char *told;
    } rows[] = {
        {{"k1", "DNS:a", .key = FORGE_RSA}, NULL},
        {{"k2", "DNS:a", .key = FORGE_RSA_WEAK}, "too weak: RSA with 1024 bits"},
        {{"k3", "DNS:a", .key = FORGE_ED25519}, "not every peer knows"},
        {{"k4", "DNS:a", .until_s = -5}, "expired on "},
        {{"k5", "DNS:a", .from_s = 500}, "is not valid before "},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cfg_certificate c = forge_write(&forge, &rows[i].leaf);
        if (rows[i].told == NULL)
            assert_string_equal(load(&c, 1), "");
        else
            expect(load(&c, 1), rows[i].told);
    }
}

static void test_pairs(void **state)
{
    struct cfg_certificate a = forge_write(&forge, &(struct forge_leaf){"pair-a", "DNS:a"});
    struct cfg_certificate mixed = {.chain = a.chain, .key = good.key};
    (void)state;
    expect(load(&mixed, 1), "does not fit the certificate");
    char *first = scratch_read(&forge.scratch, "ca.crt");
    char *second = scratch_read(&forge.scratch, "pair-a.crt");
    char *both = malloc(strlen(first) + strlen(second) + 1);
    sprintf(both, "%s%s", first, second);
    struct cfg_certificate turned = {.chain = write_file("turned.crt", both, 0644), .key = a.key};
    expect(load(&turned, 1), "must come first");
    sprintf(both, "%s%s", second, first);
    struct cfg_certificate chain = {.chain = write_file("chain.crt", both, 0644), .key = a.key};
    assert_string_equal(load(&chain, 1), "");
    free(first);
    free(second);
    free(both);
}

static void test_the_same_names_twice(void **state)
{
    struct cfg_certificate list[] = {good, forge_write(&forge, &(struct forge_leaf){"twin", "DNS:A.example"})};
    (void)state;
    expect(load(list, 2), "would never be used");
    list[1] = forge_write(&forge, &(struct forge_leaf){"twin-rsa", "DNS:A.example", .key = FORGE_RSA});
    assert_string_equal(load(list, 2), "");
}

static void test_all_mistakes_at_once(void **state)
{
    struct cfg_certificate list[] = {{.chain = path_of("no1.crt"), .key = good.key},
                                     {.chain = path_of("no2.crt"), .key = good.key}};
    (void)state;
    expect(load(list, 2), "no1.crt");
    expect(load(list, 2), "no2.crt");
    expect(load(NULL, 0), "has no certificate");
}

static void test_tunnel(void **state)
{
    struct cfg_certificate relay = forge_write(&forge, &(struct forge_leaf){"relay", "URI:urn:georelay:relay"});
    struct cfg_certificate site = forge_write(&forge, &(struct forge_leaf){"site", "URI:urn:georelay:agent:site", "clientAuth"});
    const struct {
        const struct cfg_certificate *own;
        const char *ca;
        const char *told;
        bool is_agent;
    } rows[] = {
        {&relay, forge.ca_path, NULL, false},
        {&site, forge.ca_path, NULL, true},
        {&site, forge.ca_path, "is not a relay's", false},
        {&relay, forge.ca_path, "is not an agent's", true},
        {&good, forge.ca_path, "is not a relay's", false},
        {&relay, other.ca_path, "is not signed by the CA", false},
        {&site, other.ca_path, "is not signed by the CA", true},
        {&relay, relay.chain, "is not a certificate of a CA", false},
        {&relay, "/nonexistent/ca.crt", "can't be read", false},
        {&site, "/nonexistent/ca.crt", "can't be read", true},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct forge_problems problems = {0};
        struct cfg_tunnel tunnel = {.identity = *rows[i].own, .ca = (char *)(uintptr_t)rows[i].ca};
        struct tls_context *c = rows[i].is_agent ? tls_context_new_agent(rows[i].own, rows[i].ca, forge_problem, &problems)
                                                 : tls_context_new_door(NULL, 0, &tunnel, tickets, forge_problem, &problems);
        assert_int_equal(c == NULL, rows[i].told != NULL);
        if (rows[i].told != NULL)
            expect(problems.text, rows[i].told);
        tls_context_put(c);
    }
}

/** What a front door tells that asks its clients for certificates of that CA. */
static void test_clients(void **state)
{
    struct cfg_certificate expired = forge_write(&forge, &(struct forge_leaf){"old", "DNS:a", .until_s = -60});
    const struct {
        const char *ca;
        const char *told;
    } rows[] = {
        {forge.ca_path, NULL},
        {other.ca_path, NULL},
        {"/nonexistent/clients.crt", "clients.crt can't be read: No such file or directory; correct the path, or copy"},
        {good.chain, "is not a certificate of a CA; name the certificate of the CA that signs the clients' certificates"},
        {good.key, "holds no certificate"},
        {expired.chain, "expired on "},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (int mode = CFG_CLIENT_CERT_OFF; mode <= CFG_CLIENT_CERT_REQUIRED; mode++) {
            struct forge_problems problems = {0};
            struct cfg_web web = {.name = (char *)(uintptr_t) "main",
                                  .certificates = &good,
                                  .certificates_count = 1,
                                  .client_certificate = mode,
                                  .client_ca = mode == CFG_CLIENT_CERT_OFF ? NULL : (char *)(uintptr_t)rows[i].ca};
            struct tls_context *door = tls_context_new_door(&web, 1, NULL, tickets, forge_problem, &problems);
            bool is_good = mode == CFG_CLIENT_CERT_OFF || rows[i].told == NULL;
            assert_int_equal(door != NULL, is_good);
            if (!is_good)
                expect(problems.text, rows[i].told);
            tls_context_put(door);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_files_that_can_not_be_read),
        cmocka_unit_test(test_text_that_is_none),
        cmocka_unit_test(test_key_modes),
        cmocka_unit_test(test_key_with_pass_phrase),
        cmocka_unit_test(test_keys_and_dates),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_the_same_names_twice),
        cmocka_unit_test(test_all_mistakes_at_once),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_clients),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
