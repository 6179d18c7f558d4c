/* SPDX-License-Identifier: Apache-2.0 */
/* tls/arr_ssl.h: names as Windows writes them; and the value of a connection, fresh or resumed, with two certificates at hand. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"
#include "test/unit/tls_pair.h"
#include "tls/arr_ssl.h"

#include <stdlib.h>
#include <string.h>

static struct forge forge;
static struct tls_tickets *tickets;
static struct chunk_pool pool;

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    tickets = tls_tickets_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chunk_pool_fini(&pool);
    tls_tickets_free(tickets);
    forge_fini(&forge);
    return 0;
}

/* ---- names ---- */

/** One part of a name; `set` is 0 for a part of its own, -1 for one beside the part before. */
struct part {
    const char *key;
    const char *value;
    int type; /**< 0: UTF-8 text */
    int set;
};

enum { PARTS_MAX = 10 };

static X509_NAME *new_name(const struct part *parts)
{
    X509_NAME *name = X509_NAME_new();
    for (size_t i = 0; i < PARTS_MAX && parts[i].key != NULL; i++) {
        int type = parts[i].type == 0 ? V_ASN1_UTF8STRING : parts[i].type;
        assert_int_equal(
            X509_NAME_add_entry_by_txt(name, parts[i].key, type, (const uint8_t *)parts[i].value, -1, -1, parts[i].set), 1);
    }
    return name;
}

static void test_names(void **state)
{
    static const struct {
        struct part parts[PARTS_MAX];
        const char *text;
    } rows[] = {
        {{{"C", "US"}, {"O", "DigiCert Inc"}, {"CN", "GeoTrust TLS CA"}}, "C=US, O=DigiCert Inc, CN=GeoTrust TLS CA"},
        {{{"C", "US"}, {"ST", "Washington"}, {"L", "Redmond"}, {"OU", "IT"}, {"CN", "*.example"}},
         "C=US, S=Washington, L=Redmond, OU=IT, CN=*.example"},
        {{{"DC", "no", V_ASN1_IA5STRING}, {"DC", "plant", V_ASN1_IA5STRING}, {"CN", "SD3-CA-IAM-01"}},
         "DC=no, DC=plant, CN=SD3-CA-IAM-01"},
        {{{"CN", "a"}, {"emailAddress", "a@example", V_ASN1_IA5STRING}, {"serialNumber", "7"}, {"street", "Main 1"}},
         "CN=a, E=a@example, SERIALNUMBER=7, STREET=Main 1"},
        {{{"SN", "Ohm"}, {"GN", "Georg"}, {"initials", "GO"}, {"title", "Dr"}, {"postalCode", "1"}, {"description", "d"}},
         "SN=Ohm, G=Georg, I=GO, T=Dr, PostalCode=1, Description=d"},
        {{{"1.3.6.1.4.1.311.60.2.1.3", "DE"}, {"1.2.3.4", "x"}}, "OID.1.3.6.1.4.1.311.60.2.1.3=DE, OID.1.2.3.4=x"},
        {{{"CN", "a"}, {"O", "b", 0, -1}, {"C", "NO"}}, "CN=a + O=b, C=NO"},
        {{{"O", "DigiCert, Inc."}}, "O=\"DigiCert, Inc.\""},
        {{{"O", " a"}, {"O", "a "}, {"O", "a  b"}}, "O=\" a\", O=\"a \", O=a  b"},
        {{{"O", "a+b"}, {"O", "a=b"}, {"O", "a;b"}, {"O", "<a>"}, {"O", "#1"}},
         "O=\"a+b\", O=\"a=b\", O=\"a;b\", O=\"<a>\", O=\"#1\""},
        {{{"O", "Joe \"Cool\""}}, "O=\"Joe \"\"Cool\"\"\""},
        {{{"O", "HS\xc3\x98"}, {"O", "\xe2\x82\xac\xf0\x9f\x90\xa7x"}}, "O=HS?, O=??x"},
        {{{"O", "\xd8", V_ASN1_T61STRING}}, "O=?"},
        {{{"CN", "a\r\nX-Admin: yes"}, {"O", "b\x7f"}}, "CN=\"a??X-Admin: yes\", O=b?"},
        {{{NULL, NULL}}, ""},
    };
    EVP_PKEY *key = pki_issue_key();
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char expected[512];
        X509 *x = X509_new();
        X509_NAME *name = new_name(rows[i].parts);
        X509_set_pubkey(x, key);
        X509_set_subject_name(x, name);
        char *value = arr_ssl_value(x, 128);
        snprintf(expected, sizeof(expected), "256|128||%s", rows[i].text);
        assert_string_equal(value, expected);
        free(value);
        X509_set_issuer_name(x, name);
        value = arr_ssl_value(x, 256);
        snprintf(expected, sizeof(expected), "256|256|%s|%s", rows[i].text, rows[i].text);
        assert_string_equal(value, expected);
        free(value);
        X509_NAME_free(name);
        X509_free(x);
    }
    EVP_PKEY_free(key);
}

/** A value may hold zero bytes, and be empty. */
static void test_values_that_are_no_strings(void **state)
{
    EVP_PKEY *key = pki_issue_key();
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();
    (void)state;
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", V_ASN1_UTF8STRING, (const uint8_t *)"a\0b", 3, -1, 0), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", V_ASN1_UTF8STRING, (const uint8_t *)"", 0, -1, 0), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", V_ASN1_BIT_STRING, (const uint8_t *)"\1\2", 2, -1, 0), 1);
    X509_set_pubkey(x, key);
    X509_set_subject_name(x, name);
    char *value = arr_ssl_value(x, 128);
    assert_string_equal(value, "256|128||O=a?b, O=\"\", O=?");
    free(value);
    X509_NAME_free(name);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* ---- connections ---- */

static SSL_SESSION *caught;

static int catch_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(caught);
    caught = session;
    return 1;
}

struct ask {
    int version;
    const char *sigalgs;
    const char *suites; /**< of the version */
};

/** One connection with the ticket of the last one, if `is_resumed`; gives what X-ARR-SSL says, "" for nothing. */
static const char *ask(struct tls_context *door, const struct ask *ask, bool is_resumed)
{
    static char text[256];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct tls_facts facts;
    char byte;
    int fd[2];
    SSL_CTX_set_min_proto_version(ctx, ask->version);
    SSL_CTX_set_max_proto_version(ctx, ask->version);
    assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, ask->sigalgs), 1);
    if (ask->version == TLS1_2_VERSION)
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, ask->suites), 1);
    else
        assert_int_equal(SSL_CTX_set_ciphersuites(ctx, ask->suites), 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, catch_session);
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    SSL *ssl = stranger_new(ctx, fd[1], true);
    if (is_resumed)
        assert_int_equal(SSL_set_session(ssl, caught), 1);
    assert_int_equal(pair_greet(front, NULL, ssl, NULL), STREAM_STEP_DONE);
    assert_int_equal(stream_write(front, "x", 1), 1);
    assert_int_equal(stranger_read(ssl, &byte, 1), 1);
    tls_stream_facts(front, &facts);
    assert_int_equal(facts.is_resumed, is_resumed);
    const char *value = tls_stream_arr_ssl(front);
    assert_ptr_equal(value, tls_stream_arr_ssl(front));
    snprintf(text, sizeof(text), "%s", value == NULL ? "" : value);
    SSL_shutdown(ssl);
    stream_close(front, STREAM_CLOSE_ORDERLY);
    stranger_free(ssl);
    SSL_CTX_free(ctx);
    return text;
}

/** Each certificate with each cipher, then twice more from tickets, which show no certificate. */
static void test_value_of_a_connection(void **state)
{
    struct cfg_certificate list[] = {
        forge_write(&forge, &(struct forge_leaf){"ec", "DNS:scada.example"}),
        forge_write(&forge, &(struct forge_leaf){"rsa", "DNS:scada.example", .key = FORGE_RSA}),
    };
    struct cfg_web web = {.name = (char *)(uintptr_t) "main", .certificates = list, .certificates_count = ROWS(list)};
    struct tls_context *door = forge_door(&forge, &web, 1, NULL, tickets);
    static const char ec[] = "ecdsa_secp256r1_sha256";
    static const char rsa[] = "rsa_pss_rsae_sha256";
    static const struct {
        struct ask ask;
        const char *value;
    } rows[] = {
        {{TLS1_3_VERSION, ec, "TLS_AES_128_GCM_SHA256"}, "256|128|CN=test CA|CN=ec"},
        {{TLS1_3_VERSION, ec, "TLS_AES_256_GCM_SHA384"}, "256|256|CN=test CA|CN=ec"},
        {{TLS1_3_VERSION, rsa, "TLS_AES_128_GCM_SHA256"}, "2048|128|CN=test CA|CN=rsa"},
        {{TLS1_3_VERSION, rsa, "TLS_CHACHA20_POLY1305_SHA256"}, "2048|256|CN=test CA|CN=rsa"},
        {{TLS1_2_VERSION, ec, "ECDHE-ECDSA-AES128-GCM-SHA256"}, "256|128|CN=test CA|CN=ec"},
        {{TLS1_2_VERSION, rsa, "ECDHE-RSA-AES256-GCM-SHA384"}, "2048|256|CN=test CA|CN=rsa"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_string_equal(ask(door, &rows[i].ask, false), rows[i].value);
        assert_string_equal(ask(door, &rows[i].ask, true), rows[i].value);
        assert_string_equal(ask(door, &rows[i].ask, true), rows[i].value);
    }
    SSL_SESSION_free(caught);
    caught = NULL;
    tls_context_put(door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values_that_are_no_strings),
        cmocka_unit_test(test_value_of_a_connection),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
